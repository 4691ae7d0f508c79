"""The classical smoothing methods over counted n-grams, vectorized.

Chen and Goodman, "An empirical study of smoothing techniques for language modeling", 1998, describes all of them. Each
is a proper distribution but mle, which gives nothing to any event after a history that was not seen. In each, P(w | h)
= own(hw) + weight(h) P(w | h'), where h' is h without its first word, own(hw) is 0 for what was not seen, and weight(h)
is 1 for a history that was not seen; Katz's method backs off instead of adding. The lowest distribution is the uniform
one. A history that begins a line is a whole one, however short: no longer one exists.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray

from lmbench.ngrams.backoff import Order, look_up
from lmbench.ngrams.counts import Counts, Rows

Floats = NDArray[np.float64]
Value = TypeVar("Value", np.float64, np.bool_)
Smoothing = Literal[
    "mle", "laplace", "lidstone", "good-turing", "jelinek-mercer", "witten-bell", "absolute", "kneser-ney"
]
SMOOTHINGS: tuple[Smoothing, ...] = get_args(Smoothing)

_KATZ = 5  # counts above it are not discounted (Katz 1987)
_BUCKETS = 8  # histories seen 1, 2-3, 4-7, … times share an interpolation weight
_ROUNDS = 300
_ENOUGH = 1e-6  # nats an event that a round gains
_NOTHING = 1e-9  # what rounding may leave of a probability that is none


def refuse_stupid_backoff(name: str) -> str:
    """The name of a smoothing method. Raises ValueError for one that is asked for, and gives no probabilities."""
    if name.lower().replace("-", "") in ("stupidbackoff", "stupid"):
        raise ValueError("stupid back-off gives scores that are no probabilities, so it has no perplexity")
    return name


@dataclass(frozen=True, slots=True)
class Settings:
    """How to smooth.

    gamma     added to each count by lidstone
    discount  of absolute and kneser-ney, between 0 and 1; None: n1 / (n1 + 2 n2) of each order
    weight    of the longer history in jelinek-mercer, between 0 and 1; None: tuned on held-out text
    uniform   whether the unigrams are smoothed with the uniform distribution by witten-bell, absolute and kneser-ney
    """

    smoothing: Smoothing
    gamma: float = 0.1
    discount: float | None = None
    weight: float | None = None
    uniform: bool = True


@dataclass(frozen=True, slots=True)
class Smoothed:
    """N-grams with their probabilities, from unigrams up, and what was found on the way, for the signature."""

    orders: list[Order]
    found: str


@dataclass(frozen=True, slots=True)
class _Level:
    """The counts of one order: what to smooth (n-grams,), its sums over each history (histories,), and the types."""

    counts: Counts
    number: Floats
    total: Floats
    types: Floats

    @classmethod
    def of(cls, counts: Counts, number: NDArray[np.integer], histories: int) -> _Level:
        history = counts.history
        total = np.bincount(history, weights=number, minlength=histories)
        types = np.bincount(history, weights=number > 0, minlength=histories)
        return cls(counts, number.astype(np.float64), total.astype(np.float64), types.astype(np.float64))

    def per_history(self, numerators: Floats, denominators: Floats, absent: float) -> Floats:
        """A quotient for each history that was seen; `absent` for the others."""
        quotients: Floats = np.divide(
            numerators, denominators, out=np.full(len(self.total), absent), where=self.total > 0
        )
        return quotients

    def of_history(self, values: NDArray[Value]) -> NDArray[Value]:
        """Each n-gram's history's value."""
        return values[self.counts.history]


def smooth(counted: Sequence[Counts], settings: Settings, held_out: Rows) -> Smoothed:
    """N-grams smoothed in one of these ways.

    Args: counted, of orders 1, 2, …; held_out, ids of lines, ``<s>`` before each, on which jelinek-mercer's weights are
    tuned. With mle an event that was not seen after its history has the probability 0.
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
            parts = [(level.per_history(level.types, level.total + level.types, 1.0)) for level in levels]
            owns = [level.number / level.of_history(level.total + level.types) for level in levels]
            return Smoothed(_interpolated(levels, owns, parts, settings.uniform), "")
        case "absolute" | "kneser-ney":
            return _discounted(levels, settings)


def _levels(counted: Sequence[Counts], settings: Settings) -> list[_Level]:
    """What each order's n-grams are counted by: for kneser-ney, below the highest order, the distinct words before."""
    levels = []
    for k, counts in enumerate(counted, start=1):
        number = counts.count
        if settings.smoothing == "kneser-ney" and k < len(counted):
            number = np.bincount(counted[k].suffix, minlength=len(counts.keys)).astype(np.int32)
            number[counts.opening :] = counts.count[counts.opening :]
        levels.append(_Level.of(counts, number, len(counted[k - 2].keys) if k > 1 else 1))
    return levels


