"""Excess over the floor against the size of the training text, for sources whose entropy is known.

A model's excess is its bits per byte less those that the source itself needs for the same text (docs/sources.md). A
model of the source's family that learns d parameters from n events pays about (d/2) log n nats for them in all
(Rissanen, "Stochastic complexity and modeling", Annals of Statistics 14, 1986), and d / 2n nats for the next event: the
excess has a slope of −1 if both axes are logarithmic. A model that cannot express the source keeps a bias, and a slope
of 0.

The frame has a row for each model and size:

- ``source``, ``model``: the source without its size, and the model.
- ``train_bytes``: UTF-8 bytes of the training split, or the share of them that was asked for. Parts are whole
  documents, and have a few bytes more. If there are several draws, the first one counts.
- ``excess``, ``low``, ``high``: bits per byte above the floor, with the 95 % interval.
- ``slope``: the slope from the next smaller size to this one; NaN if there is none, or if an excess is not above 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from lmbench.analysis.learning_curves import list_lines
from lmbench.analysis.ranking import Entry, Ranking, is_trained
from lmbench.arrays import Floats
from lmbench.chart import Axis, Chart
from lmbench.corpora.selection import TrainingPart
from lmbench.corpora.synthetic.sources import is_source
from lmbench.spec import Spec

if TYPE_CHECKING:
    import pandas as pd

_SIZE = "lines"
"""The option of a source that is the size of its text."""


def measure_excess(rankings: Iterable[Ranking]) -> pd.DataFrame:
    """Return the excess of each model at each size of the training text.

    Args:
        rankings: The rankings of some corpora; those without a known floor are left out.
    """
    import pandas as pd

    columns = ["source", "model", "train_bytes", "excess", "low", "high"]
    rows = [row for ranking in rankings for entry in ranking.entries for row in _describe(ranking, entry)]
    frame = pd.DataFrame(rows, columns=columns).astype({"low": float, "high": float})
    frame = frame.sort_values(["source", "model", "train_bytes"], kind="stable", ignore_index=True)
    groups = [frame.loc[places] for places in frame.groupby(["source", "model"], sort=False).groups.values()]
    frame["slope"] = np.concatenate([_find_slopes(group) for group in groups]) if groups else []
    return frame


def draw_excess(frame: pd.DataFrame, source: str) -> Chart:
    """Return the chart of the excess on one source."""
    part = frame[frame["source"] == source]
    return Chart(
        title=f"Excess over the floor of {source}",
        description="Bits per byte above those of the source, by the size of the training text. Both axes are "
        "logarithmic: a line that falls by one decade for each decade of text has a slope of −1.",
        x=Axis("training text", "bytes", scale="log"),
        y=Axis("excess", "bits per byte", scale="log"),
        series=list_lines(part, "excess"),
    )


def _describe(ranking: Ranking, entry: Entry) -> Iterator[tuple[object, ...]]:
    """Yield the row of a model, if its excess is known and it was trained."""
    [first, *_] = entry.cells
    part = TrainingPart.parse(first.train_size)
    if entry.excess is not None and is_trained(first) and part.draw == 1:
        excess, source = entry.excess, name_source(ranking.corpus.name)
        yield source, entry.name, part.share * ranking.corpus.train_bytes, excess.value, excess.low, excess.high


def name_source(name: str) -> str:
    """Return the name of a source without the size of its text."""
    if not is_source(name):
        return name
    spec = Spec.parse(name)
    return str(Spec(spec.name, tuple(pair for pair in spec.arguments if pair[0] != _SIZE)))


def _find_slopes(group: pd.DataFrame) -> Floats:
    """Return the slope from each size to the next one, (sizes,); the first one is NaN."""
    with np.errstate(divide="ignore", invalid="ignore"):
        sizes, excesses = np.log(group["train_bytes"].to_numpy()), np.log(group["excess"].to_numpy())
        slopes = np.append(np.nan, np.diff(excesses) / np.diff(sizes))
    return np.where(np.isfinite(slopes), slopes, np.nan)
