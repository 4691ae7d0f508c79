"""The classical smoothing methods over counted n-grams, vectorized.

Chen and Goodman, "An empirical study of smoothing techniques for language modeling", 1998, describes all of them. In
each but Katz's, which backs off instead of adding,

    P(w | h) = own(hw) + weight(h) P(w | h')

where h' is h without its first word. own(hw) is 0 if hw was not seen, and weight(h) is 1 if h was not seen. Below the
unigrams is the uniform distribution. A history that begins a line is whole, however short: no longer one exists. Each
method gives a proper distribution, except mle, which gives no event a probability after a history that was not seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from lmbench.arrays import AnyFloats, AnyInts, Flags, Floats, Ids, Ints
from lmbench.ngrams.backoff import Order, look_up
from lmbench.ngrams.counts import NgramCounts

_Scalar = TypeVar("_Scalar", np.float64, np.bool_)
Smoothing = Literal[
    "mle", "laplace", "lidstone", "good-turing", "jelinek-mercer", "witten-bell", "absolute", "kneser-ney"
]

_KATZ = 5  # larger counts are not discounted (Katz 1987)
_BUCKETS = 8  # histories seen 1, 2-3, 4-7, … times share an interpolation weight
_ROUNDS = 300
_ENOUGH = 1e-6  # nats per event; tuning ends once a round gains less
_SMALLEST_SHARE = 1e-4  # of a tuned weight and of what it leaves
_ROUNDING = 1e-9  # largest rounding error of a probability of 0


def refuse_stupid_backoff(name: str) -> str:
    """Return the name of a smoothing method.

    Raises:
        ValueError: The method is stupid back-off, which people ask for and which gives no probabilities.
    """
    if name.lower().replace("-", "") in ("stupidbackoff", "stupid"):
        raise ValueError("the scores of stupid back-off are not probabilities, so that perplexity is undefined")
    return name


@dataclass(frozen=True, slots=True)
class SmoothingSettings:
    """How to smooth.

    Attributes:
        smoothing: The method.
        gamma: The number that lidstone adds to each count.
        discount: The discount of absolute and kneser-ney, between 0 and 1; None for n1 / (n1 + 2 n2) of each order.
        weight: The weight of the longer history in jelinek-mercer, between 0 and 1; None to tune it on held-out text.
        uniform: Whether witten-bell, absolute and kneser-ney smooth the unigrams with the uniform distribution.
    """

    smoothing: Smoothing
    gamma: float = 0.1
    discount: float | None = None
    weight: float | None = None
    uniform: bool = True


@dataclass(frozen=True, slots=True)
class Smoothed:
    """N-grams with their probabilities.

    Attributes:
        orders: From unigrams up.
        found: The parameters that were estimated, as text for the signature; empty if there are none.
    """

    orders: list[Order]
    found: str


@dataclass(frozen=True, slots=True)
class _Level:
    """The counts of one order that a method smooths.

    Attributes:
        counts: The n-grams.
        number: (n-grams,) what the method counts.
        total: (histories,) the sum of the numbers after each history.
        types: (histories,) the number of distinct words after each history.
    """

    counts: NgramCounts
    number: Floats
    total: Floats
    types: Floats

    @classmethod
    def of(cls, counts: NgramCounts, number: AnyInts, histories: int) -> _Level:
        history = counts.history
        total = np.bincount(history, weights=number, minlength=histories)
        types = np.bincount(history, weights=number > 0, minlength=histories)
        return cls(counts, number.astype(np.float64), total.astype(np.float64), types.astype(np.float64))

    @property
    def divisor(self) -> Floats:
        """The totals, with 1 for histories that were not seen, (histories,)."""
        return np.where(self.total > 0, self.total, 1.0)

    def divide(self, numerators: Floats, denominators: Floats) -> Floats:
        """Return the quotient for each history that was seen, and 1 for the others, (histories,)."""
        quotients: Floats = np.divide(numerators, denominators, out=np.ones(len(self.total)), where=self.total > 0)
        return quotients

    def of_history(self, values: NDArray[_Scalar]) -> NDArray[_Scalar]:
        """Return the value of each n-gram's history, (n-grams,)."""
        return values[self.counts.history]

    def order(self, probs: AnyFloats, backoffs: Floats) -> Order:
        """Return the n-grams with these probabilities and back-offs."""
        return Order(self.counts.keys, self.counts.bits, probs, backoffs)


