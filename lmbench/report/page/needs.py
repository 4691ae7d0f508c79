"""The text that would be needed to tell models apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lmbench.analysis.ranking import Ranking
from lmbench.chart import Axis, Chart, Line, Points
from lmbench.report.contents import NONE, Column, Contents
from lmbench.report.digits import show_difference
from lmbench.report.ranked_run import name_entry
from lmbench.report.uncertainty import (
    SMALL_DIFFERENCE,
    Power,
    has_too_little_text,
    show_bytes,
    show_small,
    summarize_power,
)
from lmbench.statistics import Comparison

_SHARES = (0.001, 0.2)  # from smaller differences to larger ones; the line between them is straight
_MOST = 40  # pairs
_LEGEND = (
    "shows: the smallest difference to the best model, in bits/byte, that this text shows with a probability of 80 %; "
    "the median over models",
    "1 % takes: the text of this kind that shows a difference of 1 % of the best model's bits per byte",
    "apart: if each model scores a text of its own, and they are not compared on the same documents",
    "enough: whether half of the neighboring ranks may differ by 5 % or less and still show",
)


@dataclass(frozen=True, slots=True)
class OpenPair:
    """Two models whose difference a text does not show.

    Attributes:
        ranking: The models of the corpus.
        pair: The two models.
        needed: Bytes of such text that show a difference as large as the observed one, or as the margin.
    """

    ranking: Ranking
    pair: Comparison
    needed: float


def build_needs_table(rankings: Sequence[Ranking]) -> Contents:
    """Return the differences that each text shows, and the text that a difference of 1 % takes."""
    headings = ("test text", "shows", "1 % takes", "1 % takes, apart", "enough")
    return Contents(
        title="Differences that the texts show",
        columns=(Column("corpus", "left"), *map(Column, headings)),
        rows=tuple(_describe(ranking) for ranking in rankings if ranking.units is not None),
        legend=_LEGEND,
        notes=(),
    )


def build_open_table(rankings: Sequence[Ranking]) -> Contents | None:
    """Return the pairs of models whose difference is not shown, those that need least text first; None without any."""
    pairs = sorted(list_open_pairs(rankings), key=lambda pair: pair.needed)
    if not pairs:
        return None
    more = (f"The {len(pairs) - _MOST:,} others are in pairs.csv.",) if len(pairs) > _MOST else ()
    return Contents(
        title="Differences that are not shown",
        columns=(
            Column("corpus", "left"),
            Column("model", "left"),
            Column("other", "left"),
            Column("difference"),
            Column("test text"),
            Column("needed"),
        ),
        rows=tuple(map(_describe_open, pairs[:_MOST])),
        legend=(
            "difference: bits/byte of the first less those of the other, with its 95 % CI, which may leave out 0: p is "
            "corrected for the number of pairs, and the interval is not",
            "needed: the text that shows this difference, or one of the margin, with a probability of 80 %",
        ),
        notes=more,
    )


def draw_needs(rankings: Sequence[Ranking]) -> Chart | None:
    """Return the chart of the text that differences take on each corpus; None if it is known for none."""
    found = [(ranking, power) for ranking in rankings if (power := summarize_power(ranking))]
    if not found:
        return None
    return Chart(
        title="Text that differences take",
        description="How many bytes of test text show a difference to the best model with a probability of 80 %, if "
        "both score the same documents; the median over models. The point within a line is the text of this run.",
        x=Axis("difference", "% of the best model's bits per byte", scale="log"),
        y=Axis("test text", "bytes", scale="log"),
        series=tuple(series for ranking, power in found for series in _draw_need(ranking, power)),
    )


def list_open_pairs(rankings: Sequence[Ranking]) -> Iterator[OpenPair]:
    """Yield the pairs that neither differ nor are equal, on texts with enough documents."""
    for ranking in rankings:
        for pair in () if ranking.has_too_few_documents else ranking.comparisons:
            sought = max(abs(pair.difference.value), ranking.margin)
            needed = pair.bytes_needed(sought) if sought > 0 else None
            if needed is not None and not pair.differs and not pair.equal:
                yield OpenPair(ranking, pair, needed)


def _describe(ranking: Ranking) -> tuple[str, ...]:
    corpus, power = ranking.corpus, summarize_power(ranking)
    size = show_bytes(corpus.test_bytes)
    if power is None:
        return (corpus.name, size, NONE, NONE, NONE, "too few documents" if ranking.has_too_few_documents else NONE)
    return (
        corpus.name,
        size,
        show_small(power.detectable),
        show_bytes(power.need.paired),
        show_bytes(power.need.unpaired),
        "no" if has_too_little_text(ranking) else "yes",
    )


def _describe_open(found: OpenPair) -> tuple[str, ...]:
    first, second = (name_entry(found.ranking.entries[number]) for number in (found.pair.first, found.pair.second))
    size = show_bytes(found.ranking.corpus.test_bytes)
    return (
        found.ranking.corpus.name,
        first,
        second,
        show_difference(found.pair.difference),
        size,
        show_bytes(found.needed),
    )


def _draw_need(ranking: Ranking, power: Power) -> Iterator[Line | Points]:
    """Yield the line of a corpus, and the point of its own text. The need falls with the square."""
    name, best = ranking.corpus.name, ranking.entries[0].per_byte.value
    shares = tuple(100 * share for share in _SHARES)
    yield Line(name, shares, tuple(power.need.paired * (SMALL_DIFFERENCE / share) ** 2 for share in _SHARES))
    yield Points(name, (100 * power.detectable / best,), (float(ranking.corpus.test_bytes),))
