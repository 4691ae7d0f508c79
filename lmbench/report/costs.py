"""The columns of a table that say what a model costs, and the notes on them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import fmean

from lmbench.report.contents import NONE
from lmbench.runs.records import Cell, Costs

HEADINGS = ("fit s", "score s", "params", "MiB")
"""The headings of `show_costs`."""

SCORE_LEGEND = ("params: number of parameters", "MiB: peak memory of the cell's process, libraries included")
LEGEND = ("fit s, score s: wall-clock seconds", *SCORE_LEGEND)

_IN_COMPANY = "* Measured while other cells were at work on the same machine."
_WAS_STORED = "° The model was restored from the store of fitted models. These seconds are those of its fit."


def show_costs(cells: Sequence[Cell]) -> tuple[str, ...]:
    """Return the costs of a model: time for fitting, and those of `show_score_costs`. Those of several seeds are means.

    Args:
        cells: The cells of the model on one corpus.
    """
    costs = [cell.costs for cell in cells if cell.costs]
    return (_show_fit(costs), *show_score_costs(costs)) if costs else (NONE,) * len(HEADINGS)


def show_score_costs(costs: Sequence[Costs]) -> tuple[str, str, str]:
    """Return time for scoring, the number of parameters and memory, the means over several seeds."""
    parameters = [each.parameters for each in costs if each.parameters is not None]
    peaks = [each.peak_bytes for each in costs if each.peak_bytes is not None]
    return (
        _seconds(fmean(each.score_seconds for each in costs)) + _mark_company(costs),
        _abbreviate(round(fmean(parameters))) if parameters else NONE,
        f"{fmean(peaks) / 2**20:.0f}" if peaks else NONE,
    )


def explain_marks(cells: Sequence[Cell]) -> Iterator[str]:
    """Yield the meanings of the marks on costs."""
    costs = [cell.costs for cell in cells if cell.costs]
    if any(each.company for each in costs):
        yield _IN_COMPANY
    if any(each.was_stored for each in costs):
        yield _WAS_STORED


def name_machines(cells: Sequence[Cell]) -> Iterator[str]:
    """Yield which cells were evaluated on which machine, if there are several."""
    places: dict[str, list[str]] = {}
    for cell in cells:
        if cell.costs and cell.provenance:
            places.setdefault(str(cell.provenance.machine), []).append(cell.label)
    if len(places) > 1:
        where = "; ".join(f"{', '.join(names)} on {machine}" for machine, names in places.items())
        yield f"Costs are of different machines: {where}."


def _show_fit(costs: Sequence[Costs]) -> str:
    seconds = [each.fit_seconds for each in costs if each.fit_seconds is not None]
    if not seconds:
        return NONE
    return _seconds(fmean(seconds)) + ("°" if any(each.was_stored for each in costs) else _mark_company(costs))


def _mark_company(costs: Sequence[Costs]) -> str:
    return "*" * any(each.company for each in costs)


def _seconds(value: float) -> str:
    return f"{value:.1f}" if value < 100 else f"{value:.0f}"


def _abbreviate(count: int) -> str:
    for unit, name in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if count >= unit:
            return f"{count / unit:.3g}{name}"
    return str(count)