def _interpolated(
    levels: Sequence[_Level], owns: Sequence[Floats], weights: Sequence[Floats], uniform: bool = True
) -> list[Order]:
    """Orders in which own + weight times the order below is summed up."""
    first = levels[0]
    if not uniform:
        owns = [first.number / first.total[0], *owns[1:]]
        weights = [np.zeros(1), *weights[1:]]
    lower = np.array([1 / (len(first.number) - 1)])
    orders: list[Order] = []
    for k, (level, own, weight) in enumerate(zip(levels, owns, weights, strict=True)):
        suffix = level.counts.suffix if k else np.zeros(len(own), dtype=np.int32)
        lower = own + level.of_history(weight) * lower[suffix]
        if k == 0:
            lower[-1] = 1.0  # of <s>, which is never predicted
        backoffs = weights[k + 1] if k + 1 < len(levels) else np.ones(0)
        orders.append(Order(level.counts.keys, level.counts.bits, lower, backoffs))
    return orders


def _additive(levels: Sequence[_Level], gamma: float) -> Smoothed:
    """(c(hw) + gamma) / (c(h) + gamma V) after a whole history, which is 1 / V where that was not seen."""
    events = len(levels[0].number) - 1
    owns, weights = [], []
    for k, level in enumerate(levels, start=1):
        begin = 0 if k == len(levels) else levels[k - 2].counts.opening if k > 1 else 1
        whole = (np.arange(len(level.total)) >= begin) & (level.total > 0)
        base = np.where(whole, level.total + gamma * events, 1.0)
        weights.append(np.where(whole, gamma * events / base, 1.0))
        owns.append(np.where(level.of_history(whole), level.number / level.of_history(base), 0.0))
    orders = _interpolated(levels, owns, weights)
    if gamma == 0:  # what was not seen after a whole history has nothing
        orders = [Order(order.keys, order.bits, own, order.backoffs) for order, own in zip(orders, owns, strict=True)]
    return Smoothed(orders, f"gamma={gamma:g}" if gamma else "")


def _discounted(levels: Sequence[_Level], settings: Settings) -> Smoothed:
    """Absolute discounting: own = (n - D) / n(h.), weight = D types(h) / n(h.)."""
    discounts = [settings.discount or _estimated_discount(level.number) for level in levels]
    owns, weights = [], []
    for level, discount in zip(levels, discounts, strict=True):
        total = np.where(level.total > 0, level.total, 1.0)
        owns.append(np.maximum(level.number - discount, 0) / level.of_history(total))
        weights.append(level.per_history(discount * level.types, total, 1.0))
    found = "D=" + "/".join(f"{discount:.4g}" for discount in discounts)
    return Smoothed(_interpolated(levels, owns, weights, settings.uniform), found)


def _estimated_discount(number: Floats) -> float:
    """n1 / (n1 + 2 n2) (Ney, Essen and Kneser 1994); 0.5 where nothing was counted once, or nothing twice."""
    once, twice = np.count_nonzero(number == 1), np.count_nonzero(number == 2)
    return once / (once + 2 * twice) if once and twice else 0.5


def _katz(levels: Sequence[_Level]) -> Smoothed:
    """Katz's back-off with Good and Turing's discounts of the counts up to 5.

    Where all of a history's n-grams stand more often, one is added to their sum, as SRILM does, or nothing would be
    left for what was not seen; after a history that every word was seen after, nothing is discounted. What the
    unigrams' discounts free is shared evenly by the words that were not seen.
    """
    words = len(levels[0].number) - 1
    orders: list[Order] = []
    fallback = []
    for k, level in enumerate(levels, start=1):
        factors, without = _good_turing(level.number)
        if without:
            fallback.append(f"{k}({'+'.join(map(str, without))})")
        all_seen = level.types == words
        low = level.number * np.append(0.0, factors)[np.minimum(level.number, _KATZ).astype(np.int64)]
        discounted = np.where(level.of_history(all_seen) | (level.number > _KATZ), level.number, low)
        is_low = (level.number > 0) & (level.number <= _KATZ)
        has_low = np.bincount(level.counts.history, weights=is_low, minlength=len(all_seen)) > 0
        total = np.where(all_seen | has_low, level.total, level.total + 1)
        probs = discounted / level.of_history(np.where(level.total > 0, total, 1.0))
        if k == 1:
            unseen = np.flatnonzero(level.number[:-1] == 0)
            probs[unseen] = (1 - probs.sum()) / max(len(unseen), 1)
            probs[-1] = 1.0
        else:
            backoffs = _remaining(level, probs, orders[-1].probs, all_seen)
            orders[-1] = Order(orders[-1].keys, orders[-1].bits, orders[-1].probs, backoffs)
        orders.append(Order(level.counts.keys, level.counts.bits, probs, np.ones(0)))
    return Smoothed(orders, f"absolute-discounts-of-counts-at-order={'+'.join(fallback)}" if fallback else "")


