import io
import logging

import numpy as np
import pytest
from PIL import Image

from lmbench.exhibit import Exhibit
from lmbench.report import plots

LINES = Exhibit(
    title="Training",
    shows="bits per byte over the time",
    kind="lines",
    columns=("seconds", "training", "validation"),
    rows=((0, 8.0, None), (10, 4.0, 4.2), (20, 3.0, None), (30, 2.5, 3.9)),
    unit="bits per byte",
    levels=(("kenlm", 3.5),),
)
HEATMAP = Exhibit(
    title="Transitions $x$ 汉字 \x1b \U0001f600",
    shows="from row to column",
    kind="heatmap",
    columns=("from", "汉 the", "$\\frac{$"),
    rows=(("汉 the", 0.9, 0.1), ("$\\frac{$", None, 0.5)),
    unit="probability",
)
TABLE = Exhibit(title="States", shows="s", kind="table", columns=("state", "words"), rows=((0, "汉字 " * 90), (1, "")))


def pixels(png):
    image = Image.open(io.BytesIO(png))
    assert image.format == "PNG"
    return np.asarray(image.convert("RGB")).astype(int)


@pytest.mark.parametrize("exhibits", [[LINES], [HEATMAP], [TABLE], [TABLE, HEATMAP, LINES]])
def test_any_text_is_drawn_without_a_warning(exhibits, caplog):
    with caplog.at_level(logging.WARNING):
        drawn = pixels(plots.picture(exhibits))
    assert drawn.std() > 5
    assert caplog.records == []


def test_larger_numbers_are_darker_in_a_heatmap():
    def middle(value):
        drawn = pixels(plots.picture([HEATMAP.model_copy(update={"rows": (("a", value, 0.0), ("b", 1.0, 0.0))})]))
        blue = drawn[:, : drawn.shape[1] // 2]
        return blue[blue.shape[0] // 4, blue.shape[1] * 2 // 3].sum()

    assert middle(1.0) < middle(0.5) < middle(0.0)


def test_empty_lines_and_tables_are_drawn():
    for exhibit in (LINES, TABLE):
        assert pixels(plots.picture([exhibit.model_copy(update={"rows": ()})])).std() > 0


def test_pictures_leave_matplotlibs_settings_alone():
    import matplotlib

    before = dict(matplotlib.rcParams)
    plots.picture([LINES])
    assert dict(matplotlib.rcParams) == before
