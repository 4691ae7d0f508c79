"""Hidden Markov models, fitted by hmmlearn; each event is scored by the forward pass."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import ClassVar

import numpy as np
from hmmlearn.base import ConvergenceMonitor
from hmmlearn.hmm import CategoricalHMM
from numpy.typing import NDArray
from pydantic import Field

from lmbench.corpus import TrainingText
from lmbench.exhibit import Exhibit
from lmbench.lexicon import LINE_END_ID, Lexicon, LexiconOptions, Line
from lmbench.model import (
    Footprint,
    LanguageModel,
    ModelOptions,
    Progress,
    Reading,
    Score,
    Signature,
    silent,
)

Floats = NDArray[np.float64]

_LINES_AT_ONCE = 512
_SHOWN_STATES = 48
_SHOWN_WORDS = 8
_STEPS_TO_EQUILIBRIUM = 200
_EVENTS_AT_ONCE = 1 << 20  # padding included: bounds the memory of a batch with one very long line


class HmmOptions(LexiconOptions):
    """Options of the hmm model."""

    states: int = Field(32, ge=1, le=4096, description="number of hidden states")
    iterations: int = Field(30, ge=1, description="most EM iterations")
    tolerance: float = Field(1e-4, ge=0, description="EM stops when an iteration gains less, in nats per event")
    prior: float = Field(
        0.01,
        gt=0,
        allow_inf_nan=False,
        description="pseudo-count of each start, transition and emission, so that nothing is impossible",
    )
    seed: int = Field(0, ge=0, lt=2**32, description="seed of the random start")


class Hmm(LanguageModel):
    """A hidden Markov model over lines: hmmlearn's CategoricalHMM, with the line end as a symbol.

    Every line starts from the start distribution; the line end is emitted like a word, since hmmlearn has no model of
    lengths. Fitted by Baum-Welch with a Dirichlet prior, from one seeded random start.
    """

    Options: ClassVar[type[ModelOptions]] = HmmOptions
    options: HmmOptions

    def fit(self, data: TrainingText, progress: Progress = silent) -> None:
        options = self.options
        progress("reading", 0.0)
        self._lexicon = Lexicon.learn(data, options)
        lines = self._lexicon.lines(data.train.documents)
        events = np.concatenate(lines)
        model = CategoricalHMM(
            n_components=options.states,
            n_features=len(self._lexicon),
            startprob_prior=1 + options.prior,
            transmat_prior=1 + options.prior,
            emissionprob_prior=1 + options.prior,
            n_iter=options.iterations,
            tol=options.tolerance * len(events),
            random_state=options.seed,
            implementation="scaling",
        )
        model.monitor_ = _Monitor(model.tol, options.iterations, len(events), progress)
        model.fit(events[:, None], [len(line) for line in lines])
        self._iterations = model.monitor_.iter
        self._start: Floats = model.startprob_
        self._transitions: Floats = model.transmat_
        self._emissions: Floats = model.emissionprob_

    def score(self, documents: Sequence[str]) -> list[Score]:
        return self._lexicon.score(documents, self._lines_logprobs)

    def reading(self, text: str) -> Reading:
        return self._lexicon.reading(text, self._after)

    def signature(self) -> Signature:
        options = self.options
        own = Signature.of(
            states=options.states,
            em=f"{self._iterations}of{options.iterations}",
            prior=f"{options.prior:g}",
            bos="line",
            seed=options.seed,
            hmmlearn=version("hmmlearn"),
        )
        return own + self._lexicon.signature()

    def exhibits(self) -> tuple[Exhibit, ...]:
        """The states by how often they are visited, with their most likely words, and the transitions between them."""
        shares = self._visits()
        order = np.argsort(-shares, kind="stable")[:_SHOWN_STATES].tolist()
        names = [f"{state} {' '.join(self._likely(state, 2))}" for state in order]
        shown = f"the {len(order)} most visited of {len(shares)} states"
        states = Exhibit(
            title="States",
            shows=f"{shown}: share of all events, share of the lines that begin there, what is emitted most often",
            kind="table",
            columns=("state", "share", "begins", "emits"),
            rows=tuple(self._described(state, float(shares[state])) for state in order),
        )
        transitions = Exhibit(
            title="Transitions",
            shows=f"{shown}: from the state of a row to the state of a column",
            kind="heatmap",
            columns=("from", *names),
            rows=tuple((name, *self._transitions[i, order].tolist()) for name, i in zip(names, order, strict=True)),
            unit="probability",
        )
        return states, transitions

    def save(self, folder: Path) -> None:
        self._lexicon.save(folder, self.options)
        np.savez(
            folder / "hmm.npz",
            iterations=self._iterations,
            start=self._start,
            transitions=self._transitions,
            emissions=self._emissions,
        )

    def restore(self, folder: Path) -> None:
        self._lexicon = Lexicon.restore(folder, self.options)
        with np.load(folder / "hmm.npz") as arrays:
            self._start, self._transitions = arrays["start"], arrays["transitions"]
            self._emissions, self._iterations = arrays["emissions"], int(arrays["iterations"])

    def footprint(self) -> Footprint:
        numbers = self._start.size + self._transitions.size + self._emissions.size
        return Footprint(parameters=numbers, disk_bytes=8 * numbers)

    def _visits(self) -> Floats:
        """Share of the time that each state is visited in an endless text: a line's end leads to the start again."""
        end = self._emissions[:, LINE_END_ID]
        step = self._transitions * (1 - end[:, None]) + end[:, None] * self._start
        shares = self._start
        for _ in range(_STEPS_TO_EQUILIBRIUM):
            shares = (shares + shares @ step) / 2
        return shares

    def _described(self, state: int, share: float) -> tuple[int, str, str, str]:
        words = self._likely(state, _SHOWN_WORDS)
        emits = ", ".join(f"{word} {probability:.1%}" for word, probability in words.items())
        return state, f"{share:.1%}", f"{self._start[state]:.1%}", emits

    def _likely(self, state: int, number: int) -> dict[str, float]:
        """The types that a state emits most often, as people read them, with their probabilities."""
        emissions = self._emissions[state]
        best = np.argsort(-emissions, kind="stable")[:number].tolist()
        return {self._lexicon.shown(kind): float(emissions[kind]) for kind in best}

    def _after(self, history: Line) -> Floats:
        states = self._start
        for word in history:
            states = states * self._emissions[:, word]
            states = states / states.sum() @ self._transitions
        return np.log(states @ self._emissions)

    def _lines_logprobs(self, lines: list[Line]) -> list[Floats]:
        """Nats of each event of each line, batches of lines of like length at once."""
        longest_first = sorted(range(len(lines)), key=lambda i: -len(lines[i]))
        logprobs: list[Floats] = [np.zeros(0)] * len(lines)
        start = 0
        while start < len(lines):
            size = min(_LINES_AT_ONCE, max(1, _EVENTS_AT_ONCE // len(lines[longest_first[start]])))
            batch = longest_first[start : start + size]
            for i, scored in zip(batch, self._forward([lines[i] for i in batch]), strict=True):
                logprobs[i] = scored
            start += size
        return logprobs

    def _forward(self, lines: list[Line]) -> list[Floats]:
        """The scaled forward pass over lines, longest first: the scale of each step is P(event | events before it)."""
        lengths = np.array([len(line) for line in lines])
        events = np.zeros((len(lines), lengths[0]), dtype=np.int64)  # (lines, time)
        for row, line in enumerate(lines):
            events[row, : len(line)] = line
        scales = np.ones(events.shape)
        states = np.tile(self._start, (len(lines), 1))  # (lines, states)
        for t in range(lengths[0]):
            running = int(np.count_nonzero(lengths > t))
            states = states[:running] * self._emissions.T[events[:running, t]]
            scales[:running, t] = states.sum(axis=1)
            states = (states / scales[:running, t, None]) @ self._transitions
        return [np.log(scales[row, :length]) for row, length in enumerate(lengths)]


class _Monitor(ConvergenceMonitor):  # type: ignore[misc]  # hmmlearn has no types
    """Tells the progress of EM."""

    def __init__(self, tol: float, n_iter: int, events: int, progress: Progress) -> None:
        super().__init__(tol, n_iter, verbose=False)
        self._events = events
        self._progress = progress

    def report(self, log_prob: float) -> None:
        super().report(log_prob)
        message = f"EM iteration {self.iter} of {self.n_iter}, {log_prob / self._events:.4f} nats per event"
        self._progress(message, self.iter / self.n_iter)
