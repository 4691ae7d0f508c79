import numpy as np
import pytest

from lmbench.corpora.anchors import Anchor
from lmbench.report.ranked_run import RankedRun
from lmbench.report.ranking_plot import draw_rankings
from tests.report.cells import cell, store_bits, text
from tests.storing import new_directory

NOISE = np.random.default_rng(0).normal(0, 0.1, 30)


@pytest.fixture
def ranking(tmp_path):
    anchor = Anchor(name="xz", bits=9000.0, how="xz -9")
    directory = new_directory(tmp_path / "run", (text("$c$", anchors=(anchor,), test_bytes=3000, floor_note="known"),))
    sizes = np.full(30, 100)
    for model, mean in (("worst", 4.0), ("best", 2.0)):
        store_bits(directory, cell(model, corpus="$c$"), mean + NOISE, sizes, floor=np.full(30, 150.0))
    return RankedRun.read(directory).rankings[0]


def test_models_are_drawn_from_best_to_worst_with_their_intervals(ranking):
    [axes] = draw_rankings([ranking]).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["best", "worst", "xz (compressor)"]
    for row, (container, entry) in enumerate(zip(axes.containers, ranking.entries, strict=True)):
        [[[low, height], [high, _]]] = container.lines[2][0].get_segments()
        assert (low, height, high) == pytest.approx((entry.per_byte.low, row, entry.per_byte.high))
    assert [container.lines[0].get_markerfacecolor() for container in axes.containers] == ["C0", "none"]


def test_compressors_and_the_floor_are_shown(ranking):
    [axes] = draw_rankings([ranking]).axes
    places = [line.get_xdata()[0] for line in axes.lines if line.get_color() == "0.55"]
    assert places == pytest.approx([3.0, 1.5])
    assert axes.get_title(loc="left") == "$c$"


def test_each_corpus_has_a_panel(ranking):
    assert len(draw_rankings([ranking, ranking]).axes) == 2
