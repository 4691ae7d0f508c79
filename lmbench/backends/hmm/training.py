"""Fitting by EM: the start, Baum and Welch's algorithm, the number of states, and smoothing."""

from __future__ import annotations

import time
from collections.abc import Sequence

from lmbench.arrays import Ids
from lmbench.backends.hmm.baum_welch import BaumWelch, EmPoint, EmStep, Limits, TrainedParameters, batched_step
from lmbench.backends.hmm.fitted import FittedHmm
from lmbench.backends.hmm.forward_backward import ForwardBackward
from lmbench.backends.hmm.hmmlearn_engine import hmmlearn_step
from lmbench.backends.hmm.options import HmmOptions
from lmbench.backends.hmm.parameters import Parameters
from lmbench.backends.hmm.smoothing import smooth
from lmbench.backends.hmm.starts import cluster_start, random_start
from lmbench.backends.hmm.state_search import search_states
from lmbench.backends.hmm.training_lines import TrainingLines
from lmbench.errors import CorpusError
from lmbench.progress import Progress


def fit_by_em(lines: TrainingLines, options: HmmOptions, progress: Progress) -> FittedHmm:
    """Fit a model by EM and smooth its emissions.

    Raises:
        CorpusError: The validation split is empty, and it must choose the number of states.
    """
    trained = Trainer(lines, options, progress).train_as_asked()
    parameters, share = smooth(trained.parameters, lines, options)
    return FittedHmm(lines.lexicon, parameters, share, trained.iteration, trained.points)


class Trainer:
    """Trains models of different sizes on the same lines. The time limit of all of them starts now."""

    def __init__(self, lines: TrainingLines, options: HmmOptions, progress: Progress) -> None:
        self._lines, self._options, self._progress = lines, options, progress
        deadline = time.monotonic() + options.budget if options.budget else float("inf")
        self._limits = Limits(options.iterations, options.tolerance, deadline)

    def train_as_asked(self) -> TrainedParameters:
        """Train a model with the number of states that the options ask for."""
        if self._options.states != "auto":
            return self.train(self._options.states)
        if not self._lines.scored:
            raise CorpusError("states=auto needs a validation split to choose the number of states")
        return search_states(self.train, self._lines.events, self._limits)

    def train(self, states: int) -> TrainedParameters:
        """Train a model with this number of states."""
        self._progress(f"{states} states: start", 0.0)
        start = self._start(states)
        valid = self._engine(self._lines.scored, states) if self._lines.scored else None
        algorithm = BaumWelch(self._step(states), self._options.prior, self._lines.events, valid)
        return algorithm.train(start, self._limits, lambda point: self._report(states, point))

    def _start(self, states: int) -> Parameters:
        symbols, seed = self._lines.symbols, self._options.seed
        if self._options.start == "random":
            return random_start(symbols, states, seed)
        return cluster_start(self._lines.train, symbols, states, seed)

    def _step(self, states: int) -> EmStep:
        if self._options.engine == "hmmlearn":
            return hmmlearn_step(self._lines.train, self._options.prior)
        return batched_step(self._engine(self._lines.train, states), self._options.prior)

    def _engine(self, lines: Sequence[Ids], states: int) -> ForwardBackward:
        options = self._options
        return ForwardBackward(lines, self._lines.symbols, states, options.dtype, options.training_device)

    def _report(self, states: int, point: EmPoint) -> None:
        total = self._options.iterations
        valid = "" if point.valid is None else f", validation {point.valid:.4f}"
        message = f"{states} states, EM iteration {point.iteration} of {total}"
        self._progress(f"{message}, {point.train:.4f} nats per event{valid}", point.iteration / total)
