"""Linear interpolation of distributions, with weights tuned by expectation maximization."""

from __future__ import annotations

import numpy as np

from lmbench.arrays import Floats

_MAX_ROUNDS = 100
_TOLERANCE = 1e-6


def tune_weights(logprobs: Floats) -> Floats:
    """Return the weights, (models,), of the mixture that makes the events most likely; uniform ones if there are none.

    This is the EM algorithm of Jelinek and Mercer (1980). The likelihood is concave in the weights.

    Args:
        logprobs: (models, events), the log-probability that each model gives each event, in nats; may be -inf.
    """
    models, events = logprobs.shape
    weights = np.full(models, 1 / models)
    if not events:
        return weights
    with np.errstate(invalid="ignore"):
        probs = np.exp(logprobs - logprobs.max(axis=0))  # only the ratio between the models matters
    probs = probs[:, np.isfinite(probs).all(axis=0)]
    for _ in range(_MAX_ROUNDS):
        shares = weights[:, None] * probs
        updated = (shares / shares.sum(axis=0)).mean(axis=1) if probs.shape[1] else weights
        if np.abs(updated - weights).max() < _TOLERANCE:
            break
        weights = updated
    return weights


def interpolate(logprobs: Floats, weights: Floats) -> Floats:
    """Return the log of the weighted sum of probabilities, (events,), in nats.

    Args:
        logprobs: (models, events), nats.
        weights: (models,).
    """
    with np.errstate(divide="ignore"):
        weighted = logprobs + np.log(weights)[:, None]
    summed: Floats = np.logaddexp.reduce(weighted, axis=0)
    return summed
