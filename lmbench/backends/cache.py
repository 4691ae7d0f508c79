"""The cache model: words that occur in a document are likely to occur in it again (Kuhn and De Mori 1990)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from pydantic import Field, model_validator

from lmbench.arrays import Flags, Floats, Ids, Ints
from lmbench.backends.mixture import interpolate, tune_weights
from lmbench.corpus import TrainingText
from lmbench.errors import CorpusError
from lmbench.exhibit import Exhibit
from lmbench.model import Fitted, Footprint, LanguageModel, ModelOptions, Saveable, Traits
from lmbench.ngrams.ids import UNKNOWN_ID
from lmbench.progress import SILENT, Progress
from lmbench.saved import SavedFacts, open_saved, write_saved
from lmbench.score import Score
from lmbench.signature import Signature
from lmbench.state import ModelState
from lmbench.text.lexicon import Lexicon, LexiconOptions, StoredLexicon
from lmbench.text.lexicon_state import LexiconState

_SHOWN_AGES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)  # events
_SHOWN_WORDS = 20


class CacheOptions(LexiconOptions):
    """Options of the cache model."""

    decay: float = Field(0.999, gt=0, le=1, description="factor of each count after each event; 1: counts never decay")
    window: int | None = Field(None, ge=1, description="number of latest events to count, all alike, instead of decay")
    weight: float | None = Field(
        None, gt=0, lt=1, description="weight of the cache against the training text's unigrams; default: tuned"
    )

    @model_validator(mode="after")
    def _decay_excludes_window(self) -> Self:
        if self.window is not None and "decay" in self.model_fields_set:
            raise ValueError("a cache decays or has a window; set decay or window, not both")
        return self


@dataclass(frozen=True, slots=True)
class FittedCache:
    """The result of fitting.

    Attributes:
        lexicon: The types.
        unigrams: (types,), their log-probabilities in the training text, in nats.
        weight: The weight of the cache in the mixture with the unigrams.
    """

    lexicon: Lexicon
    unigrams: Floats
    weight: float

    def interpolate(self, cached: Floats, unigrams: Floats) -> Floats:
        """Return the mixture, (events,), of the cache's and the unigrams' log-probabilities, in nats."""
        return interpolate(np.stack([cached, unigrams]), np.array([self.weight, 1 - self.weight]))


class _CacheFacts(SavedFacts):
    lexicon: StoredLexicon
    weight: float = Field(gt=0, lt=1)


class Cache(LanguageModel, Saveable):
    """Unigrams of the document so far, mixed with the training text's.

    An event is a type of the tokenizer or a line end. Its history is the document from its first event.
    """

    Options: ClassVar[type[ModelOptions]] = CacheOptions
    traits = Traits(threads=1, grid=(("decay", ("0.99", "0.997", "0.999", "1")),))
    options: CacheOptions
    _fitted = Fitted[FittedCache]()

    def fit(self, data: TrainingText, progress: Progress = SILENT) -> None:
        """Count the unigrams, and tune the cache's weight on the validation split.

        Raises:
            CorpusError: The training split is empty.
        """
        progress("counting", 0.0)
        lexicon, ids = Lexicon.learn_and_encode(data, self.options)
        if not len(ids):
            raise CorpusError("the training split does not have a line to count words in")
        unigrams = _estimate_unigrams(ids, len(lexicon))
        documents = [lexicon.encode(text).ids for text in data.valid.documents]
        self._fitted = FittedCache(lexicon, unigrams, self.options.weight or self._tune_weight(documents, unigrams))

    def score(self, documents: Sequence[str]) -> list[Score]:
        encoded = self._fitted.lexicon.encode_each(documents)
        return [document.score(self._logprobs(document.ids)) for document in encoded]

    def state_after(self, text: str) -> ModelState:
        return LexiconState(self._fitted.lexicon, text, self._next_logprobs, across_lines=True)

    def signature(self) -> Signature:
        options, fitted = self.options, self._fitted
        past = f"decay={options.decay:g}" if options.window is None else f"window={options.window}"
        tuned = "" if options.weight else "(tuned)"
        own = Signature.of(cache=f"unigrams,{past}", weight=f"{fitted.weight:.4g}{tuned}", adaptive="document")
        return own + fitted.lexicon.signature()

    def save(self, folder: Path) -> None:
        fitted = self._fitted
        facts = _CacheFacts(lexicon=fitted.lexicon.stored(), weight=fitted.weight)
        write_saved(folder, self, {"unigrams": fitted.unigrams}, facts)

    def restore(self, folder: Path) -> None:
        with open_saved(folder, self) as saved:
            facts, unigrams = saved.facts(_CacheFacts), saved.array("unigrams", np.float64)
            self._fitted = FittedCache(facts.lexicon.restore(self.options), unigrams, facts.weight)

    def footprint(self) -> Footprint:
        return Footprint(parameters=len(self._fitted.unigrams))

    def exhibits(self) -> tuple[Exhibit, ...]:
        """Return how long an event counts, and the most frequent unigrams."""
        return self._show_past(), _show_unigrams(self._fitted)

    def _show_past(self) -> Exhibit:
        ages = np.array(_SHOWN_AGES)
        tuned = "as the options say" if self.options.weight else "tuned on the validation split"
        return Exhibit(
            title="The past",
            shows=f"how much an event of the document counts after so many further events; all of the past together "
            f"has the weight {self._fitted.weight:.4g}, {tuned}, against the training text's unigrams",
            kind="table",
            columns=("events ago", "count"),
            rows=tuple(zip(ages.tolist(), self._remaining(ages).tolist(), strict=True)),
        )

    def _tune_weight(self, documents: Sequence[Ids], unigrams: Floats) -> float:
        """Return the cache's weight that makes these documents most likely; 0.5 without documents."""
        pairs = [np.stack([self._cache_logprobs(ids), unigrams[ids]]) for ids in documents]
        later = [pair[:, 1:] for pair in pairs]  # the first event of a document has no past
        weight = tune_weights(np.concatenate([np.zeros((2, 0)), *later], axis=1))[0]
        return float(np.clip(weight, 1e-4, 1 - 1e-4))

    def _logprobs(self, ids: Ids) -> Floats:
        """Return the log-probability of each event of a document, (events,), in nats."""
        unigrams = self._fitted.unigrams[ids]
        return np.append(unigrams[:1], self._fitted.interpolate(self._cache_logprobs(ids)[1:], unigrams[1:]))

    def _next_logprobs(self, history: Ids) -> Floats:
        """Return the log-probability of each type after a history, (types,), in nats."""
        unigrams = self._fitted.unigrams
        if not len(history):
            return unigrams
        ages = np.arange(len(history), 0, -1)
        counts = np.bincount(history, weights=self._remaining(ages), minlength=len(unigrams))
        return self._fitted.interpolate(_log(counts / counts.sum()), unigrams)

    def _remaining(self, ages: Ints) -> Floats:
        """Return how much an event still counts after this many events, (ages,)."""
        if self.options.window is not None:
            return (ages <= self.options.window).astype(np.float64)
        remaining: Floats = np.power(self.options.decay, ages)
        return remaining

    def _cache_logprobs(self, ids: Ids) -> Floats:
        """Return the log of each event's share of the counts of its past, (events,); -inf for the first event."""
        by_type = np.argsort(ids, kind="stable")  # the positions of each type together, in order
        is_first = np.ones(len(ids), dtype=bool)
        is_first[1:] = ids[by_type[1:]] != ids[by_type[:-1]]
        counts = np.zeros(len(ids))
        counts[by_type] = self._count_past(by_type, is_first)
        totals = np.cumsum(self._remaining(np.arange(1, len(ids))))
        return _log(counts / np.concatenate([[1.0], totals])[: len(ids)])

    def _count_past(self, positions: Ints, is_first: Flags) -> Floats:
        if self.options.window is not None:
            return _count_recent(positions, is_first, self.options.window)
        return _count_decayed(positions, is_first, self.options.decay)


