"""Learning curves: bits per byte against the size of the training text.

The sizes are the shares of ``--train-size``: parts of one training text, each a part of the next larger one. The first
draw of a share is the beginning of the text; ``--train-draws`` adds others, whose documents are chosen at random. A
curve is the mean over the draws, and the size is the mean of their sizes. A model that is not trained needs the same
bits at each size, and all draws of the whole text are the same.

The intervals of several draws include the variance between them, as those of several seeds do (lmbench.statistics). If
there are several seeds as well, each draw has the mean over its seeds. Draws without replacement share text: two draws
of a share f have about f of their documents in common, so that they vary less than other texts of this size would, by a
factor of about √(1 − f).

A **power law** E + A · D^−α is fitted to each curve by least squares (Hestness et al., "Deep learning scaling is
predictable, empirically", 2017), where D is the size in bytes, and E and A are not negative. For each exponent α from
0.001 to 3, in steps of 0.001, the best E and A solve a linear problem; the α with the smallest error is chosen. How
well it extrapolates is measured: it is fitted once more without the last two sizes, and predicts the largest one. The
extrapolation in the chart reaches as far beyond the last size as this prediction did.

Two models **cross** at the size from which on one of them needs fewer bits than the other at all larger sizes.
Between two sizes, bits are interpolated along the logarithm of the size. The interval is that of the percentile
bootstrap: 1,000 times, documents are drawn with replacement, the same ones for both models at all sizes. It does not
include the variance of training or of the draws.

`measure_curves` returns a row for each model and size:

- ``model``, ``train_bytes``: the model, and UTF-8 bytes of training text.
- ``bits_per_byte``, ``low``, ``high``: bits per byte, the mean over the draws and seeds, with the 95 % interval.
- ``draws``, ``draw_sd``: the number of draws, and the standard deviation of bits per byte between them; NaN for one.

`fit_curves` returns a row for each model with at least four sizes and bits that depend on them:

- ``model``, ``limit``, ``scale``, ``exponent``: the model, E in bits per byte, A, and α.
- ``held_out``: how many of the last sizes the prediction does without: two, or as many as leave four.
- ``reach``: the largest size over the last one that the prediction knows.
- ``predicted``, ``measured``, ``error``: bits per byte at the largest size, and the first less the second; NaN if no
  size is held out.

`find_crossings` returns a row for each pair of models that cross:

- ``model``, ``other``: the model that needs fewer bits from there on, and the other one.
- ``train_bytes``, ``low``, ``high``: the size with its 95 % interval: from 0 if they may cross below the smallest size,
  to infinity if they may do so above the largest one, and NaN if there are too few documents (docs/statistics.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from lmbench.analysis.ranking import Contender, choose_units, is_ranked, is_trained, read_contenders
from lmbench.arrays import Floats
from lmbench.chart import Axis, Chart, Line
from lmbench.corpora.selection import TrainingPart, take_training
from lmbench.corpus import Corpus
from lmbench.runs.store import RunDirectory
from lmbench.statistics import Units, estimate_models

if TYPE_CHECKING:
    import pandas as pd

_EXPONENTS = np.arange(1, 3001) / 1000
_FEWEST_FITTED = 4
_MOST_HELD_OUT = 2
_RESAMPLES = 1000
_MISSED = 25  # of them beyond each end of an interval of 95 %
_SAME = 1e-6  # bits per byte


@dataclass(frozen=True, slots=True)
class Curve:
    """A model at several sizes of the training text.

    Attributes:
        model: The model, without its share of the training text.
        sizes: (sizes,) bytes of training text, from the smallest.
        bits: Of each size, the bits of each document: (seeds, documents) if there is one draw of the training text, and
            (draws, documents) if there are several.
        draws: The number of draws at each size.
    """

    model: str
    sizes: tuple[int, ...]
    bits: tuple[Floats, ...]
    draws: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class LearningCurves:
    """The curves of a corpus.

    Attributes:
        curves: Those of models with at least two sizes.
        units: The units to resample; None without curves.
    """

    curves: tuple[Curve, ...]
    units: Units | None


@dataclass(frozen=True, slots=True)
class PowerLaw:
    """Bits per byte by the size D of the training text: limit + scale · D^−exponent."""

    limit: float
    scale: float
    exponent: float

    def predict(self, sizes: Floats) -> Floats:
        """Return the bits per byte at sizes in bytes, (sizes,)."""
        return self.limit + self.scale * sizes**-self.exponent


def read_curves(directory: RunDirectory, corpus: Corpus) -> LearningCurves:
    """Read the learning curves of a corpus of a run.

    Args:
        directory: The run.
        corpus: The corpus. Its text says how long each part is: shares are rounded up to whole documents.

    Raises:
        ResultsError: The cells of the corpus have different documents.
    """
    cells = [cell for cell in directory.cells(corpus.name) if is_ranked(cell)]
    parts = {TrainingPart.parse(cell.train_size) for cell in cells}
    if len({part.share for part in parts}) < 2:
        return LearningCurves((), None)
    contenders, documents = read_contenders(directory, cells)
    curves = [curve for curve in _group(contenders, _measure_shares(corpus, parts)) if len(curve.sizes) > 1]
    return LearningCurves(tuple(curves), choose_units(contenders, documents))


def measure_curves(found: LearningCurves) -> pd.DataFrame:
    """Return the bits per byte of each model at each size of the training text."""
    import pandas as pd

    points = [
        (curve.model, size, bits, draws)
        for curve in found.curves
        for size, bits, draws in zip(curve.sizes, curve.bits, curve.draws, strict=True)
    ]
    estimates = estimate_models([bits for _, _, bits, _ in points], found.units) if found.units else ()
    total = found.units.sizes.sum() if found.units else np.nan
    rows = [
        (model, size, one.value, one.low, one.high, draws, _find_deviation(bits / total) if draws > 1 else np.nan)
        for (model, size, bits, draws), one in zip(points, estimates, strict=True)
    ]
    columns = ["model", "train_bytes", "bits_per_byte", "low", "high", "draws", "draw_sd"]
    return pd.DataFrame(rows, columns=columns).astype(dict.fromkeys([*columns[2:5], "draw_sd"], float))


def fit_curves(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the power law of each learning curve, and how far it misses the largest size.

    Args:
        frame: The result of `measure_curves`.
    """
    import pandas as pd

    columns = ["model", "limit", "scale", "exponent", "held_out", "reach", "predicted", "measured", "error"]
    groups = [(str(model), group) for model, group in frame.groupby("model", sort=False)]
    rows = [
        (model, *_fit(sizes, bits))
        for model, group in groups
        for sizes, bits in [(group["train_bytes"].to_numpy(float), group["bits_per_byte"].to_numpy())]
        if len(sizes) >= _FEWEST_FITTED and np.ptp(bits) > _SAME
    ]
    return pd.DataFrame(rows, columns=columns)


