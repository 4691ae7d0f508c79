"""The columns of a table that say how good a model is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import fmean, geometric_mean

from lmbench.analysis.ranking import Entry
from lmbench.metrics import Metrics
from lmbench.report.contents import NONE
from lmbench.report.digits import show_difference, show_fixed, show_interval, show_with_error
from lmbench.runs.records import CorpusRecord

_MOST_EVENTS = 2  # for each word and line end; byte-pair encoding of English needs about 1.3
_LARGEST_PERPLEXITY = 1e6


@dataclass(frozen=True, slots=True)
class Measure:
    """A column that says how good a model is.

    Attributes:
        name: Its heading.
        meaning: What it means, for the legend.
        show: Returns the text of a row. Its numbers are means over the seeds.
    """

    name: str
    meaning: str
    show: Callable[[Entry], str]


def list_measures(corpus: CorpusRecord, decimals: int) -> tuple[Measure, ...]:
    """Return the measures that suit a corpus, the most important ones first; table.csv has all.

    Args:
        corpus: The corpus.
        decimals: The decimals of bits per byte.
    """
    always = (_per_byte(decimals), _interval(decimals), _TO_BEST)
    if not corpus.spaced:
        return *always, _per_character(decimals), _OOV
    return (*always, _EXCESS, _PER_WORD) if corpus.floor_note else (*always, _PER_WORD, _OOV)


def _per_byte(decimals: int) -> Measure:
    return Measure(
        PER_BYTE,
        "total bits / UTF-8 bytes; rows are ranked by it, lower is better",
        lambda entry: show_fixed(entry.per_byte.value, decimals),
    )


def _interval(decimals: int) -> Measure:
    return Measure(
        "95 % CI",
        "interval of bits/byte, if other texts of this kind were taken",
        lambda entry: show_interval(entry.per_byte, decimals),
    )


def _per_character(decimals: int) -> Measure:
    return Measure(
        "bits/char",
        "total bits / code points; this text does not put spaces between words",
        lambda entry: show_fixed(fmean(metrics.bits_per_character for metrics in _metrics(entry)), decimals),
    )


def _show_words(entry: Entry) -> str:
    if not all(map(_predicts_words, _metrics(entry))):
        return NONE
    return f"{geometric_mean(metrics.word_perplexity for metrics in _metrics(entry)):,.1f}"


def _metrics(entry: Entry) -> Iterator[Metrics]:
    """Yield the metrics of each seed."""
    return (cell.metrics for cell in entry.cells if cell.metrics)


def _predicts_words(metrics: Metrics) -> bool:
    """Return whether a perplexity per word says something: the events are about words, and not letters or bytes."""
    words = metrics.words + metrics.line_ends
    return metrics.events <= _MOST_EVENTS * words and metrics.word_perplexity < _LARGEST_PERPLEXITY


PER_BYTE = "bits/byte"
_TO_BEST = Measure(
    "to best",
    "bits/byte more than the best, on the same documents, with its 95 % CI",
    lambda entry: show_difference(entry.to_best.difference) if entry.to_best else NONE,
)
_PER_WORD = Measure("word ppl", "2^(bits / (words + line ends)); – for byte models, or over a million", _show_words)
_OOV = Measure(
    "OOV",
    "share of the model's events that are unknown words, spelled out",
    lambda entry: f"{fmean(metrics.oov_rate for metrics in _metrics(entry)):.1%}",
)
_EXCESS = Measure(
    "excess",
    "bits/byte above the floor, which no model beats on average",
    lambda entry: show_with_error(entry.excess) if entry.excess else NONE,
)
