"""The front of costs and bits, by hand."""

import numpy as np
import pytest

from lmbench.analysis.costs import draw_costs, find_front, measure_costs
from lmbench.analysis.ranking import rank_models
from tests.analysis.crafted import NOISE, add, model_record, new_run
from tests.report.cells import COSTS


def test_a_model_is_on_the_front_if_no_other_one_is_cheaper_and_better():
    costs, bits = np.array([1.0, 2.0, 2.0, 3.0, 4.0]), np.array([5.0, 4.0, 3.0, 3.0, 1.0])
    assert find_front(costs, bits).tolist() == [True, False, True, False, True]


def test_models_that_are_equally_good_are_both_on_the_front():
    assert find_front(np.array([1.0, 1.0, 2.0]), np.array([3.0, 3.0, 3.0])).tolist() == [True, True, False]


def test_the_front_agrees_with_brute_force():
    rng = np.random.default_rng(0)
    costs, bits = rng.random(40), rng.random(40)
    beaten = [
        any((costs <= cost) & (bits <= bit) & (bits + costs < bit + cost))
        for cost, bit in zip(costs, bits, strict=True)
    ]
    assert find_front(costs, bits).tolist() == (~np.array(beaten)).tolist()


@pytest.fixture
def frame(tmp_path):
    directory = new_run(tmp_path / "run")
    for label, bits, seconds in (
        ("good", 200.0, 9.0),
        ("bad", 300.0, 10.0),
        ("quick", 400.0, 1.0),
        ("read", 100.0, None),
    ):
        costs = COSTS.model_copy(update={"fit_seconds": seconds, "bytes_per_second": 5e5})
        add(directory, label, bits + NOISE, costs=costs)
    return measure_costs(rank_models(directory, directory.manifest.corpora[0]))


def test_costs_that_are_not_known_are_left_out(frame):
    fitting = frame[frame["cost"] == "fitting"].set_index("model")
    assert fitting["is_on_front"].to_dict() == {"good": True, "bad": False, "quick": True}
    assert fitting["value"].to_dict() == {"good": 9.0, "bad": 10.0, "quick": 1.0}
    assert set(frame[frame["cost"] == "scoring"]["value"]) == {2.0}
    assert set(frame["cost"]) == {"fitting", "scoring", "parameters", "memory"}


def test_the_cost_of_a_model_is_the_mean_over_its_seeds(tmp_path):
    directory = new_run(tmp_path / "run")
    for seed, seconds in enumerate((1.0, 4.0)):
        model = model_record(f"hmm:seed={seed}", {"seed": seed})
        costs = COSTS.model_copy(update={"fit_seconds": seconds, "parameters": 9 if seed else None})
        add(directory, model.label, 200 + NOISE, model=model, costs=costs)
    frame = measure_costs(rank_models(directory, directory.manifest.corpora[0])).set_index("cost")
    assert (frame.loc["fitting", "model"], frame.loc["fitting", "value"]) == ("hmm", 2.5)
    assert "parameters" not in frame.index


def test_the_chart_has_all_models_and_the_front(frame):
    chart = draw_costs(frame, "fitting")
    front, models = chart.series
    assert (chart.title, chart.x.heading) == ("Bits per byte by time of fitting", "time of fitting (seconds)")
    assert front.x == (1.0, 9.0)
    assert models.labels == ("quick", "good", "bad")
    assert chart.description.endswith("beats in both.")
    free = draw_costs(frame.assign(value=frame["value"].where(frame["model"] != "quick", 0.0)), "fitting")
    assert free.description.endswith("beats in both. Not drawn, since the axis is logarithmic: quick (0).")