def smooth(counted: Sequence[NgramCounts], settings: SmoothingSettings, held_out: Ids) -> Smoothed:
    """Smooth n-grams.

    Args:
        counted: The n-grams of orders 1, 2, ….
        settings: The method and its parameters.
        held_out: Ids of lines, ``<s>`` before each, on which the weights of jelinek-mercer are tuned. May be empty.
    """
    levels = _levels(counted, settings)
    match settings.smoothing:
        case "good-turing":
            return _katz(levels)
        case "jelinek-mercer":
            return _jelinek_mercer(levels, settings, held_out)
        case "mle" | "laplace" | "lidstone":
            return _additive(levels, {"mle": 0.0, "laplace": 1.0, "lidstone": settings.gamma}[settings.smoothing])
        case "witten-bell":
            return _witten_bell(levels, settings)
        case "absolute" | "kneser-ney":
            return _absolute(levels, settings)


def _levels(counted: Sequence[NgramCounts], settings: SmoothingSettings) -> list[_Level]:
    """Return what each order's n-grams are counted by.

    kneser-ney counts distinct words before an n-gram, except in the highest order and after ``<s>``.
    """
    levels = []
    for k, counts in enumerate(counted, start=1):
        number = counts.count
        if settings.smoothing == "kneser-ney" and k < len(counted):
            number = np.bincount(counted[k].suffix, minlength=len(counts.keys)).astype(np.int32)
            number[counts.opening :] = counts.count[counts.opening :]
        levels.append(_Level.of(counts, number, len(counted[k - 2].keys) if k > 1 else 1))
    return levels


def _interpolate(levels: Sequence[_Level], owns: Sequence[Floats], weights: Sequence[Floats]) -> list[Order]:
    """Add up the orders: own plus weight times the order below."""
    lower = np.array([1 / (len(levels[0].number) - 1)])
    orders: list[Order] = []
    for k, (level, own, weight) in enumerate(zip(levels, owns, weights, strict=True)):
        suffix = level.counts.suffix if k else np.zeros(len(own), dtype=np.int32)
        lower = own + level.of_history(weight) * lower[suffix]
        if k == 0:
            lower[-1] = 1.0  # <s> is never predicted
        orders.append(level.order(lower, weights[k + 1] if k + 1 < len(levels) else np.ones(0)))
    return orders


def _interpolate_above_unigrams(
    levels: Sequence[_Level], owns: Sequence[Floats], weights: Sequence[Floats]
) -> list[Order]:
    """Add up the orders above relative frequencies of the words, without the uniform distribution."""
    unigrams = levels[0]
    return _interpolate(levels, [unigrams.number / unigrams.total[0], *owns[1:]], [np.zeros(1), *weights[1:]])


def _additive(levels: Sequence[_Level], gamma: float) -> Smoothed:
    """Return (c(hw) + gamma) / (c(h) + gamma V) after a whole history; 1 / V if the history was not seen."""
    events = len(levels[0].number) - 1
    owns, weights = [], []
    for k, level in enumerate(levels, start=1):
        whole = _is_whole(levels, k) & (level.total > 0)
        base = np.where(whole, level.total + gamma * events, 1.0)
        weights.append(np.where(whole, gamma * events / base, 1.0))
        owns.append(np.where(level.of_history(whole), level.number / level.of_history(base), 0.0))
    orders = _interpolate(levels, owns, weights)
    if gamma == 0:  # an event that was not seen after a whole history has the probability 0
        orders = [replace(order, probs=own) for order, own in zip(orders, owns, strict=True)]
    return Smoothed(orders, f"gamma={gamma:g}" if gamma else "")


def _is_whole(levels: Sequence[_Level], k: int) -> Flags:
    """Return which histories of order k are whole, (histories,): all of the highest order, else those after ``<s>``."""
    histories = len(levels[k - 1].total)
    if k == len(levels):
        return np.ones(histories, dtype=bool)
    first = levels[k - 2].counts.opening if k > 1 else histories
    return np.arange(histories) >= first


def _witten_bell(levels: Sequence[_Level], settings: SmoothingSettings) -> Smoothed:
    """Interpolate with own = c(hw) / (c(h) + types(h)), weight = types(h) / (c(h) + types(h))."""
    weights = [level.divide(level.types, level.total + level.types) for level in levels]
    owns = [level.number / level.of_history(level.total + level.types) for level in levels]
    interpolate = _interpolate if settings.uniform else _interpolate_above_unigrams
    return Smoothed(interpolate(levels, owns, weights), "")


def _absolute(levels: Sequence[_Level], settings: SmoothingSettings) -> Smoothed:
    """Interpolate with own = (n - D) / n(h.), weight = D types(h) / n(h.)."""
    discounts = [settings.discount or _estimate_discount(level.number) for level in levels]
    owns, weights = [], []
    for level, discount in zip(levels, discounts, strict=True):
        owns.append(np.maximum(level.number - discount, 0) / level.of_history(level.divisor))
        weights.append(level.divide(discount * level.types, level.divisor))
    interpolate = _interpolate if settings.uniform else _interpolate_above_unigrams
    found = "D=" + "/".join(f"{discount:.4g}" for discount in discounts)
    return Smoothed(interpolate(levels, owns, weights), found)


