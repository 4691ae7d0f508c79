"""The usable history of a run whose bits are known."""

import math

import pytest

from lmbench.analysis.comparison import RunModel, compare_models
from lmbench.analysis.history import draw_history, measure_history
from lmbench.report.svg import draw_on_page
from tests.analysis.crafted import NOISE, add, model_record, new_run
from tests.report.cells import text

BITS = {  # for each spec
    "kenlm:history=4": 200 + NOISE,
    "kenlm:history=0": 300 - NOISE,
    "kenlm:history=10": 200 + NOISE,
    "kenlm": 200 + NOISE,
    "kenlm:order=3": 190 + NOISE,
    "hmm:history=1": 240 + NOISE,
    "hmm:history=0": 260 + 2 * NOISE,
    "uniform": 800 + NOISE,
}


def add_spec(directory, spec, bits, **fields):
    """Store a cell of a spec, whose options are all numbers."""
    _, _, given = spec.partition(":")
    options = {"order": 5, "history": None}
    options |= {name: int(value) for name, value in (pair.split("=") for pair in given.split(",") if pair)}
    add(directory, spec, bits, model=model_record(spec, options), **fields)


@pytest.fixture
def run(tmp_path):
    directory = new_run(tmp_path / "run")
    for spec, bits in BITS.items():
        add_spec(directory, spec, bits)
    return directory


@pytest.fixture
def frame(run):
    return measure_history(run, run.manifest.corpora[0])


def test_histories_are_in_order_and_the_whole_one_is_last(frame):
    assert frame["model"].tolist() == ["kenlm"] * 4 + ["hmm"] * 2
    assert frame["history"].tolist()[:3] == [0, 4, 10]
    assert frame["history"].isna().tolist() == [False, False, False, True, False, False]
    assert frame["bits_per_byte"].tolist()[0] == pytest.approx(BITS["kenlm:history=0"].sum() / 1200)


def test_gains_are_paired_comparisons_with_the_next_shorter_history(run, frame):
    [pair] = compare_models(RunModel(run, "kenlm:history=0"), RunModel(run, "kenlm:history=4")).pairs
    row = frame.iloc[1]
    expected = pair.comparison.difference
    assert (row["gain"], row["gain_low"], row["gain_high"]) == pytest.approx(
        (expected.value, expected.low, expected.high)
    )
    assert row["gain"] == pytest.approx((BITS["kenlm:history=0"] - BITS["kenlm:history=4"]).sum() / 1200)
    assert frame["gain"].tolist()[2:4] == [0, 0]
    assert math.isnan(frame["gain"].iloc[0])
    assert math.isnan(frame["gain"].iloc[4])


def test_seeds_are_averaged_and_training_sizes_are_apart(tmp_path):
    directory = new_run(tmp_path / "run")
    for seed in (0, 1):
        add_spec(directory, f"transformer:history=1,seed={seed}", 200 + 10 * seed + NOISE)
        add_spec(directory, f"transformer:history=2,seed={seed}", 190 + NOISE)
    for history in (1, 2):
        add_spec(directory, f"kenlm:history={history}", 300 + NOISE, train_size="10%")
    add_spec(directory, "kenlm", 200 + NOISE)
    found = measure_history(directory, directory.manifest.corpora[0])
    assert found["model"].tolist() == ["transformer"] * 2 + ["kenlm (10% of train)"] * 2
    assert found["bits_per_byte"].iloc[0] == pytest.approx((205 + NOISE).sum() / 1200)


def test_one_history_is_not_a_curve(tmp_path):
    directory = new_run(tmp_path / "run")
    add_spec(directory, "kenlm:history=1", 300 + NOISE)
    assert measure_history(directory, directory.manifest.corpora[0]).empty


def test_a_corpus_without_limited_histories_has_no_rows(run):
    assert measure_history(run, text("other")).empty
    assert draw_history(measure_history(run, text("other")), "other").series == ()


def test_the_chart_has_a_line_for_each_model(frame):
    chart = draw_history(frame, "c")
    assert chart.x.categories == ("0", "1", "4", "10", "all")
    kenlm, hmm = chart.series
    assert (kenlm.x, hmm.x) == (("0", "4", "10", "all"), ("0", "1"))
    assert kenlm.low[0] < kenlm.y[0] < kenlm.high[0]
    assert draw_on_page(chart).startswith("<svg")
