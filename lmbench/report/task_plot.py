"""Charts of tasks: the value of each model with its interval, and what guessing gives."""

from __future__ import annotations

import math

from lmbench.analysis.task_ranking import TaskRanking
from lmbench.chart import Axis, Chart, Level, Points
from lmbench.report.ranked_run import name_entry
from lmbench.report.task_numbers import find_scale, name_unit


def draw_task(ranking: TaskRanking) -> Chart | None:
    """Return the chart of a task by its main metric, from the best model to the worst; None without numbers."""
    main = ranking.main
    if not main.entries:
        return None
    scale, names = find_scale(main.metric), tuple(map(name_entry, main.entries))
    values = [entry.value for entry in main.entries]
    return Chart(
        title=f"{main.metric.name} on {ranking.task.name}",
        description=f"{main.metric.name} of each model on {ranking.task.items:,} items, with 95 % intervals.",
        x=Axis(main.metric.name, name_unit(main.metric)),
        y=Axis("", scale="categories", categories=names),
        series=(
            Points(
                "",
                x=tuple(scale * value.value for value in values),
                y=names,
                low=tuple(scale_end(value.low, scale) for value in values),
                high=tuple(scale_end(value.high, scale) for value in values),
            ),
        ),
        levels=() if main.metric.chance is None else (Level("guessing", scale * main.metric.chance),),
    )


def scale_end(value: float | None, scale: float) -> float:
    """Return an end of an interval as a chart has it: NaN if there is none."""
    return math.nan if value is None else scale * value
