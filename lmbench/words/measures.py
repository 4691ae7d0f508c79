"""The table of surprisals: one row for each word of each item under each model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lmbench.arrays import Floats, Ints
from lmbench.corpus import batches
from lmbench.errors import CorpusError, ScoreError, SpecError, UnknownNameError
from lmbench.metrics import bits
from lmbench.model import LanguageModel
from lmbench.progress import SILENT, Progress
from lmbench.score import Score, checked_scores
from lmbench.words.items import Items
from lmbench.words.outlook import look_ahead
from lmbench.words.spans import WordEvents, align_words, cut

if TYPE_CHECKING:
    import pandas as pd

BOUNDARIES = ("leading", "trailing")
"""Whose the white space between two words is: that of the word after it, or of the word before it."""

MEASURES = ("entropy", "rank", "difference")
"""Columns on request."""

WORDS = ("spaces", "jieba")
"""Kinds of words: those that white space separates, and those of jieba."""

_COLUMNS = ("model", "word_index", "word", "start", "end", "bits", "spelling_bits", "events", "words")


@dataclass(frozen=True, slots=True)
class Settings:
    """The choices for a table.

    Attributes:
        boundary: One of BOUNDARIES.
        measures: Some of MEASURES.
        words: One of WORDS.
    """

    boundary: str = "leading"
    measures: tuple[str, ...] = ()
    words: str = "spaces"

    def __post_init__(self) -> None:
        for kind, names, known in (
            ("boundary", (self.boundary,), BOUNDARIES),
            ("measure", self.measures, MEASURES),
            ("kind of words", (self.words,), WORDS),
        ):
            for name in names:
                if name not in known:
                    raise UnknownNameError(kind, name, known)
        if self.boundary == "trailing" and not self.spaced:
            raise SpecError("the words of jieba do not end at white space; leave out the boundary 'trailing'")

    @classmethod
    def parse(cls, boundary: str, measures: str | Sequence[str], words: str) -> Settings:
        """Return the choices of a user, who may name the measures in one string with commas between them."""
        names = measures.split(",") if isinstance(measures, str) else measures
        return cls(boundary, tuple(filter(None, map(str.strip, names))), words)

    @property
    def spaced(self) -> bool:
        """Whether white space separates words."""
        return self.words == "spaces"

    @property
    def looks_ahead(self) -> bool:
        """Whether the distributions of the models are needed, and not only their scores."""
        return self.boundary == "trailing" or "entropy" in self.measures or "rank" in self.measures


def check_request(models: Mapping[str, LanguageModel], items: Items, settings: Settings) -> None:
    """Check what `measure_words` is asked for. The models need not be loaded or fitted.

    Raises:
        CorpusError: A column of the items has the name of a column of the result.
        ScoreError: The scores of a model are not probabilities.
    """
    _check_names(items, settings)
    for label, model in models.items():
        if not model.traits.normalized:
            raise ScoreError(
                f"the scores of {label} are not probabilities of a text, so its words do not have a surprisal"
            )


def measure_words(
    models: Mapping[str, LanguageModel], items: Items, settings: Settings, progress: Progress = SILENT
) -> pd.DataFrame:
    """Return the surprisal of each word of each item under each model; docs/surprisal.md defines the columns.

    Args:
        models: Models that are ready to score, by label. Differences are those to the first one.
        items: The items.
        settings: The columns, and whose the white space is.
        progress: Receives reports.

    Raises:
        CorpusError: A column of the items has the name of a column of the result.
        LmbenchError: A model does not have what the settings need.
    """
    import pandas as pd

    check_request(models, items, settings)
    tables = []
    for number, (label, model) in enumerate(models.items()):
        part = progress.part(label, number / len(models), (number + 1) / len(models))
        tables.append(_measure_model(label, model, items, settings, part))
        if "difference" in settings.measures:
            tables[-1]["difference"] = _subtract(tables[-1], tables[0])
    return pd.concat(tables, ignore_index=True)


def word_columns(document: str, score: Score, rows: WordEvents) -> dict[str, Any]:
    """Return the columns of a document's words: each is (rows,).

    Args:
        document: The document.
        score: Its score.
        rows: Its words.
    """
    return {
        "word_index": rows.indices + 1,
        "word": cut(document, rows.spans),
        "start": rows.spans[:, 0],
        "end": rows.spans[:, 1],
        "bits": rows.sum(bits(score.logprobs)),
        "spelling_bits": rows.sum(bits(score.spelling)),
        "events": rows.events,
        "words": rows.words,
    }


def _measure_model(
    label: str, model: LanguageModel, items: Items, settings: Settings, progress: Progress
) -> pd.DataFrame:
    """Return the rows of a model."""
    import pandas as pd

    columns: list[dict[str, Any]] = []
    for texts in batches(items.texts, model.traits.batch_characters):
        for text, score in zip(texts, checked_scores(model.score(texts), texts), strict=True):
            progress(f"item {len(columns) + 1} of {len(items.texts)}", len(columns) / len(items.texts))
            columns.append(_measure_item(model, text, score, items.spans[len(columns)], settings))
    counts = [len(column["word"]) for column in columns]
    numbers = np.repeat(np.arange(len(counts)), counts)
    kept = items.kept.iloc[numbers].reset_index(drop=True)
    kept.insert(0, "model", label)
    if "item" not in kept:
        kept.insert(1, "item", numbers + 1)
    joined = {name: np.concatenate([column[name] for column in columns]) for name in columns[0]}
    return pd.concat([kept, pd.DataFrame(joined)], axis=1)


def _measure_item(model: LanguageModel, text: str, score: Score, spans: Ints, settings: Settings) -> dict[str, Any]:
    """Return the columns of the words of an item."""
    rows = align_words(score.ends, spans)
    columns = word_columns(text, score, rows)
    if settings.looks_ahead:
        outlook = look_ahead(model, text, score, rows)
        if settings.boundary == "trailing":
            columns["bits"] = outlook.correct(columns["bits"])
        columns |= {
            name: values
            for name, values in (("entropy", outlook.entropies), ("rank", outlook.ranks))
            if name in settings.measures
        }
    return columns


def _check_names(items: Items, settings: Settings) -> None:
    if taken := [name for name in items.kept.columns if name in (*_COLUMNS, *settings.measures)]:
        raise CorpusError(f"the items have a column '{taken[0]}', which the result has too; rename or drop it")


def _subtract(table: pd.DataFrame, first: pd.DataFrame) -> Floats:
    """Return the bits of each row less those of the first model for the same word; NaN if it joined other words."""
    baseline = first["bits"].set_axis(_find_places(first)).reindex(_find_places(table))
    differences: Floats = table["bits"].to_numpy() - baseline.to_numpy()
    return differences


def _find_places(table: pd.DataFrame) -> pd.MultiIndex:
    """Return the item of each row of a model, and the place of its words in the item."""
    import pandas as pd

    items = (table["word_index"] == 1).cumsum()
    return pd.MultiIndex.from_arrays([items, table["start"], table["end"]])
