"""Fitting by EM: the start, and the smoothing of emissions."""

from __future__ import annotations

import time
from collections.abc import Sequence

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
from lmbench.progress import Progress

_SHARES = (0.0, 0.003, 0.01, 0.03, 0.1)  # weights of the unigrams that smoothing tries


def fit_by_em(lines: TrainingLines, options: HmmOptions, progress: Progress) -> FittedHmm:
    """Fit a model by EM and smooth its emissions."""
    trained = _Trainer(lines, options, progress).train()
    parameters, share = smooth_emissions(trained.parameters, lines, options)
    return FittedHmm(lines.lexicon, parameters, share, trained.iteration, trained.points)


class _Trainer:
    """Trains a model. Its time limit starts now."""

    def __init__(self, lines: TrainingLines, options: HmmOptions, progress: Progress) -> None:
        self._lines, self._options, self._progress = lines, options, progress
        deadline = time.monotonic() + options.budget if options.budget else float("inf")
        self._limits = Limits(options.iterations, options.tolerance, deadline)

    def train(self) -> TrainedParameters:
        """Train the model."""
        self._progress(f"{self._options.states} states: start", 0.0)
        start = self._start()
        valid = self._engine(self._lines.scored) if self._lines.scored else None
        algorithm = BaumWelch(self._step(), self._options.prior, self._lines.events, valid)
        return algorithm.train(start, self._limits, self._report)

    def _start(self) -> Parameters:
        symbols, states, seed = self._lines.symbols, self._options.states, self._options.seed
        if self._options.start == "random":
            return random_start(symbols, states, seed)
        return cluster_start(self._lines.train, symbols, states, seed)

    def _step(self) -> EmStep:
        if self._options.engine == "hmmlearn":
            return hmmlearn_step(self._lines.train, self._options.prior)
        return batched_step(self._engine(self._lines.train), self._options.prior)

    def _engine(self, lines: Sequence[Ids]) -> ForwardBackward:
        options = self._options
        return ForwardBackward(lines, self._lines.symbols, options.states, options.dtype, options.training_device)

    def _report(self, point: EmPoint) -> None:
        total = self._options.iterations
        valid = "" if point.valid_nats is None else f", validation {point.valid_nats:.4f}"
        message = f"{self._options.states} states, EM iteration {point.iteration} of {total}"
        self._progress(f"{message}, {point.train_nats:.4f} nats per event{valid}", point.iteration / total)


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
