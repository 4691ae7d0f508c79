"""Linear interpolation of distributions, its weights tuned by expectation maximization."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_ROUNDS = 100
_ENOUGH = 1e-6


def tuned_weights(logprobs: Floats) -> Floats:
    """The weights, (models,), of the mixture under which events are likeliest.

    Args: logprobs, (models, events), nats, what each model says of each event; -inf where it gives it nothing. Equal
    weights where there is no event (Jelinek and Mercer 1980; the likelihood is concave in the weights).
    """
    models, events = logprobs.shape
    weights = np.full(models, 1 / models)
    if not events:
        return weights
    with np.errstate(invalid="ignore"):
        probs = np.exp(logprobs - logprobs.max(axis=0))  # only the models' ratio matters
    probs = probs[:, np.isfinite(probs).all(axis=0)]
    for _ in range(_ROUNDS):
        shares = weights[:, None] * probs
        updated = (shares / shares.sum(axis=0)).mean(axis=1) if probs.shape[1] else weights
        if np.abs(updated - weights).max() < _ENOUGH:
            break
        weights = updated
    return weights


def mixed(logprobs: Floats, weights: Floats) -> Floats:
    """log of the weighted sum of probabilities, (events,). Args: logprobs, (models, events), nats."""
    with np.errstate(divide="ignore"):
        weighted = logprobs + np.log(weights)[:, None]
    summed: Floats = np.logaddexp.reduce(weighted, axis=0)
    return summed
