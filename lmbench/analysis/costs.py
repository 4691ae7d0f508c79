"""Cost and quality: bits per byte against the costs of a model, and the models that no other one beats in both.

The costs are those of the cell (docs/scoring.md): seconds of fitting, seconds of scoring a megabyte, parameters, and
MiB of peak memory of the process. A model is on the **front** of a cost unless another one is better in the cost or
in bits per byte, and at least as good in the other (Pareto). Times depend on the machine and on what else ran on it.

The frame has a row for each model and cost that is known:

- ``model``, ``cost``: the model, and the name of the cost.
- ``value``: the cost, the mean over the seeds.
- ``bits_per_byte``, ``low``, ``high``: bits per byte with the 95 % interval.
- ``is_on_front``: whether the model is on the front of this cost.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np

from lmbench.analysis.ranking import Entry, Ranking
from lmbench.arrays import Flags, Floats
from lmbench.chart import Axis, Chart, Line, Points
from lmbench.runs.records import Costs

if TYPE_CHECKING:
    import pandas as pd

_AXES = {
    "fitting": Axis("time of fitting", "seconds", "log"),
    "scoring": Axis("time of scoring", "seconds for each megabyte", "log"),
    "parameters": Axis("number of parameters", "", "log"),
    "memory": Axis("peak memory", "MiB", "log"),
}

COSTS = tuple(_AXES)
"""The costs of a model."""


def measure_costs(ranking: Ranking) -> pd.DataFrame:
    """Return what each model of a ranking costs."""
    import pandas as pd

    columns = ["model", "cost", "value", "bits_per_byte", "low", "high"]
    rows = [row for entry in ranking.entries for row in _describe(entry)]
    frame = pd.DataFrame(rows, columns=columns).astype({"low": float, "high": float})
    frame["is_on_front"] = False
    for places in frame.groupby("cost").groups.values():
        part = frame.loc[places]
        frame.loc[places, "is_on_front"] = find_front(part["value"].to_numpy(), part["bits_per_byte"].to_numpy())
    return frame


def draw_costs(frame: pd.DataFrame, cost: str) -> Chart:
    """Return the chart of one cost; a dashed line connects the front."""
    part = frame[frame["cost"] == cost].sort_values("value")
    front = part[part["is_on_front"]]
    none = ", ".join(part["model"][part["value"] <= 0])
    return Chart(
        title=f"Bits per byte by {_AXES[cost].label}",
        description=f"Bits per byte and {_AXES[cost].label} of each model. The dashed line connects the models that no "
        f"other one beats in both.{f' Not drawn, since the axis is logarithmic: {none} (0).' * bool(none)}",
        x=_AXES[cost],
        y=Axis("surprisal", "bits per byte", scale="log"),
        series=(
            Line("front", tuple(front["value"]), tuple(front["bits_per_byte"]), is_dashed=True),
            Points(
                "models",
                tuple(part["value"]),
                tuple(part["bits_per_byte"]),
                low=tuple(part["low"]),
                high=tuple(part["high"]),
                labels=tuple(part["model"]),
            ),
        ),
    )


def find_front(costs: Floats, bits: Floats) -> Flags:
    """Return which models are on the front, (models,).

    Args:
        costs: (models,) the cost of each model.
        bits: (models,) bits per byte.
    """
    is_as_good = (costs[:, None] <= costs) & (bits[:, None] <= bits)
    is_better = (costs[:, None] < costs) | (bits[:, None] < bits)
    is_on_front: Flags = np.logical_not(np.any(is_as_good & is_better, axis=0))
    return is_on_front


def _describe(entry: Entry) -> Iterator[tuple[object, ...]]:
    """Yield the row of each cost of a model that is known."""
    per_byte = entry.per_byte
    for cost, value in _average([cell.costs for cell in entry.cells if cell.costs]).items():
        yield entry.label, cost, value, per_byte.value, per_byte.low, per_byte.high


def _average(costs: Sequence[Costs]) -> Mapping[str, float]:
    """Return the mean of each cost that is known for all seeds."""
    known: dict[str, list[float | None]] = {
        "fitting": [each.fit_seconds for each in costs],
        "scoring": [1e6 / each.bytes_per_second for each in costs],
        "parameters": [each.parameters for each in costs],
        "memory": [each.peak_bytes and each.peak_bytes / 2**20 for each in costs],
    }
    return {
        cost: fmean(value for value in values if value is not None)
        for cost, values in known.items()
        if values and None not in values
    }
