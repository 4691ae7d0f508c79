import io
import logging
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from lmbench.chart import Level, Line
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


def texts(exhibit):
    root = ET.fromstring(plots.picture([exhibit], ".svg"))
    return ["".join(element.itertext()) for element in root.iter("{http://www.w3.org/2000/svg}text")]


@pytest.mark.parametrize("exhibits", [[LINES], [HEATMAP], [TABLE], [TABLE, HEATMAP, LINES]])
def test_any_text_is_drawn_without_a_warning(exhibits, caplog):
    with caplog.at_level(logging.WARNING):
        drawn = pixels(plots.picture(exhibits))
    assert drawn.std() > 5
    assert caplog.records == []


def test_pictures_have_the_format_of_their_suffix():
    beginnings = {".svg": b"<svg ", ".png": b"\x89PNG", ".pdf": b"%PDF"}
    for suffix, beginning in beginnings.items():
        assert plots.picture([TABLE, LINES], suffix).startswith(beginning)


def test_larger_numbers_are_darker_in_a_heatmap():
    def middle(value):
        drawn = pixels(plots.picture([HEATMAP.model_copy(update={"rows": (("a", value, 0.0), ("b", 1.0, 0.0))})]))
        return drawn[142, drawn.shape[1] // 4].sum()  # in the first of two rows and columns, beside its number

    assert middle(1.0) < middle(0.5) < middle(0.0)


def test_empty_lines_and_tables_are_drawn():
    for exhibit in (LINES, TABLE):
        assert pixels(plots.picture([exhibit.model_copy(update={"rows": ()})])).std() > 0


def test_lines_run_over_missing_numbers():
    chart = plots.make_chart(LINES)
    assert chart.series == (
        Line("training", (0, 10, 20, 30), (8.0, 4.0, 3.0, 2.5)),
        Line("validation", (10, 30), (4.2, 3.9)),
    )
    assert chart.levels == (Level("kenlm", 3.5),)


def test_tables_keep_their_texts_and_shorten_the_longest_column():
    state, words, *rows = texts(TABLE)[1:]
    assert (state, words, rows[0], rows[2:]) == ("state", "words", "0", ["1", ""])
    assert rows[1].startswith("汉字 汉字")
    assert "…" in rows[1]


def test_long_tables_are_cut():
    long = Exhibit(title="t", shows="s", kind="table", columns=("number",), rows=tuple((row,) for row in range(1000)))
    assert texts(long)[-2:] == ["99", "… and 900 more rows"]
    assert len(texts(long)) == 103


def test_broad_tables_stay_within_the_picture():
    broad = Exhibit(title="t", shows="s", kind="table", columns=tuple("ab" * 20), rows=(("a long entry",) * 40,))
    root = ET.fromstring(plots.picture([broad], ".svg"))
    assert max(float(text.get("x")) for text in root.iter("{http://www.w3.org/2000/svg}text")) < 900
