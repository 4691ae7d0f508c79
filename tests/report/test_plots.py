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
def test_pictures_are_drawn_without_a_warning_whatever_the_text(exhibits, caplog):
    with caplog.at_level(logging.WARNING):
        drawn = pixels(plots.picture(exhibits))
    assert drawn.std() > 5
    assert caplog.records == []


def test_a_heatmap_is_as_dark_as_its_numbers():
    def middle(value):
        drawn = pixels(plots.picture([HEATMAP.model_copy(update={"rows": (("a", value, 0.0), ("b", 1.0, 0.0))})]))
        blue = drawn[:, : drawn.shape[1] // 2]
        return blue[blue.shape[0] // 4, blue.shape[1] * 2 // 3].sum()

    assert middle(1.0) < middle(0.5) < middle(0.0)


def test_lines_without_a_point_and_tables_without_a_row_are_drawn():
    for exhibit in (LINES, TABLE):
        assert pixels(plots.picture([exhibit.model_copy(update={"rows": ()})])).std() > 0


def test_letters_that_no_font_has_become_escapes(monkeypatch):
    monkeypatch.setattr(plots, "_glyphs", lambda: frozenset(map(ord, "abc ")))
    assert plots._drawable("a 汉\U0001f600") == "a \\u6c49\\U0001f600"


def test_what_is_missing_is_said_once(monkeypatch, capsys):
    monkeypatch.setattr(plots, "_glyphs", lambda: frozenset(map(ord, "abc ")))
    plots._say_what_is_missing.cache_clear()
    plots._drawable("abc")
    assert capsys.readouterr().err == ""
    plots._drawable("汉")
    plots._drawable("汉字")
    [line] = capsys.readouterr().err.splitlines()
    assert line.endswith("for Chinese, install a font such as Noto Sans CJK")


def test_letters_that_a_font_has_stay():
    assert plots._drawable("état – the\n") == "état – the\\n"


def test_pictures_leave_matplotlibs_settings_alone():
    import matplotlib

    before = dict(matplotlib.rcParams)
    plots.picture([LINES])
    assert dict(matplotlib.rcParams) == before
