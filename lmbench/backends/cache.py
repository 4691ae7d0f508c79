"""A unigram cache: words that stand in a document will stand there again (Kuhn and De Mori 1990)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from lmbench.backends.mixture import mixed, tuned_weights
from lmbench.corpus import TrainingText
from lmbench.errors import CorpusError
from lmbench.model import Footprint, LanguageModel, ModelOptions
from lmbench.progress import SILENT, Progress
from lmbench.score import Score
from lmbench.signature import Signature
from lmbench.state import ModelState
from lmbench.text.lexicon import EncodedDocument, Lexicon, LexiconOptions, LexiconState, Line

Floats = NDArray[np.float64]


class CacheOptions(LexiconOptions):
    """Options of the cache model."""

    decay: float = Field(0.999, gt=0, le=1, description="what an event's count keeps with each event; 1: all of it")
    window: int | None = Field(None, ge=1, description="events that are looked back on, each of them counting alike")
    weight: float | None = Field(
        None, gt=0, lt=1, description="of the cache, the rest is the training text's unigrams'; without it tuned"
    )

    @model_validator(mode="after")
    def _decays_or_ends(self) -> Self:
        if self.window is not None and "decay" in self.model_fields_set:
            raise ValueError("a cache decays or has a window; give decay or window, not both")
        return self


class Cache(LanguageModel):
    """Unigrams of the document so far, line ends included, mixed with those of the training text."""

    Options: ClassVar[type[ModelOptions]] = CacheOptions
    options: CacheOptions

    def fit(self, data: TrainingText, progress: Progress = SILENT) -> None:
        """Raises CorpusError where there is no line."""
        progress("counting", 0.0)
        self._lexicon, ids = Lexicon.learn_and_encode(data, self.options)
        if not len(ids):
            raise CorpusError("the training split has no line to count words in")
        counts = np.bincount(ids, minlength=len(self._lexicon))
        seen = np.count_nonzero(counts)  # Witten and Bell's share of the new
        self._static = np.log((counts + seen / len(counts)) / (counts.sum() + seen))
        self._weight = self.options.weight or self._tuned([self._lexicon.encode(text) for text in data.valid.documents])

    def score(self, documents: Sequence[str]) -> list[Score]:
        encoded = [self._lexicon.encode(document) for document in documents]
        return [document.score(self._logprobs(document.ids)) for document in encoded]

    def state_after(self, text: str) -> ModelState:
        history = self._lexicon.encode(text).ids
        return LexiconState(self._lexicon, text, history, self._after, across_lines=True)

    def signature(self) -> Signature:
        options = self.options
        past = f"decay={options.decay:g}" if options.window is None else f"window={options.window}"
        tuned = "" if options.weight else "(tuned)"
        own = Signature.of(cache=f"unigrams,{past}", weight=f"{self._weight:.4g}{tuned}", adaptive="document")
        return own + self._lexicon.signature()

    def footprint(self) -> Footprint:
        return Footprint(parameters=len(self._static))

    def _tuned(self, encoded: Sequence[EncodedDocument]) -> float:
        """The cache's weight under which these documents are likeliest; a half where there are none."""
        pairs = [np.stack([self._cached(document.ids), self._static[document.ids]]) for document in encoded]
        later = [pair[:, 1:] for pair in pairs]  # a document's first event has no past
        return float(np.clip(tuned_weights(np.concatenate([np.zeros((2, 0)), *later], axis=1))[0], 1e-4, 1 - 1e-4))

    def _logprobs(self, ids: Line) -> Floats:
        static = self._static[ids]
        return np.append(static[:1], self._mixed(self._cached(ids)[1:], static[1:]))

    def _after(self, history: Line) -> Floats:
        static: Floats = self._static
        if not len(history):
            return static
        ages = np.arange(len(history), 0, -1)
        counts = np.bincount(history, weights=self._kept(ages), minlength=len(self._lexicon))
        return self._mixed(_log(counts / counts.sum()), static)

    def _mixed(self, cached: Floats, static: Floats) -> Floats:
        return mixed(np.stack([cached, static]), np.array([self._weight, 1 - self._weight]))

    def _kept(self, ages: NDArray[np.int64]) -> Floats:
        """What an event counts for so many events later."""
        if self.options.window is not None:
            return (ages <= self.options.window).astype(np.float64)
        kept: Floats = np.power(self.options.decay, ages)
        return kept

    def _cached(self, ids: Line) -> Floats:
        """log of each event's share of what its past counts, (events,); of the first one, which has none, -inf."""
        order = np.argsort(ids, kind="stable")  # each type's places together, in order
        first = np.ones(len(ids), dtype=bool)
        first[1:] = ids[order[1:]] != ids[order[:-1]]
        counts = np.zeros(len(ids))
        window = self.options.window
        counts[order] = _decayed(order, first, self.options.decay) if window is None else _recent(order, first, window)
        totals = np.cumsum(self._kept(np.arange(1, len(ids))))
        return _log(counts / np.concatenate([[1.0], totals])[: len(ids)])


def _recent(order: NDArray[np.int64], first: NDArray[np.bool_], window: int) -> Floats:
    """How often each event's type stands among the `window` events before it."""
    keys = np.cumsum(first) * (len(order) + 1)
    oldest = np.searchsorted(keys + order, keys + np.maximum(order - window, 0))
    return (np.arange(len(order)) - oldest).astype(np.float64)


def _decayed(order: NDArray[np.int64], first: NDArray[np.bool_], decay: float) -> Floats:
    """The decayed count of each event's type: s = decay^gap (s of its last place + 1), and 0 at its first place.

    The recurrence is solved for all places at once: each round joins what twice as many places before it add.
    """
    factors = np.where(first, 0.0, np.power(decay, np.diff(order, prepend=0).clip(0)))
    counts = factors.copy()
    step = 1
    while step < len(order) and factors.any():
        counts[step:] += factors[step:] * counts[:-step]
        factors[step:] = factors[step:] * factors[:-step]
        step *= 2
    return counts


def _log(values: Floats) -> Floats:
    with np.errstate(divide="ignore"):
        return np.log(values)
