"""``lmbench score``: what each event of a text costs each of some models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from lmbench.cli.inputs import load_corpus, load_documents, prepare_on
from lmbench.cli.options import scoring_options
from lmbench.cli.output import echo, echo_json, echo_text

if TYPE_CHECKING:
    from lmbench.cli.inputs import Fitting
    from lmbench.model import LanguageModel
    from lmbench.report.scored_texts import ScoredText


@click.command(
    epilog="""\b
Examples:
  lmbench score kenlm:order=3 my/text.txt --corpus wikitext-2
  lmbench score kenlm:order=3,hmm,smollm2 items.csv --column sentence --format html > page.html
  echo 'the cat' | lmbench score uniform -"""
)
@click.argument("models")
@click.argument("file")
@click.option(
    "--format",
    "layout",
    type=click.Choice(("tsv", "csv", "json", "html")),
    default="tsv",
    show_default=True,
    help="Format to print. That of FILE may follow its name, as in my.txt:format=jsonl.",
)
@scoring_options
def score(models: str, file: str, layout: str, fitting: Fitting) -> None:
    """Print the surprisal of each event of a text, in bits.

    MODELS are separated by commas. FILE is read as `lmbench run` reads it; '-' is standard input. Options may follow
    its name, as in my.jsonl:field=body,limit=10. Each of its documents is an item, which is scored by itself: a record
    of JSON, a row of a table, and a line, paragraph or all of a plain text (--documents).

    The columns "start" and "end" are bytes of the item. The column "spelling" is the part of the bits that spells an
    unknown word. On standard error follow the total of each model and its bits per byte.
    """
    from lmbench.model import ModelSpec
    from lmbench.registry import build
    from lmbench.report.marks import describe_unknown
    from lmbench.report.scored_texts import format_texts

    built = {str(spec): build(spec) for spec in ModelSpec.parse_list(models)}
    items = tuple(load_documents(file, fitting.defaults))
    texts = _score(built, items, fitting)
    for line in format_texts(texts, layout):
        (echo_json if layout == "json" else echo_text)(line)
    for text in texts:
        echo(text.describe_total(), err=True)
        if (metrics := text.metrics) and (unknown := describe_unknown(metrics)):
            echo(f"{text.model}: {unknown}", err=True)


def _score(models: dict[str, LanguageModel], items: Sequence[str], fitting: Fitting) -> list[ScoredText]:
    """Prepare each model, and score all items with it."""
    from lmbench.report.scored_texts import ScoredText
    from lmbench.score import checked_scores
    from lmbench.signature import plain_signature

    is_fitted = any(not model.traits.pretrained for model in models.values())
    training = load_corpus(fitting.corpus, fitting.defaults).training if is_fitted else None
    texts = []
    for spec, model in models.items():
        prepare_on(model, spec, fitting, training)
        scores = checked_scores(model.score(items), items)
        texts.append(ScoredText(spec, str(plain_signature(model.signature())), items, scores))
    return texts
