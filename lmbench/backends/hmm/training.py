"""Fitting by EM: the start, the search for the number of states, and the smoothing of emissions."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

from lmbench.arrays import Floats, Ids
from lmbench.backends.hmm.baum_welch import BaumWelch, EmPoint, EmStep, Limits, TrainedParameters, batched_step
from lmbench.backends.hmm.clusters import cluster_start, random_start
from lmbench.backends.hmm.fitted import FittedHmm
from lmbench.backends.hmm.forward_backward import ForwardBackward
from lmbench.backends.hmm.hmmlearn_engine import hmmlearn_step
from lmbench.backends.hmm.options import HmmOptions
from lmbench.backends.hmm.parameters import Parameters
from lmbench.backends.hmm.training_lines import TrainingLines
from lmbench.errors import CorpusError
from lmbench.progress import Progress

_FEWEST_STATES, _MOST_STATES = 16, 1024  # with states=auto
_SHARES = (0.0, 0.003, 0.01, 0.03, 0.1)  # weights of the unigrams that smoothing tries


def fit_by_em(lines: TrainingLines, options: HmmOptions, progress: Progress) -> FittedHmm:
    """Fit a model by EM and smooth its emissions.

    Raises:
        CorpusError: The validation split is empty, and it must choose the number of states.
    """
    trained = Trainer(lines, options, progress).train_with_options()
    parameters, share = smooth_emissions(trained.parameters, lines, options)
    return FittedHmm(lines.lexicon, parameters, share, trained.iteration, trained.points)


class Trainer:
    """Trains models of different sizes on the same lines. The time limit of all of them starts now."""

    def __init__(self, lines: TrainingLines, options: HmmOptions, progress: Progress) -> None:
        self._lines, self._options, self._progress = lines, options, progress
        deadline = time.monotonic() + options.budget if options.budget else float("inf")
        self._limits = Limits(options.iterations, options.tolerance, deadline)

    def train_with_options(self) -> TrainedParameters:
        """Train a model with the number of states that the options set."""
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
        valid = "" if point.valid_nats is None else f", validation {point.valid_nats:.4f}"
        message = f"{states} states, EM iteration {point.iteration} of {total}"
        self._progress(f"{message}, {point.train_nats:.4f} nats per event{valid}", point.iteration / total)


def search_states(train: Callable[[int], TrainedParameters], events: int, limits: Limits) -> TrainedParameters:
    """Double the number of states while that improves the validation split by more than the tolerance.

    Args:
        train: Trains a model with a number of states; the validation split must not be empty.
        events: The number of training events; there are never more states.
        limits: A number of states is not tried if training with it would probably miss the deadline.
    """
    states = min(_FEWEST_STATES, events)
    best, seconds = _train_timed(train, states)
    while 2 * states <= min(_MOST_STATES, events) and time.monotonic() + 3 * seconds < limits.deadline:
        states *= 2
        larger, seconds = _train_timed(train, states)
        if best.valid_nats - larger.valid_nats <= limits.tolerance:
            break
        best = larger
    return best


def _train_timed(train: Callable[[int], TrainedParameters], states: int) -> tuple[TrainedParameters, float]:
    began = time.monotonic()
    return train(states), time.monotonic() - began


def smooth_emissions(parameters: Parameters, lines: TrainingLines, options: HmmOptions) -> tuple[Parameters, float]:
    """Return the smoothed parameters and the unigrams' weight. Without a validation split nothing changes."""
    if not lines.scored:
        return parameters, 0.0
    counts = np.bincount(np.concatenate(lines.train), minlength=lines.symbols) + options.prior
    valid = ForwardBackward(lines.scored, lines.symbols, parameters.states, options.dtype, options.training_device)
    return mix_unigrams(parameters, counts / counts.sum(), valid)


def mix_unigrams(parameters: Parameters, unigrams: Floats, valid: ForwardBackward) -> tuple[Parameters, float]:
    """Mix the emissions with `unigrams`, (V,), by the weight that makes the validation lines most likely."""
    share = max(_SHARES, key=lambda share: valid.log_likelihood(parameters.mix_emissions(unigrams, share)))
    return parameters.mix_emissions(unigrams, share), share