def _estimate_discount(number: Floats) -> float:
    """Return n1 / (n1 + 2 n2) (Ney, Essen and Kneser 1994); 0.5 if nothing was counted once, or nothing twice."""
    once, twice = np.count_nonzero(number == 1), np.count_nonzero(number == 2)
    return once / (once + 2 * twice) if once and twice else 0.5


def _katz(levels: Sequence[_Level]) -> Smoothed:
    """Back off with Good-Turing discounts of the counts up to 5.

    The unigrams' discounts are shared evenly by the words that were not seen.
    """
    orders: list[Order] = []
    fallback = []
    for k, level in enumerate(levels, start=1):
        factors, replaced = _good_turing_factors(level.number)
        if replaced:
            fallback.append(f"{k}({'+'.join(map(str, replaced))})")
        all_seen = level.types == len(levels[0].number) - 1
        probs = _discount_frequencies(level, factors, all_seen)
        if k == 1:
            unseen = np.flatnonzero(level.number[:-1] == 0)
            probs[unseen] = (1 - probs.sum()) / max(len(unseen), 1)
            probs[-1] = 1.0  # <s> is never predicted
        else:
            orders[-1] = replace(orders[-1], backoffs=_katz_backoffs(level, probs, orders[-1].probs, all_seen))
        orders.append(level.order(probs, np.ones(0)))
    return Smoothed(orders, f"absolute-discounts-of-counts-at-order={'+'.join(fallback)}" if fallback else "")


def _discount_frequencies(level: _Level, factors: Floats, all_seen: Flags) -> Floats:
    """Return relative frequencies in which counts up to 5 are multiplied by their factors.

    If every word was seen after a history, nothing is discounted. If all counts after a history are above 5, nothing
    would be left for other words: 1 is added to their sum, as in SRILM.
    """
    is_low = (level.number > 0) & (level.number <= _KATZ)
    has_low = np.bincount(level.counts.history, weights=is_low, minlength=len(all_seen)) > 0
    low = level.number * np.append(0.0, factors)[np.minimum(level.number, _KATZ).astype(np.int64)]
    discounted = np.where(level.of_history(all_seen) | (level.number > _KATZ), level.number, low)
    total = np.where(all_seen | has_low, level.total, level.total + 1)
    frequencies: Floats = discounted / level.of_history(np.where(level.total > 0, total, 1.0))
    return frequencies


def _katz_backoffs(level: _Level, probs: Floats, lower: AnyFloats, all_seen: Flags) -> Floats:
    """Return what is left for words not seen after each history, divided by what the order below gives them."""
    history, histories = level.counts.history, len(level.total)
    seen = np.bincount(history, weights=probs, minlength=histories)
    below = np.bincount(history, weights=lower[level.counts.suffix], minlength=histories)
    backoffs: Floats = np.ones(histories)
    np.divide(1 - seen, 1 - below, out=backoffs, where=(level.total > 0) & ~all_seen)
    return backoffs