def _show_unigrams(fitted: FittedCache) -> Exhibit:
    best = np.argsort(-fitted.unigrams, kind="stable")[:_SHOWN_WORDS].tolist()
    return Exhibit(
        title="Unigrams",
        shows=f"the most frequent of the training text's {len(fitted.lexicon):,} types; <unknown> is any word that was "
        "too rare",
        kind="table",
        columns=("word", "P"),
        rows=tuple((_name(fitted.lexicon, kind), float(np.exp(fitted.unigrams[kind]))) for kind in best),
    )


def _name(lexicon: Lexicon, kind: int) -> str:
    return "<unknown>" if kind == UNKNOWN_ID else lexicon.display(kind)  # a text may contain "<unk>" as a word


def _estimate_unigrams(ids: Ids, types: int) -> Floats:
    """Return the log-probability of each type, (types,), smoothed by Witten and Bell's method."""
    counts = np.bincount(ids, minlength=types)
    seen = np.count_nonzero(counts)
    estimated: Floats = np.log((counts + seen / len(counts)) / (counts.sum() + seen))
    return estimated


def _count_recent(positions: Ints, is_first: Flags, window: int) -> Floats:
    """Return how often the type at each position occurs in the `window` positions before it.

    Args:
        positions: (events,), sorted by type, then by position.
        is_first: (events,), whether a position is the first of its type.
        window: Number of positions.
    """
    type_offsets = np.cumsum(is_first) * (len(positions) + 1)
    oldest = np.searchsorted(type_offsets + positions, type_offsets + np.maximum(positions - window, 0))
    return (np.arange(len(positions)) - oldest).astype(np.float64)


def _count_decayed(positions: Ints, is_first: Flags, decay: float) -> Floats:
    """Return the decayed count of the type at each position: 0 at its first, else decay^gap (count at its last + 1).

    All recurrences are solved at once: each round doubles the number of earlier positions that every count includes.

    Args:
        positions: (events,), sorted by type, then by position.
        is_first: (events,), whether a position is the first of its type.
        decay: The factor by which a count decays from one position to the next.
    """
    factors = np.where(is_first, 0.0, np.power(decay, np.diff(positions, prepend=0).clip(0)))
    counts = factors.copy()
    step = 1
    while step < len(positions) and factors.any():
        counts[step:] += factors[step:] * counts[:-step]
        factors[step:] = factors[step:] * factors[:-step]
        step *= 2
    return counts


def _log(values: Floats) -> Floats:
    with np.errstate(divide="ignore"):
        return np.log(values)