def find_crossings(found: LearningCurves) -> pd.DataFrame:
    """Return the size from which on one model is better than another one, for each pair of models that cross."""
    import pandas as pd

    columns = ["model", "other", "train_bytes", "low", "high"]
    if found.units is None:
        return pd.DataFrame(columns=columns)
    weights = _resample_units(len(found.units.sizes))
    resampled = [_weigh(curve, found.units, weights) for curve in found.curves]
    rows = [
        (better, other, *_estimate(crossings, found.units))
        for one, two in combinations(range(len(found.curves)), 2)
        for better, other, crossings in _compare(found.curves, resampled, (one, two))
    ]
    return pd.DataFrame(rows, columns=columns)


def draw_curves(frame: pd.DataFrame, fits: pd.DataFrame, corpus: str) -> Chart:
    """Return the chart of learning curves.

    Args:
        frame: The result of `measure_curves`.
        fits: The result of `fit_curves`.
        corpus: The name of the corpus.
    """
    measured = list_lines(frame, "bits_per_byte")
    largest = {line.name: float(line.x[-1]) for line in measured}
    dashed = [_extrapolate(fit, largest[fit["model"]]) for _, fit in fits[fits["held_out"] > 0].iterrows()]
    return Chart(
        title=f"Learning curves on {corpus}",
        description="Bits per byte of the test text, by the size of the training text."
        + _describe_draws(frame)
        + _describe_errors(fits),
        x=Axis("training text", "bytes", scale="log"),
        y=Axis("surprisal", "bits per byte", scale="log"),
        series=(*measured, *dashed),
    )


