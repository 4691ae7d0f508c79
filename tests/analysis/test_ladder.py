"""The ladder of a run whose bits are known."""

import math

import pytest

from lmbench.analysis.comparison import RunModel, compare_models
from lmbench.analysis.ladder import draw_ladder, measure_ladder, place_on_ladder
from lmbench.report.svg import draw_on_page
from tests.analysis.crafted import NOISE, add, model_record, new_run
from tests.report.cells import text

MODELS = {
    "transformer": ({}, 180 - NOISE),
    "kenlm:order=2": ({"order": 2}, 250 + NOISE),
    "kenlm:history=4": ({"order": 5, "history": 4}, 190 + NOISE),
    "ngram:order=2": ({"order": 2}, 260 + NOISE),
    "hmm": ({"states": 4}, 270 + 2 * NOISE),
    "kenlm": ({"order": 5}, 200 + NOISE),
    "uniform": ({}, 800 + 0 * NOISE),
    "smollm2": ({}, 100 + NOISE),
    "plugin": ({}, 190 + NOISE),
}


@pytest.fixture
def run(tmp_path):
    directory = new_run(tmp_path / "run")
    for label, (options, bits) in MODELS.items():
        add(directory, label, bits, model=model_record(label, options), pretrained=label == "smollm2")
    add(directory, "kenlm", 150 + NOISE, model=model_record("kenlm", {"order": 5}), train_size="10%")
    return directory


@pytest.fixture
def frame(run):
    return measure_ladder(run, run.manifest.corpora[0])


def test_rungs_are_in_order_and_have_the_best_model_of_their_kind(frame):
    assert frame["model"].tolist() == ["uniform", "kenlm:order=2", "kenlm", "hmm", "transformer", "plugin", "smollm2"]
    assert frame["rung"].tolist()[:3] == ["nothing", "order 2", "order 5"]


def test_a_rung_is_measured_against_the_best_one_below(frame):
    assert frame["below"].tolist() == ["", "uniform", "kenlm:order=2", "kenlm", "kenlm", "transformer", "transformer"]
    totals = [MODELS[model][1].sum() for model in frame["model"]]
    saved = [
        (MODELS[below][1].sum() - total) / 1200 for total, below in zip(totals[1:], frame["below"][1:], strict=True)
    ]
    assert frame["saved"].tolist()[1:] == pytest.approx(saved)
    assert frame["bits_per_byte"].tolist() == pytest.approx([total / 1200 for total in totals])
    assert math.isnan(frame["saved"].iloc[0])


def test_the_intervals_are_those_of_the_paired_comparison(run, frame):
    [pair] = compare_models(RunModel(run, "kenlm"), RunModel(run, "transformer")).pairs
    row = frame.set_index("model").loc["transformer"]
    difference = pair.comparison.difference
    assert (row["low"], row["high"]) == pytest.approx((difference.low, difference.high))


def test_a_corpus_without_numbers_has_no_rungs(run):
    assert measure_ladder(run, text("other")).empty


@pytest.mark.parametrize(
    ("spec", "options", "rung"),
    [
        ("nltk:order=3", {"order": 3}, (1, 3, "order 3")),
        ("ppm", {"order": 6}, (2, 0, "the bytes before")),
        ("mix:a+b", {}, (4, 0, "a mixture")),
        ("own", {"order": 3}, (7, 0, "another model")),
    ],
)
def test_a_model_has_a_place(spec, options, rung):
    assert place_on_ladder(model_record(spec, options), is_pretrained=False) == rung
    assert place_on_ladder(model_record(spec, options), is_pretrained=True) == (8, 0, "other texts")


def test_the_chart_has_the_intervals_of_the_steps(frame):
    chart = draw_ladder(frame, "c")
    [points] = chart.series
    row = frame.iloc[1]
    assert chart.y.categories[1] == "order 2: kenlm:order=2"
    assert points.x[1] == row["bits_per_byte"]
    assert points.low[1] == pytest.approx(row["bits_per_byte"] + row["saved"] - row["high"])
    assert points.low[1] < points.x[1] < points.high[1]
    assert draw_on_page(chart).startswith("<svg")
