"""Training by hmmlearn. Only this module imports hmmlearn, and only when its functions are called."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version

import numpy as np

from lmbench.arrays import AnyInts
from lmbench.backends.hmm.baum_welch import EmStep
from lmbench.backends.hmm.parameters import Parameters


def hmmlearn_step(lines: Sequence[AnyInts], prior: float) -> EmStep:
    """Return an EM iteration on these lines by hmmlearn's faster implementation, with pseudo-counts `prior`."""
    from hmmlearn.hmm import CategoricalHMM

    events, lengths = np.concatenate(lines)[:, None], [len(line) for line in lines]

    def step(parameters: Parameters) -> tuple[float, Parameters]:
        symbols, states = parameters.emissions.shape
        model = CategoricalHMM(
            n_components=states,
            n_features=symbols,
            startprob_prior=1 + prior,
            transmat_prior=1 + prior,
            emissionprob_prior=1 + prior,
            n_iter=1,
            init_params="",
            implementation="scaling",
        )
        model.startprob_, model.transmat_ = parameters.start, parameters.transitions
        model.emissionprob_ = parameters.emissions.T
        with _disabled_logger(
            "hmmlearn.base"
        ):  # each fit would warn if the model has more numbers than there are events
            model.fit(events, lengths)
        return model.monitor_.history[0], Parameters(model.startprob_, model.transmat_, model.emissionprob_.T.copy())

    return step


def hmmlearn_version() -> str:
    """Return the installed version of hmmlearn."""
    return version("hmmlearn")


@contextmanager
def _disabled_logger(name: str) -> Iterator[None]:
    logger = logging.getLogger(name)
    before = logger.disabled
    logger.disabled = True
    try:
        yield
    finally:
        logger.disabled = before