def list_lines(frame: pd.DataFrame, measure: str) -> tuple[Line, ...]:
    """Return the line of each model over the bytes of training text, with its intervals.

    Args:
        frame: One row for each model and size.
        measure: The column to draw.
    """
    return tuple(
        Line(
            name=str(model),
            x=tuple(group["train_bytes"]),
            y=tuple(group[measure]),
            low=tuple(group["low"]),
            high=tuple(group["high"]),
        )
        for model, group in frame.groupby("model", sort=False)
    )


def fit_power_law(sizes: Floats, bits: Floats) -> PowerLaw:
    """Return the power law that is nearest to a curve by the sum of squares; neither limit nor scale is below 0.

    Args:
        sizes: (sizes,) bytes of training text.
        bits: (sizes,) bits per byte.
    """
    powers = (sizes / sizes.max()) ** -_EXPONENTS[:, None]
    means = powers.mean(axis=1)
    centered = powers - means[:, None]
    scales = np.maximum(centered @ (bits - bits.mean()) / (centered**2).sum(axis=1), 0)
    limits = bits.mean() - scales * means
    scales = np.where(limits < 0, powers @ bits / (powers**2).sum(axis=1), scales)
    limits = np.maximum(limits, 0)
    best = ((limits[:, None] + scales[:, None] * powers - bits) ** 2).sum(axis=1).argmin()
    exponent = float(_EXPONENTS[best])
    return PowerLaw(float(limits[best]), float(scales[best] * sizes.max() ** exponent), exponent)


