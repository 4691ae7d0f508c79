"""Values of a task's metrics as text: shares in percent, what a library defines from 0 to 100 as it is, and bits."""

from __future__ import annotations

from lmbench.analysis.task_ranking import MetricRanking
from lmbench.report.contents import NONE
from lmbench.report.digits import choose_decimals, show_fixed
from lmbench.runs.records import MetricRecord
from lmbench.statistics import Estimate

_PERCENT = 100
_DECIMALS = 1  # of a percentage, and of a score from 0 to 100


def show_value(value: float | None, ranking: MetricRanking) -> str:
    """Return a value of a metric, or a dash if there is none."""
    return NONE if value is None else show_fixed(value * find_scale(ranking.metric), _decimals(ranking))


def show_with_unit(value: float | None, ranking: MetricRanking) -> str:
    """Return a value of a metric as in a sentence: "25.0 %"."""
    return f"{show_value(value, ranking)}{' %' * (ranking.metric.unit == 'share')}"


def show_ends(estimate: Estimate, ranking: MetricRanking) -> str:
    """Return an interval as "47.5–88.2", or a dash if there is none."""
    if estimate.low is None or estimate.high is None:
        return NONE
    return f"{show_value(estimate.low, ranking)}–{show_value(estimate.high, ranking)}"


def show_change(estimate: Estimate, ranking: MetricRanking) -> str:
    """Return a difference with its interval: "−8.3 [−25.0, 8.3]"."""
    value = show_value(estimate.value, ranking)
    signed = value if value.startswith("−") else f"+{value}"
    if estimate.low is None or estimate.high is None:
        return signed
    return f"{signed} [{show_value(estimate.low, ranking)}, {show_value(estimate.high, ranking)}]"


def name_unit(metric: MetricRecord) -> str:
    """Return the unit in which tables show a metric."""
    return {"share": "in %", "score": "from 0 to 100", "bits": "in bits"}[metric.unit]


def name_points(metric: MetricRecord) -> str:
    """Return the unit of differences of a metric."""
    return {"share": "percentage points", "score": "points", "bits": "bits"}[metric.unit]


def shorten(metric: MetricRecord, main: MetricRecord) -> str:
    """Return the heading of another metric than the main one: "bytes" for accuracy_bytes beside accuracy."""
    return metric.name.removeprefix(f"{main.name}_")


def find_scale(metric: MetricRecord) -> int:
    """Return the factor of a metric in tables and charts: 100 for shares, which they show in percent."""
    return _PERCENT if metric.unit == "share" else 1


def _decimals(ranking: MetricRanking) -> int:
    """Return the decimals of all values of a metric on a task."""
    if ranking.metric.unit != "bits":
        return _DECIMALS
    return choose_decimals(entry.value for entry in ranking.entries)
