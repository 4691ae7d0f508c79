"""The excess over the floor against the size of the training text, on runs whose excess is known."""

import math

import numpy as np
import pytest

from lmbench.analysis.excess import draw_excess, measure_excess
from lmbench.analysis.ranking import rank_models
from tests.analysis.crafted import NOISE, SIZES, add_model, model_record, new_run
from tests.report.cells import COSTS, cell, store_bits, text

FLOOR = 200 + NOISE
SIZES_OF_TRAINING = {"markov:lines=600": 1000, "markov:lines=6000": 10_000, "markov": 40_000}


def store_excess(directory, corpus, label, excess, **fields):
    """Store a cell with this excess in bits per byte on each document."""
    add_model(directory, model_record(label.partition(" ")[0]))
    store_bits(directory, cell(label, corpus=corpus, **fields), FLOOR / SIZES + excess, SIZES, FLOOR)


def measure(directory):
    return measure_excess(rank_models(directory, corpus) for corpus in directory.manifest.corpora)


@pytest.fixture
def frame(tmp_path):
    """Return the excess of a model that learns its parameters, d / 2n, and of one that cannot express the source."""
    corpora = [text(name, train_bytes=size) for name, size in SIZES_OF_TRAINING.items()]
    directory = new_run(tmp_path / "run", *corpora, text("natural"))
    for name, size in SIZES_OF_TRAINING.items():
        store_excess(directory, name, "converges", 50 / size)
        store_excess(directory, name, "stops", 0.1)
    store_excess(directory, "markov", "converges", 50 / 4000, train_size="10%")
    store_excess(directory, "markov", "converges", 9, train_size="draw 2 of 10%")
    store_excess(directory, "markov", "pretrained", 0.2, pretrained=True)
    trained = COSTS.model_copy(update={"fit_seconds": 9.0})
    store_excess(directory, "markov", "fine-tuned", 0.2, pretrained=True, costs=trained)
    add_model(directory, model_record("other"))
    store_bits(directory, cell("other", corpus="natural"), 2.0, SIZES)
    return measure(directory)


def test_a_model_that_learns_its_parameters_has_a_slope_of_minus_1(frame):
    part = frame[frame["model"] == "converges"]
    assert part["source"].tolist() == ["markov"] * 4
    assert part["train_bytes"].tolist() == [1000, 4000, 10_000, 40_000]
    assert part["excess"].tolist() == pytest.approx([0.05, 0.0125, 0.005, 0.00125])
    assert part["slope"].tolist()[1:] == pytest.approx([-1, -1, -1])
    assert math.isnan(part["slope"].iloc[0])


def test_a_model_that_cannot_express_the_source_has_a_slope_of_0(frame):
    part = frame[frame["model"] == "stops"]
    assert part["slope"].tolist()[1:] == pytest.approx([0, 0], abs=1e-9)


def test_natural_texts_and_models_that_were_not_trained_are_left_out(frame):
    assert set(frame["model"]) == {"converges", "stops", "fine-tuned"}


def test_the_seeds_of_a_model_are_one_line(tmp_path):
    directory = new_run(tmp_path / "run", text("markov", train_bytes=1000))
    for seed, excess in enumerate((0.1, 0.2)):
        add_model(directory, model_record(f"hmm:seed={seed}", {"seed": seed}))
        for size in ("10%", ""):
            made = cell(f"hmm:seed={seed}", corpus="markov", train_size=size)
            store_bits(directory, made, FLOOR / SIZES + excess, SIZES, FLOOR)
    frame = measure(directory)
    assert frame["model"].tolist() == ["hmm", "hmm"]
    assert frame["train_bytes"].tolist() == [100, 1000]
    assert frame["excess"].tolist() == pytest.approx([0.15, 0.15])


def test_an_excess_below_0_has_no_slope(tmp_path):
    directory = new_run(tmp_path / "run", text("markov:lines=60", train_bytes=9), text("markov", train_bytes=900))
    store_excess(directory, "markov:lines=60", "a", 0.1)
    store_excess(directory, "markov", "a", -0.001)
    frame = measure(directory)
    assert frame["excess"].tolist() == pytest.approx([0.1, -0.001])
    assert np.isnan(frame["slope"]).all()


def test_the_chart_has_a_line_for_each_model(frame):
    chart = draw_excess(frame, "markov")
    assert [line.name for line in chart.series] == ["converges", "fine-tuned", "stops"]
    assert chart.x.scale == chart.y.scale == "log"
