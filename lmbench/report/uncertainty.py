"""Sentences below a table on how certain its numbers and ranks are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import hypot
from statistics import median

from lmbench.analysis.ranking import Entry, Ranking
from lmbench.report.digits import count_decimals, show_fixed
from lmbench.statistics import FEWEST_EFFECTIVE, Comparison, Units
from lmbench.statistics.power import find_bytes_needed

SMALL_DIFFERENCE = 0.01
"""The difference between two models whose need of text is told, as a share of the better one's bits per byte."""

_LARGEST_DETECTABLE = 0.05
_TELLING = 2  # times as much text, if models are not compared on the same documents


@dataclass(frozen=True, slots=True)
class Need:
    """How many bytes of such text show a difference of 1 % with a probability of 80 %.

    Attributes:
        paired: If both models score the same text, as in a run.
        unpaired: If each scores a text of its own.
    """

    paired: float
    unpaired: float


@dataclass(frozen=True, slots=True)
class Power:
    """What a text shows of the differences to its best model: medians over the other models.

    Attributes:
        detectable: The smallest difference in bits per byte that it shows with a probability of 80 %.
        need: The text that a difference of 1 % takes.
    """

    detectable: float
    need: Need


def describe_ranking(ranking: Ranking) -> Iterator[str]:
    """Yield sentences on units, power, seeds and options that have their defaults."""
    if ranking.units is None:
        return
    yield from describe_units(ranking.units)
    yield from _describe_power(ranking)
    yield from _describe_seeds(ranking.entries)
    if untuned := [f"{entry.label} ({', '.join(entry.untuned)})" for entry in ranking.entries if entry.untuned]:
        yield f"Options not tuned: {', '.join(untuned)}. With --tune, the validation split chooses them."


def describe_details(ranking: Ranking) -> Iterator[str]:
    """Yield by how much blocks would inflate the variance, if they are not used."""
    units = ranking.units
    if units is not None and units.inflation and not units.are_blocks:
        yield (
            "Neighboring documents are not shown to depend on each other: "
            f"{_list_inflation(units)} the variance of single documents."
        )


def find_need(pair: Comparison, better: Entry, worse: Entry) -> Need | None:
    """Return how much text shows a difference of 1 % between two models.

    It is None if the text is one unit, or if the better model needs no bits.
    """
    difference, errors = SMALL_DIFFERENCE * better.per_byte.value, (better.per_byte.error, worse.per_byte.error)
    paired = pair.bytes_needed(difference) if difference > 0 else None
    if paired is None or errors[0] is None or errors[1] is None:
        return None
    return Need(paired, find_bytes_needed(pair.size, hypot(errors[0], errors[1]), difference))


def has_too_little_text(ranking: Ranking) -> bool:
    """Return whether neighboring ranks have to differ by over 5 % of the best model's bits per byte to be told apart.

    That is the smallest difference between neighbors that the text shows with a probability of 80 %, the median over
    all neighbors.
    """
    found = _list_detectable(pair for pair in ranking.comparisons if pair.second == pair.first + 1)
    return bool(found) and median(found) > _LARGEST_DETECTABLE * ranking.entries[0].per_byte.value


def describe_units(units: Units) -> Iterator[str]:
    """Yield sentences on what was resampled, and how many units of equal size it counts as."""
    if units.documents == 1:
        yield "The text is a single document: there are no intervals and no ranks."
        return
    if units.are_blocks:
        yield f"Neighboring documents depend on each other: {_list_inflation(units)} the variance of single documents."
    counted = f"{_name_units(units)} count as {_show_number(units.effective)} of equal size"
    few = f": too few to rank models, which takes {FEWEST_EFFECTIVE:g}" * units.are_too_few
    yield f"{counted}{few}.{''.join(_describe_dominant(units, number) for number in units.dominant)}"


def describe_single_seeds(models: Sequence[str]) -> Iterator[str]:
    """Yield what is not known of models that were trained with one seed, if there are any."""
    if models:
        yield f"Training variance is not included for {', '.join(models)}: --seeds 5 measures it."


def _describe_dominant(units: Units, number: int) -> str:
    share = "over 25 %"
    if len(units.sizes) == units.documents:
        share = f"{100 * units.sizes[number] / units.sizes.sum():.0f} %"
    return f" Document {number} (counted from 0) has {share} of the bytes."


def _name_units(units: Units) -> str:
    count = len(units.sizes)
    if count == units.documents:
        return f"{count:,} documents"
    return f"{count:,} blocks of {_show_count(units.documents / count)} documents"


def _list_inflation(units: Units) -> str:
    """Return the inflation at each size of blocks: "blocks of 1, 2, 5 have 1.0, 1.4, 2.2 times"."""
    sizes = ", ".join(_show_count(each.documents) for each in units.inflation)
    factors = ", ".join(f"{each.factor:.1f}" for each in units.inflation)
    return f"blocks of {sizes} have {factors} times"


def summarize_power(ranking: Ranking) -> Power | None:
    """Return what the text shows; None if it has too few documents, or fewer than two models."""
    pairs = [pair for pair in ranking.comparisons if pair.first == 0]
    detectable, entries = _list_detectable(pairs), ranking.entries
    needs = [need for pair in pairs if (need := find_need(pair, entries[0], entries[pair.second]))]
    if not detectable or not needs or ranking.has_too_few_documents:
        return None
    paired, unpaired = (median(getattr(need, name) for need in needs) for name in ("paired", "unpaired"))
    return Power(median(detectable), Need(paired, unpaired))


def _describe_power(ranking: Ranking) -> Iterator[str]:
    """Yield the smallest differences to the best that the text shows, and how much text 1 % needs."""
    power = summarize_power(ranking)
    if power is None:
        return
    if has_too_little_text(ranking):
        yield (
            "Too little text for a ranking: half of the neighboring ranks would have to differ by over "
            f"{100 * _LARGEST_DETECTABLE:g} % to show."
        )
    paired, unpaired = power.need.paired, power.need.unpaired
    otherwise = f", or {show_bytes(unpaired)} if each model scores other text" if unpaired > _TELLING * paired else ""
    yield (
        f"This text shows a difference to the best of {show_small(power.detectable)} bits/byte with a probability "
        f"of 80 % (median over models). A difference of 1 % takes {show_bytes(paired)} of such text{otherwise}."
    )


def _list_detectable(pairs: Iterable[Comparison]) -> list[float]:
    return [pair.detectable for pair in pairs if pair.detectable is not None]


def _describe_seeds(entries: Sequence[Entry]) -> Iterator[str]:
    if any(entry.has_one_seed for entry in entries):
        yield "§ Trained with one seed: intervals do not include the variance of training. --seeds 5 measures it."
    several = [
        f"{entry.label} {show_small(entry.seed_deviation)} ({len(entry.cells)} seeds)"
        for entry in entries
        if entry.seed_deviation is not None
    ]
    if several:
        yield f"Standard deviation of bits/byte between seeds: {', '.join(several)}."


def _show_count(value: float) -> str:
    """Return a number of documents, on average: "2.5", "1,000"."""
    return f"{value:.3g}" if value < 100 else f"{value:,.0f}"


def _show_number(value: float) -> str:
    return f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def show_small(value: float) -> str:
    """Return a difference with as many digits as an error has."""
    return show_fixed(value, count_decimals(value))


def show_bytes(size: float) -> str:
    """Return a number of bytes with two digits: "28 kB"."""
    for unit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if size >= unit:
            return f"{size / unit:,.0f} {name}" if size >= 10 * unit else f"{size / unit:.1f} {name}"
    return "under 1 kB"