def locate_crossings(sizes: Floats, differences: Floats) -> Floats:
    """Return the size from which on a difference is above 0, (rows,): 0 for always, infinity for never.

    Args:
        sizes: (sizes,) bytes of training text, from the smallest.
        differences: (rows, sizes) differences in bits.
    """
    last = np.where(differences <= 0, np.arange(len(sizes)), -1).max(axis=1)
    before = np.clip(last, 0, len(sizes) - 2)
    rows, logs = np.arange(len(differences)), np.log(sizes)
    start, end = differences[rows, before], differences[rows, before + 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.exp(logs[before] - start / (end - start) * (logs[before + 1] - logs[before]))
    return np.where(last < 0, 0.0, np.where(last == len(sizes) - 1, np.inf, found))


def _measure_shares(corpus: Corpus, parts: Iterable[TrainingPart]) -> dict[float, int]:
    """Return the bytes of each share of the training text, the mean over its draws."""
    sizes: dict[float, list[int]] = {}
    for part in parts:
        sizes.setdefault(part.share, []).append(take_training(corpus, part).train.size)
    return {share: round(float(np.mean(of_draws))) for share, of_draws in sizes.items()}


def _group(contenders: Sequence[Contender], sizes: dict[float, int]) -> Iterator[Curve]:
    """Yield the curve of each model. One that is not trained is the same at each size.

    Args:
        contenders: The models, at each draw of each share.
        sizes: The bytes of each share of the training text.
    """
    curves: dict[str, dict[float, list[Floats]]] = {}
    for contender in contenders:
        [first, *_] = contender.cells
        curve = curves.setdefault(contender.name, {})
        for share in [TrainingPart.parse(first.train_size).share] if is_trained(first) else sizes:
            curve.setdefault(share, []).append(contender.bits)
    for model, by_share in curves.items():
        by_size = {sizes[share]: by_share[share] for share in sorted(by_share)}
        yield Curve(
            model=model,
            sizes=tuple(by_size),
            bits=tuple(map(_join_draws, by_size.values())),
            draws=tuple(map(len, by_size.values())),
        )


def _join_draws(draws: Sequence[Floats]) -> Floats:
    """Return the bits of each document, (seeds, documents) for one draw, and else (draws, documents).

    Args:
        draws: Of each draw, (seeds, documents).
    """
    return draws[0] if len(draws) == 1 else np.stack([bits.mean(axis=0) for bits in draws])


def _find_deviation(bits: Floats) -> float:
    """Return the standard deviation of the sum of all documents between draws, given (draws, documents)."""
    return float(bits.sum(axis=1).std(ddof=1))


def _fit(sizes: Floats, bits: Floats) -> tuple[float, ...]:
    """Return the columns of a fit but for the model."""
    law = fit_power_law(sizes, bits)
    held_out = min(_MOST_HELD_OUT, len(sizes) - _FEWEST_FITTED)
    known = len(sizes) - held_out
    predicted = float(fit_power_law(sizes[:known], bits[:known]).predict(sizes[-1:])[0]) if held_out else np.nan
    reach = sizes[-1] / sizes[known - 1]
    return law.limit, law.scale, law.exponent, held_out, reach, predicted, bits[-1], predicted - bits[-1]


def _resample_units(units: int) -> Floats:
    """Return how often each resample has each unit, (1 + resamples, units); the first one has each unit once."""
    resamples = np.random.default_rng(0).multinomial(units, np.full(units, 1 / units), _RESAMPLES)
    return np.vstack([np.ones(units), resamples])


def _weigh(curve: Curve, units: Units, weights: Floats) -> Floats:
    """Return the bits of a model in each resample at each size, (1 + resamples, sizes), the mean over the draws."""
    bits = np.stack([each.mean(axis=0) for each in curve.bits])
    return weights @ units.sum(bits).T


def _compare(
    curves: Sequence[Curve], resampled: Sequence[Floats], pair: tuple[int, int]
) -> Iterator[tuple[str, str, Floats]]:
    """Yield the model that is better in the end, the other one, and where they cross in each resample, if they do."""
    one, two = (curves[number] for number in pair)
    shared = [size for size in one.sizes if size in two.sizes]
    if len(shared) < 2:
        return
    first, second = (resampled[number][:, [curves[number].sizes.index(size) for size in shared]] for number in pair)
    is_first_better = first[0, -1] < second[0, -1]
    differences = second - first if is_first_better else first - second
    crossings = locate_crossings(np.array(shared, dtype=np.float64), differences)
    if 0 < crossings[0] < np.inf:
        yield *((one.model, two.model) if is_first_better else (two.model, one.model)), crossings


def _estimate(crossings: Floats, units: Units) -> tuple[float, float, float]:
    """Return the size at which two models cross, and its interval."""
    resampled = np.sort(crossings[1:])
    low, high = (np.nan, np.nan) if units.are_too_few else (resampled[_MISSED], resampled[-1 - _MISSED])
    return float(crossings[0]), float(low), float(high)


def _extrapolate(fit: pd.Series, largest: float) -> Line:
    """Return the line of a power law from the largest size on."""
    law = PowerLaw(fit["limit"], fit["scale"], fit["exponent"])
    sizes = np.geomspace(largest, largest * fit["reach"], 5)
    return Line(fit["model"], tuple(sizes.tolist()), tuple(law.predict(sizes).tolist()), is_dashed=True)


def _describe_draws(frame: pd.DataFrame) -> str:
    """Return over how many draws the points are means, in a sentence; "" if there is one draw of each size."""
    most = frame["draws"].max()
    if not most > 1:
        return ""
    return f" Each point is the mean over up to {most} draws of the training text, and the intervals include them."


def _describe_errors(fits: pd.DataFrame) -> str:
    """Return how far the power laws miss the largest size, in one or two sentences; "" if that is unknown."""
    errors = fits["error"].abs().max()
    if not errors >= 0:
        return ""
    return (
        " Dashed lines extrapolate a power law. Fitted without the last sizes, it missed the largest one by up to "
        f"{errors:.3f} bits per byte."
    )