def _good_turing_factors(number: Floats) -> tuple[Floats, list[int]]:
    """Return the factors of the counts 1 to 5 (Katz 1987), and the counts whose factor had to be replaced.

    A factor that is not between 0 and 1 would leave nothing for the word, or nothing for words that were not seen. It
    is replaced by the factor of absolute discounting. SRILM does not discount the count.
    """
    of_count = np.bincount(np.minimum(number, _KATZ + 2).astype(np.int64), minlength=_KATZ + 3)[1 : _KATZ + 2]
    seen, counts = of_count.astype(np.float64), np.arange(1, _KATZ + 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        above = (_KATZ + 1) * seen[_KATZ] / seen[0]
        factors = ((counts + 1) * seen[1:] / seen[:-1] / counts - above) / (1 - above)
    sound = (above < 1) & (factors > _ROUNDING) & (factors < 1 - _ROUNDING)
    absolute = 1 - _estimate_discount(number) / counts
    return np.where(sound, factors, absolute), counts[~sound & (seen[:-1] > 0)].tolist()


@dataclass(frozen=True, slots=True)
class _Frequencies:
    """The relative frequencies of one order.

    Attributes:
        level: The counts.
        relative: (n-grams,) c(hw) / c(h).
        bucket: (histories,) the bucket of the history, by how often it was seen.
    """

    level: _Level
    relative: Floats
    bucket: Ints

    @classmethod
    def of(cls, level: _Level) -> _Frequencies:
        octave = np.log2(np.maximum(level.total, 1)).astype(np.int64)
        return cls(level, level.number / level.of_history(level.divisor), np.minimum(octave, _BUCKETS - 1))


def _jelinek_mercer(levels: Sequence[_Level], settings: SmoothingSettings, held_out: Ids) -> Smoothed:
    """Interpolate the relative frequencies, weighted by how often the history was seen."""
    frequencies = [_Frequencies.of(level) for level in levels]
    if settings.weight is not None or not len(held_out):
        shares = np.full((len(levels), _BUCKETS), settings.weight or 0.5)
        found = f"weight={settings.weight or 0.5:g}"
    else:
        shares, found = _tune(_collect_events(frequencies, held_out)), "weights=held-out"
    owns, weights = [], []
    for level, frequency, share in zip(levels, frequencies, shares, strict=True):
        own = np.where(level.total > 0, share[frequency.bucket], 0.0)
        owns.append(frequency.relative * level.of_history(own))
        weights.append(1 - own)
    return Smoothed(_interpolate(levels, owns, weights), found)


@dataclass(frozen=True, slots=True)
class _HeldOutEvents:
    """Each order's view of the events of held-out text.

    Attributes:
        frequency: (orders, events) relative frequency of the event after its history; 0 if it was not seen.
        bucket: (orders, events) bucket of the history; -1 if it was not seen.
        uniform: Probability of each event under the uniform distribution.
    """

    frequency: Floats
    bucket: Ints
    uniform: float

    def weigh(self, shares: Floats) -> Floats:
        """Return each order's weight at each event, (orders, events), given the weights of buckets."""
        return np.where(self.bucket >= 0, np.take_along_axis(shares, np.maximum(self.bucket, 0), axis=1), 0.0)

    def interpolate(self, weight: Floats) -> list[Floats]:
        """Return the probabilities of all events: the uniform one, then those up to orders 1, 2, …."""
        probs = [np.full(self.frequency.shape[1], self.uniform)]
        for frequency, share in zip(self.frequency, weight, strict=True):
            probs.append(share * frequency + (1 - share) * probs[-1])
        return probs


def _collect_events(frequencies: Sequence[_Frequencies], held_out: Ids) -> _HeldOutEvents:
    """Look up the events of held-out text."""
    unigrams, start = frequencies[0], len(frequencies[0].relative) - 1
    frequency = np.zeros((len(frequencies), len(held_out)))
    bucket = np.full((len(frequencies), len(held_out)), -1)
    frequency[0], bucket[0] = unigrams.relative[held_out], unigrams.bucket[0]
    orders = [each.level.order(each.relative, each.relative) for each in frequencies]
    for k, matches in enumerate(look_up(orders, held_out), start=1):
        seen = frequencies[k].level.total[matches.histories] > 0
        bucket[k, matches.ends] = np.where(seen, frequencies[k].bucket[matches.histories], -1)
        frequency[k, matches.ends[matches.found]] = frequencies[k].relative[matches.rows]
    events = np.flatnonzero(held_out != start)
    return _HeldOutEvents(frequency[:, events], bucket[:, events], 1 / start)


def _tune(events: _HeldOutEvents) -> Floats:
    """Find the weights, (orders, buckets), under which held-out events are most likely.

    This is expectation maximization (Jelinek and Mercer 1980). An event is thought to be drawn from the relative
    frequencies of its longest history with the probability of their weight, else from the frequencies of the next
    shorter history, and so on down to the uniform distribution.
    """
    shares, likelihood = np.full((len(events.frequency), _BUCKETS), 0.5), -np.inf
    for _ in range(_ROUNDS):
        weight = events.weigh(shares)
        probs = events.interpolate(weight)
        before, likelihood = likelihood, float(np.log(probs[-1]).mean())
        if likelihood - before < _ENOUGH:
            break
        shares = _reestimate(shares, events, weight, probs)
    return shares


def _reestimate(shares: Floats, events: _HeldOutEvents, weight: Floats, probs: Sequence[Floats]) -> Floats:
    """Return each bucket's share of the draws that reach its order and are made there."""
    new = shares.copy()
    reached = np.ones(len(probs[0]))  # probability that no longer history made the draw
    for k in reversed(range(len(shares))):
        drawn = reached * weight[k] * events.frequency[k] / probs[k + 1]
        seen = events.bucket[k] >= 0
        bucket = events.bucket[k][seen]
        drawn_sum = np.bincount(bucket, weights=drawn[seen], minlength=_BUCKETS)
        reached_sum = np.bincount(bucket, weights=reached[seen], minlength=_BUCKETS)
        np.divide(drawn_sum, reached_sum, out=new[k], where=reached_sum > 0)
        reached = reached - drawn
    return np.clip(new, _SMALLEST_SHARE, 1 - _SMALLEST_SHARE)
