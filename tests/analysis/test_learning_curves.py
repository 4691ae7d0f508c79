"""Learning curves whose power laws and crossings are known."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.optimize import curve_fit

from lmbench.analysis.learning_curves import (
    draw_curves,
    find_crossings,
    fit_curves,
    fit_power_law,
    locate_crossings,
    measure_curves,
    read_curves,
)
from lmbench.corpora.selection import TrainingPart, take_training
from lmbench.report.svg import draw_on_page
from tests.analysis.crafted import NOISE, SIZES, add, model_record, new_run
from tests.analysis.scored import corpus
from tests.report.cells import COSTS

TEXT = corpus("a\n", train=["123456789\n"] * 1000)
SHARES = {"0.1%": 10, "1%": 100, "10%": 1000, "": 10_000}
WIKITEXT = {
    104_818: 2.3974,
    275_035: 2.1524,
    682_567: 1.9505,
    1_437_864: 1.8163,
    2_728_169: 1.6968,
    5_316_229: 1.6173,
    10_736_663: 1.5298,
}
"""Bits per byte of the 5-gram `kenlm` on the first 9, 18, 37, 75, 150, 300 and 600 articles."""


def add_curve(directory, label, curve, **fields):
    """Store the cells of a model whose documents need these bits, a function of the size of the training text."""
    for share, size in SHARES.items():
        add(directory, label, curve(size), train_size=share, **fields)


def frame_of(sizes, bits):
    values = {"train_bytes": sizes, "bits_per_byte": bits, "low": math.nan, "high": math.nan, "draws": 1}
    return pd.DataFrame({"model": "m", **values})


def test_a_power_law_is_recovered():
    sizes = 1000.0 * 4.0 ** np.arange(7)
    law = fit_power_law(sizes, 1.2 + 30 * sizes**-0.345)
    assert (law.limit, law.scale, law.exponent) == pytest.approx((1.2, 30, 0.345), rel=1e-9)


def test_a_power_law_with_noise_is_recovered_like_by_another_algorithm():
    sizes = 1000.0 * 4.0 ** np.arange(7)
    bits = 1.2 + 30 * sizes**-0.345 + np.random.default_rng(0).normal(0, 0.005, 7)
    law = fit_power_law(sizes, bits)
    assert (law.limit, law.exponent) == pytest.approx((1.2, 0.345), abs=0.03)
    other, _ = curve_fit(lambda x, limit, scale, exponent: limit + scale * x**-exponent, sizes, bits, (1, 10, 0.3))
    assert (law.limit, law.scale, law.exponent) == pytest.approx(tuple(other), rel=0.01)


def test_a_limit_is_not_negative():
    sizes = 1000.0 * 4.0 ** np.arange(7)
    law = fit_power_law(sizes, 10 - np.log(sizes) / 2)
    assert law.limit == 0
    assert law.scale > 0


def test_bits_that_rise_with_the_size_have_no_power():
    law = fit_power_law(np.array([1.0, 2.0, 4.0, 8.0]), np.array([2.0, 2.1, 2.2, 2.3]))
    assert (law.limit, law.scale) == pytest.approx((2.15, 0))


def test_the_error_of_the_extrapolation_on_wikitext_is_the_published_one():
    """Without the last two points, the fit predicts 1.497. The truth is 1.530."""
    [fit] = fit_curves(frame_of(list(WIKITEXT), list(WIKITEXT.values()))).itertuples()
    assert (fit.held_out, fit.reach) == (2, pytest.approx(10_736_663 / 2_728_169))
    assert (round(fit.predicted, 3), round(fit.measured, 3)) == (1.497, 1.530)
    assert fit.error == fit.predicted - fit.measured


@pytest.mark.parametrize(("sizes", "held_out"), [(7, 2), (6, 2), (5, 1), (4, 0)])
def test_a_prediction_knows_at_least_four_sizes(sizes, held_out):
    places = 10.0 ** np.arange(sizes)
    [fit] = fit_curves(frame_of(places, 1 + places**-0.5)).itertuples()
    assert fit.held_out == held_out
    assert fit.reach == pytest.approx(10**held_out)
    assert fit.error == pytest.approx(0, abs=1e-9) if held_out else math.isnan(fit.error)


@pytest.mark.parametrize("bits", [[3.0, 2.0, 1.0], [8.0] * 5])
def test_few_sizes_and_bits_that_do_not_vary_have_no_fit(bits):
    assert fit_curves(frame_of(10.0 ** np.arange(len(bits)), bits)).empty


@pytest.mark.parametrize(
    ("differences", "exponent"),
    [
        ([-1, 1, 2], 2.5),
        ([-3, 1, 2], 2.75),
        ([-3, -2, 2], 3.5),
        ([0, 1, 2], 2),
        ([1, -1, 1], 3.5),
        ([1, 2, 3], -math.inf),
        ([1, 2, 0], math.inf),
        ([-1, -2, -3], math.inf),
    ],
)
def test_the_last_change_of_sign_is_interpolated_along_logarithms(differences, exponent):
    assert locate_crossings(np.array([1e2, 1e3, 1e4]), np.array([differences])) == pytest.approx(10**exponent)


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    """Return a run whose models b and a cross at 10 ** 2.25 bytes, and in which other texts are worth 10 ** 3 bytes."""
    directory = new_run(tmp_path_factory.mktemp("runs") / "run")
    add_curve(directory, "b", lambda size: 180 - 8 * math.log10(size) + NOISE)
    add_curve(directory, "a", lambda size: np.full(12, 162.0))
    add(directory, "pre", np.full(12, 156.0), pretrained=True)
    add(directory, "once", np.full(12, 100.0))
    return directory


def test_curves_have_the_bits_of_the_cells(directory):
    frame = measure_curves(read_curves(directory, TEXT))
    part = frame[frame["model"] == "b"]
    assert part["train_bytes"].tolist() == list(SHARES.values())
    cells = [cell for cell in directory.cells() if cell.model == "b"]
    assert part["bits_per_byte"].tolist() == pytest.approx([cell.metrics.bits_per_byte for cell in cells], rel=1e-9)
    assert (part["low"] < part["bits_per_byte"]).all()
    assert (part["bits_per_byte"] < part["high"]).all()


def test_a_model_that_is_not_trained_is_the_same_at_each_size(directory):
    frame = measure_curves(read_curves(directory, TEXT))
    assert frame[frame["model"] == "pre"]["bits_per_byte"].tolist() == pytest.approx([1.56] * 4)
    assert set(frame["model"]) == {"a", "b", "pre"}


def test_a_model_whose_pretrained_weights_were_trained_on_has_one_size(tmp_path):
    directory = new_run(tmp_path / "run")
    add_curve(directory, "a", lambda size: 200 + NOISE)
    add(directory, "tuned", 150 + NOISE, pretrained=True, costs=COSTS.model_copy(update={"fit_seconds": 1.0}))
    assert set(measure_curves(read_curves(directory, TEXT))["model"]) == {"a"}


def test_sizes_are_those_of_whole_documents(directory):
    text = corpus("a\n", train=["x" * size for size in (50, 60, 1100, 8790)])
    assert {curve.sizes for curve in read_curves(directory, text).curves} == {(50, 110, 1210, 10_000)}


def test_the_seeds_of_a_model_are_one_curve(tmp_path):
    directory = new_run(tmp_path / "run")
    for seed in (0, 1):
        model = model_record(f"m:seed={seed}", {"seed": seed})
        for share in ("10%", ""):
            add(directory, model.label, 200 + seed + NOISE, model=model, train_size=share)
    [curve] = read_curves(directory, TEXT).curves
    assert (curve.model, curve.sizes, curve.draws) == ("m", (1000, 10_000), (1, 1))
    assert list(map(len, curve.bits)) == [2, 2]


def add_draws(directory, label, bits, **fields):
    """Store the cells of draws of a tenth, whose documents need these bits, and one of the whole text."""
    for share, each in {"10%": bits[0], **{f"draw {n} of 10%": b for n, b in enumerate(bits[1:], 2)}, "": 100}.items():
        add(directory, label, np.full(12, float(each)), train_size=share, **fields)


def test_a_curve_is_the_mean_over_the_draws_and_its_interval_includes_them(tmp_path):
    """All documents are the same, so that the interval is that of t for three numbers."""
    directory, draws = new_run(tmp_path / "run"), [210, 200, 205]
    add_draws(directory, "a", draws)
    tenth, whole = measure_curves(read_curves(directory, TEXT)).itertuples()
    assert (tenth.draws, tenth.bits_per_byte, tenth.draw_sd) == (3, pytest.approx(2.05), pytest.approx(0.05))
    low, high = stats.t.interval(0.95, 2, 2.05, stats.sem(draws) / 100)
    assert (tenth.low, tenth.high) == pytest.approx((low, high))
    assert (whole.draws, whole.bits_per_byte) == (1, pytest.approx(1))
    assert math.isnan(whole.draw_sd)


def test_each_draw_has_the_mean_over_its_seeds(tmp_path):
    directory = new_run(tmp_path / "run")
    for seed in (0, 1):
        model = model_record(f"m:seed={seed}", {"seed": seed})
        add_draws(directory, model.label, [200 + seed, 210 + seed], model=model)
    [curve] = read_curves(directory, TEXT).curves
    assert (curve.model, curve.draws) == ("m", (2, 1))
    assert [bits.mean(axis=1).tolist() for bits in curve.bits] == [[200.5, 210.5], [100, 100]]


def test_the_size_of_a_share_is_the_mean_over_its_draws(tmp_path):
    directory, text = new_run(tmp_path / "run"), corpus("a\n", train=["x" * size for size in (900, 50, 40, 10)])
    add_draws(directory, "a", [200, 210])
    other = take_training(text, TrainingPart(0.1, 2)).train.size
    assert [curve.sizes for curve in read_curves(directory, text).curves] == [((900 + other) // 2, 1000)]
    assert other != 900


def test_models_cross_where_the_means_over_the_draws_do(tmp_path):
    directory = new_run(tmp_path / "run")
    add_draws(directory, "b", [200, 220, 240])
    add_draws(directory, "a", [200, 200, 200])
    add(directory, "pre", np.full(12, 160.0), pretrained=True)
    crossings = find_crossings(read_curves(directory, TEXT)).set_index(["model", "other"])["train_bytes"]
    assert crossings["b", "pre"] == pytest.approx(1000 * 10 ** (60 / 120))
    assert crossings["a", "pre"] == pytest.approx(1000 * 10 ** (40 / 100))


def test_the_chart_says_how_many_draws_there_are(tmp_path):
    directory = new_run(tmp_path / "run")
    add_draws(directory, "a", [210, 200, 205])
    frame = measure_curves(read_curves(directory, TEXT))
    assert "the mean over up to 3 draws of the training text" in draw_curves(frame, fit_curves(frame), "c").description


def test_models_cross_where_arithmetic_says(directory):
    crossings = find_crossings(read_curves(directory, TEXT)).set_index(["model", "other"])["train_bytes"]
    shift = NOISE.mean()  # the mean noise of b, in bits
    assert set(crossings.index) == {("b", "a"), ("b", "pre")}
    assert crossings["b", "a"] == pytest.approx(10 ** ((18 + shift) / 8))
    assert crossings["b", "pre"] == pytest.approx(10 ** ((24 + shift) / 8))


def test_the_interval_of_a_crossing_is_that_of_the_difference_over_its_slope(directory):
    crossing = find_crossings(read_curves(directory, TEXT)).set_index("other").loc["pre"]
    low, middle, high = np.log10(crossing[["low", "train_bytes", "high"]].astype(float))
    assert low < middle < high
    assert high - low == pytest.approx(2 * 1.96 * NOISE.std() / math.sqrt(12) / 8, rel=0.05)


def test_a_crossing_may_be_outside_of_the_sizes(tmp_path):
    directory = new_run(tmp_path / "run")
    add_curve(directory, "b", lambda size: 200 - 0.1 * math.log10(size) + NOISE - NOISE.mean())
    add_curve(directory, "a", lambda size: np.full(12, 199.75))
    [crossing] = find_crossings(read_curves(directory, TEXT)).itertuples()
    assert (crossing.model, crossing.low, crossing.high) == ("b", 0, math.inf)
    assert crossing.train_bytes == pytest.approx(10**2.5)


def test_few_documents_give_no_interval(tmp_path):
    directory = new_run(tmp_path / "run")
    for share, bits in (("10%", 300.0), ("", 100.0)):
        add(directory, "b", np.full(5, bits), SIZES[:5], train_size=share)
        add(directory, "a", np.full(5, 200.0), SIZES[:5], train_size=share)
    [crossing] = find_crossings(read_curves(directory, TEXT)).itertuples()
    assert crossing.train_bytes == pytest.approx(10**3.5)
    assert math.isnan(crossing.low)
    assert math.isnan(crossing.high)


def test_a_model_that_is_better_at_all_sizes_crosses_no_other(tmp_path):
    directory = new_run(tmp_path / "run")
    add_curve(directory, "b", lambda size: 200 + NOISE)
    add_curve(directory, "a", lambda size: 210 + NOISE)
    assert find_crossings(read_curves(directory, TEXT)).empty


def test_a_run_with_one_size_has_no_curves(tmp_path):
    directory = new_run(tmp_path / "run")
    add(directory, "a", 200 + NOISE)
    found = read_curves(directory, TEXT)
    assert measure_curves(found).empty
    assert find_crossings(found).empty


def test_the_chart_extrapolates_as_far_as_the_error_is_known():
    frame = frame_of(list(WIKITEXT), list(WIKITEXT.values()))
    chart = draw_curves(frame, fit_curves(frame), "wikitext-2")
    measured, dashed = chart.series
    assert (dashed.name, dashed.is_dashed, measured.is_dashed) == ("m", True, False)
    assert dashed.x[0] == measured.x[-1]
    assert dashed.x[-1] == pytest.approx(10_736_663**2 / 2_728_169)
    assert chart.x.scale == "log"
    assert "up to 0.033 bits per byte" in chart.description
    assert draw_on_page(chart).startswith("<svg")


def test_the_chart_of_few_sizes_extrapolates_nothing():
    frame = frame_of([10, 100], [3.0, 2.0])
    chart = draw_curves(frame, fit_curves(frame), "c")
    assert len(chart.series) == 1
    assert "Dashed" not in chart.description