def _remaining(level: _Level, probs: Floats, lower: NDArray[np.floating], all_seen: NDArray[np.bool_]) -> Floats:
    """What is left for words that were not seen after each history, over what the order below gives them."""
    history, histories = level.counts.history, len(level.total)
    seen = np.bincount(history, weights=probs, minlength=histories)
    below = np.bincount(history, weights=lower[level.counts.suffix], minlength=histories)
    backoffs: Floats = np.ones(histories)
    np.divide(1 - seen, 1 - below, out=backoffs, where=(level.total > 0) & ~all_seen)
    return backoffs


def _good_turing(number: Floats) -> tuple[Floats, list[int]]:
    """The factors of the counts 1 to 5 (Katz 1987), and the counts that occur and have another.

    A factor that is not between 0 and 1, which would leave nothing for the word or for those that were not seen, is
    that of absolute discounting instead; SRILM does not discount such a count.
    """
    of_count = np.bincount(np.minimum(number, _KATZ + 2).astype(np.int64), minlength=_KATZ + 3)[1 : _KATZ + 2]
    seen, counts = of_count.astype(np.float64), np.arange(1, _KATZ + 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        above = (_KATZ + 1) * seen[_KATZ] / seen[0]
        factors = ((counts + 1) * seen[1:] / seen[:-1] / counts - above) / (1 - above)
    sound = (above < 1) & (factors > _NOTHING) & (factors < 1 - _NOTHING)
    absolute = 1 - _estimated_discount(number) / counts
    return np.where(sound, factors, absolute), counts[~sound & (seen[:-1] > 0)].tolist()


def _jelinek_mercer(levels: Sequence[_Level], settings: Settings, held_out: Rows) -> Smoothed:
    """Interpolation of the relative frequencies, weighted by how often the history was seen."""
    relative = [level.number / level.of_history(np.where(level.total > 0, level.total, 1.0)) for level in levels]
    buckets = [np.minimum(np.log2(np.maximum(level.total, 1)).astype(np.int64), _BUCKETS - 1) for level in levels]
    if settings.weight is not None or not len(held_out):
        shares = np.full((len(levels), _BUCKETS), settings.weight or 0.5)
        found = f"weight={settings.weight or 0.5:g}"
    else:
        shares, found = _tuned(levels, relative, buckets, held_out), "weights=held-out"
    owns, weights = [], []
    for level, frequency, bucket, share in zip(levels, relative, buckets, shares, strict=True):
        own = np.where(level.total > 0, share[bucket], 0.0)
        owns.append(frequency * level.of_history(own))
        weights.append(1 - own)
    return Smoothed(_interpolated(levels, owns, weights), found)


def _tuned(
    levels: Sequence[_Level], relative: Sequence[Floats], buckets: Sequence[NDArray[np.int64]], held_out: Rows
) -> Floats:
    """Weights (orders, buckets) that make held-out text likeliest: expectation maximization (Jelinek and Mercer 1980).

    Each event is drawn from the relative frequencies of the longest history with the probability of its weight, else
    from those of the next shorter one, and so on down to the uniform distribution.
    """
    start = len(levels[0].number) - 1
    events = np.flatnonzero(held_out != start)
    frequency = np.zeros((len(levels), len(held_out)))
    bucket = np.full((len(levels), len(held_out)), -1)
    frequency[0], bucket[0] = relative[0][held_out], buckets[0][0]
    orders = [
        Order(level.counts.keys, level.counts.bits, number, number)
        for level, number in zip(levels, relative, strict=True)
    ]
    for k, (ends, histories, found, rows) in enumerate(look_up(orders, held_out), start=1):
        bucket[k, ends] = np.where(levels[k].total[histories] > 0, buckets[k][histories], -1)
        frequency[k, ends[found]] = relative[k][rows]
    frequency, bucket = frequency[:, events], bucket[:, events]
    shares, likelihood = np.full((len(levels), _BUCKETS), 0.5), -np.inf
    for _ in range(_ROUNDS):
        weight = np.where(bucket >= 0, np.take_along_axis(shares, np.maximum(bucket, 0), axis=1), 0.0)
        probs = [np.full(len(events), 1 / start)]
        for own, share in zip(frequency, weight, strict=True):
            probs.append(share * own + (1 - share) * probs[-1])
        before, likelihood = likelihood, float(np.log(probs[-1]).mean())
        if likelihood - before < _ENOUGH:
            break
        reach = np.ones(len(events))
        for k in range(len(levels) - 1, -1, -1):
            drawn = reach * weight[k] * frequency[k] / probs[k + 1]
            here = bucket[k] >= 0
            drawn_sum = np.bincount(bucket[k][here], weights=drawn[here], minlength=_BUCKETS)
            reached = np.bincount(bucket[k][here], weights=reach[here], minlength=_BUCKETS)
            found = np.divide(drawn_sum, reached, out=shares[k].copy(), where=reached > 0)
            shares[k] = np.clip(found, 1e-4, 1 - 1e-4)
            reach = reach - drawn
    return shares
