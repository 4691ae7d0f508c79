"""Smoothing of emissions: interpolation with the unigrams, by a weight that the validation split chooses."""

from __future__ import annotations

import numpy as np

from lmbench.arrays import Floats
from lmbench.backends.hmm.forward_backward import ForwardBackward
from lmbench.backends.hmm.options import HmmOptions
from lmbench.backends.hmm.parameters import Parameters
from lmbench.backends.hmm.training_lines import TrainingLines

_SHARES = (0.0, 0.003, 0.01, 0.03, 0.1)


def smooth(parameters: Parameters, lines: TrainingLines, options: HmmOptions) -> tuple[Parameters, float]:
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
