"""The costs of models in tables."""

import pytest

from lmbench.report.costs import explain_marks, name_machines, show_costs
from lmbench.runs.records import Machine, Provenance
from tests.report.cells import COSTS, broken_cell, cell


def with_costs(model="m", **fields):
    return cell(model, costs=COSTS.model_copy(update=fields))


def test_costs_are_shown_in_short():
    assert show_costs([cell("m")]) == ("–", "123", "9.61M", "3")


def test_cells_without_costs_show_dashes():
    assert show_costs([cell("m", costs=None)]) == ("–", "–", "–", "–")


def test_memory_that_was_not_measured_is_a_dash():
    assert show_costs([with_costs(peak_bytes=None)])[3] == "–"


@pytest.mark.parametrize(
    ("count", "shown"), [(0, "0"), (999, "999"), (1000, "1k"), (2_130_000_000, "2.13G"), (None, "–")]
)
def test_parameters_are_abbreviated(count, shown):
    assert show_costs([with_costs(parameters=count)])[2] == shown


def test_costs_of_several_seeds_are_means():
    seeds = [with_costs(fit_seconds=1.0, score_seconds=2.0), with_costs(fit_seconds=3.0, score_seconds=5.0)]
    assert show_costs(seeds)[:2] == ("2.0", "3.5")


@pytest.mark.parametrize(
    ("costs", "shown", "note"),
    [
        ({"company": 1}, ("1.5*", "123*"), "* Measured while other cells were at work"),
        ({"was_stored": True}, ("1.5°", "123"), "° The model was restored from the store"),
    ],
)
def test_costs_in_company_or_from_the_store_are_marked(costs, shown, note):
    made = with_costs(fit_seconds=1.5, **costs)
    assert show_costs([made])[:2] == shown
    [line] = explain_marks([made, broken_cell("n")])
    assert line.startswith(note)


def test_costs_without_marks_need_no_explanation():
    assert show_costs([with_costs(fit_seconds=1.5)])[:2] == ("1.5", "123")
    assert list(explain_marks([with_costs(fit_seconds=1.5)])) == []


def test_costs_of_several_machines_name_them():
    cells = []
    for model, cpus in (("a", 2), ("b", 2), ("c", 64)):
        machine = Machine(processor="Xeon", cpus=cpus, memory=1 << 30, gpu="", platform="Linux")
        where = Provenance(started="", machine=machine, python="3", versions=(), revision="", threads=1, load=None)
        cells.append(cell(model, provenance=where))
    assert list(name_machines(cells)) == [
        "Costs are of different machines: a, b on Xeon, 2 CPUs, 1 GiB; c on Xeon, 64 CPUs, 1 GiB."
    ]
    assert list(name_machines(cells[:2])) == []
