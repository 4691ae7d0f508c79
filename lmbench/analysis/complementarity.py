"""Complementarity: how much two models gain by being mixed, and what each model adds to the best one.

Two models that err on the same words gain nothing from each other; a cache and an n-gram model gain much. At the start
of each span of the aligned text, the mixture takes the one model with probability w and the other one with 1 − w, so
that a span has the probability w·p + (1 − w)·q. The weight is the one with which the *test* text is most likely: the
limit of expectation maximization (Jelinek and Mercer, "Interpolated estimation of Markov source parameters from sparse
data", 1980). The likelihood is concave in w, so that there is only one. The model ``mix`` gains less, because it tunes
its weights on the validation split.

The frame has a row for each pair:

- ``model``, ``other``: the model of the two that needs fewer bits, and the other one.
- ``weight``: the weight of ``model``, from 0 to 1.
- ``bits_per_byte``: bits per byte of the mixture.
- ``gain``, ``low``, ``high``: bits per byte that it saves against ``model``, with the 95 % interval over documents or
  blocks of them. The weight is the same in all resamples.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from lmbench.analysis.alignment import AlignedText
from lmbench.arrays import Floats
from lmbench.chart import Axis, Chart, Points
from lmbench.statistics import estimate_sums

if TYPE_CHECKING:
    import pandas as pd

_TOLERANCE = 1e-7


def measure_complementarity(text: AlignedText) -> pd.DataFrame:
    """Return the best mixture of each two models, the pairs of the best model first.

    Args:
        text: The text under two models or more.
    """
    import pandas as pd

    order, units = np.argsort(text.totals, kind="stable").tolist(), text.units
    pairs = list(combinations(order, 2))
    mixtures = [mix(text.bits[one], text.bits[other]) for one, other in pairs]
    mixed = np.stack([text.sum_documents(bits) for _, bits in mixtures])
    alone = text.sum_documents(text.bits)[[one for one, _ in pairs]]
    gains = estimate_sums(units.sum(alone - mixed), units.sizes)
    rows = [
        {
            "model": text.models[one],
            "other": text.models[other],
            "weight": weight,
            "bits_per_byte": total / units.sizes.sum(),
            "gain": gain.value,
            "low": gain.low,
            "high": gain.high,
        }
        for (one, other), (weight, _), total, gain in zip(pairs, mixtures, mixed.sum(axis=1), gains, strict=True)
    ]
    return pd.DataFrame(rows).astype({"low": float, "high": float})


def draw_complementarity(frame: pd.DataFrame) -> Chart:
    """Return the chart of the bits that each model adds to the best one."""
    best = frame["model"].iloc[0]
    part = frame[frame["model"] == best].sort_values("gain", ascending=False)
    return Chart(
        title=f"Gain of a mixture with {best}",
        description=f"Bits per byte that a mixture of {best} with each other model saves, if its weight is the best.",
        x=Axis("saved", "bits per byte"),
        y=Axis("mixed with", scale="categories", categories=tuple(part["other"])),
        series=(Points("", tuple(part["gain"]), tuple(part["other"]), tuple(part["low"]), tuple(part["high"])),),
    )


def mix(bits: Floats, others: Floats) -> tuple[float, Floats]:
    """Return the weight of the first of two models with which a text is most likely, and the bits of this mixture.

    The derivative of the log-likelihood by the weight falls from 0 to 1; its zero is halved in.

    Args:
        bits: (spans,) bits of the first model.
        others: (spans,) bits of the other one.
    """
    least = np.minimum(bits, others)
    ones, rest = np.exp2(least - bits), np.exp2(least - others)  # one of them is 1, so that neither is too small
    low, high = 0.0, 1.0
    while high - low > _TOLERANCE:
        weight = (low + high) / 2
        if np.sum((ones - rest) / (weight * ones + (1 - weight) * rest)) > 0:
            low = weight
        else:
            high = weight
    weight = (low + high) / 2
    return weight, least - np.log2(weight * ones + (1 - weight) * rest)
