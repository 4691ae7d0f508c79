import math

import numpy as np
import pytest

from lmbench.chart import Level, Points
from lmbench.corpora.anchors import Anchor
from lmbench.report.ranked_run import RankedRun
from lmbench.report.ranking_plot import draw_ranking, draw_rankings
from tests.report.cells import cell, store_bits, text
from tests.storing import new_directory

NOISE = np.random.default_rng(0).normal(0, 0.1, 30)


def rank(folder, documents=30, **facts):
    """Return the ranking of a model with 2 bits per byte and of one with 4, on documents of 100 bytes."""
    directory = new_directory(folder, (text("$c$", **facts),))
    sizes = np.full(documents, 100)
    for model, mean in (("worst", 4.0), ("best", 2.0)):
        floor = np.full(documents, 150.0) if facts.get("floor_note") else None
        store_bits(directory, cell(model, corpus="$c$"), mean + NOISE[:documents], sizes, floor=floor)
    return RankedRun.read(directory).rankings[0]


@pytest.fixture
def ranking(tmp_path):
    anchor = Anchor(name="xz", bits=9000.0, how="xz -9")
    return rank(tmp_path / "run", anchors=(anchor,), test_bytes=3000, floor_note="known")


def test_models_and_compressors_are_drawn_from_best_to_worst(ranking):
    chart = draw_ranking(ranking)
    assert chart.title == "$c$"
    assert chart.y.categories == ("best", "xz (compressor)", "worst")
    assert chart.is_horizontal


def test_the_best_models_differ_in_shape_from_the_others(ranking):
    best, worse, compressors = draw_ranking(ranking).series
    for series, entry in zip((best, worse), ranking.entries, strict=True):
        assert (series.x, series.y) == ((entry.per_byte.value,), (entry.label,))
        assert (series.low, series.high) == ((entry.per_byte.low,), (entry.per_byte.high,))
    assert (best.name, worse.name) == ("best, or not shown to differ from it", "worse by more than chance")
    assert compressors == Points("compressor", (3.0,), ("xz (compressor)",))


def test_the_floor_of_a_source_is_a_level(ranking):
    assert draw_ranking(ranking).levels == (Level("floor of the source", 1.5),)


def test_a_single_document_has_no_intervals_and_no_best_model(tmp_path):
    chart = draw_ranking(rank(tmp_path / "run", documents=1))
    [series] = chart.series
    assert series.name == "model; no ranking is claimed"
    assert series.y == ("best", "worst")
    assert all(map(math.isnan, series.low + series.high))
    assert chart.levels == ()


def test_each_corpus_has_a_chart(ranking):
    assert draw_rankings([ranking, ranking]).charts == (draw_ranking(ranking),) * 2
