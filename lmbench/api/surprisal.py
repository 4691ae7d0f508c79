"""Surprisal by word from Python."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Literal

from lmbench.api.arguments import Models, Text
from lmbench.api.progress import open_progress
from lmbench.api.ready_models import Training, ready_models
from lmbench.corpora.formats import AUTO
from lmbench.words.items import Columns, Items, Source, read_items
from lmbench.words.measures import Settings, check_request, measure_words

if TYPE_CHECKING:
    import pandas as pd


def surprisal(
    models: Models,
    items: Source,
    *,
    column: str | None = None,
    regions: str | None = None,
    corpus: Text = "pydocs",
    boundary: Literal["leading", "trailing"] = "leading",
    add: str | Sequence[str] = (),
    words: Literal["spaces", "jieba"] = "spaces",
    refit: bool = False,
    progress: bool = True,
) -> pd.DataFrame:
    """Return the surprisal of each word of each item under each model: ``lmbench.surprisal("smollm2", frame)``.

    Each item is one document, so that no item sees another. docs/surprisal.md defines the columns.

    Args:
        models: Specs as on the command line, in one string or a list; instances or classes of models; or a dict that
            gives each of them a label. An instance that is fitted is used as it is.
        items: A data frame, a column of one, a list of texts, or the path of a table (CSV, TSV, JSON, JSON lines,
            Parquet) or of a plain text with one item a line.
        column: The column of the texts. By default "sentence" or "text", or the only column.
        regions: A column that divides each text into regions, which replace its words: a list of strings, or a string
            in which ``|`` separates them.
        corpus: The name of a corpus, a corpus, or documents, on which models are fitted that are not pretrained.
        boundary: "leading": a word's surprisal includes the white space before it. "trailing": it includes the
            probability that the word ends instead.
        add: Further columns: "entropy" and "rank" of the event that begins the word, and "difference" in bits to the
            first model.
        words: What the words are: those that white space separates, or those of jieba, for Chinese.
        refit: Whether to fit models even if they were fitted on the same text and stored.
        progress: Whether to show progress in a notebook or a terminal.

    Returns:
        One row for each model, item and word. Models come in the order in which they are given.

    Raises:
        LmbenchError: A model, the corpus or the items cannot be used, or a model does not have what the columns need.
    """
    settings = Settings.parse(boundary, add, words)
    read = read_items(items, Columns(column, regions, settings.spaced), AUTO)
    with open_progress(progress) as shown:
        return measure_items(models, read, settings, Training(corpus, refit, shown))


def measure_items(models: Models, items: Items, settings: Settings, training: Training) -> pd.DataFrame:
    """Make models ready, and return the surprisal of each word of each item. Raises as `surprisal` does."""
    ready = ready_models(models, training, partial(check_request, items=items, settings=settings))
    if training.is_tokenized and (word := items.find_punctuated()):
        training.progress.notice(
            f"{training.name} has spaces between words and punctuation, and the items do not, so that '{word}' is an "
            "unknown word; write the items like the corpus, or use another corpus"
        )
    return measure_words(ready, items, settings, training.progress)
