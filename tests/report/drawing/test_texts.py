import io
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import vl_convert
from PIL import Image

from lmbench.report.drawing.style import file_style
from lmbench.report.drawing.texts import draw_text, measure, number, shorten, wrap


def drawn_width(text):
    """Return the pixels from the first to the last one that are not white, as the converter draws the text."""
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" width="600" height="20"><style>{file_style()}</style>'
    png = vl_convert.svg_to_png(f"{svg}<path fill='#fff' d='M0 0h600v20h-600z'/>{draw_text(10, 14, text)}</svg>")
    columns = np.flatnonzero(np.asarray(Image.open(io.BytesIO(png)).convert("L")).min(axis=0) < 200)
    return columns[-1] - columns[0]


@pytest.mark.parametrize(
    "text",
    [
        "transformer:layers=4,width=256,context=512",
        "kenlm:order=5 + cache",
        "bits per byte",
        "1,000,000",
        "ILLinois MWmw @%",
        "2.5×10⁻¹²",
    ],
)
def test_texts_are_about_as_wide_as_they_are_drawn(text):
    assert measure(text) == pytest.approx(drawn_width(text), rel=0.12, abs=2)


@pytest.mark.parametrize("text", ["abc" * 40, "汉字" * 50, "x" * 100_000, "\x1b" * 100])
def test_shortened_texts_fit(text):
    shown = shorten(text, 120)
    assert measure(shown) <= 120
    assert "…" in shown
    assert len(shown) > 5


def test_texts_that_fit_are_kept():
    assert shorten("kenlm", 120) == "kenlm"


def test_the_whole_text_is_a_tooltip_if_it_was_shortened():
    assert "<title>kenlm:order=5</title>" in draw_text(0, 0, "ken…", full="kenlm:order=5")
    assert "<title>" not in draw_text(0, 0, "kenlm", full="kenlm")


def test_markup_and_unprintable_characters_are_text():
    hostile = '<script>alert("&")</script>\u202e\x00\ud800\ufffe\x1b[31m'
    element = ET.fromstring(draw_text(0, 0, hostile))
    assert list(element) == []
    assert element.text == '<script>alert("&")</script>\\u202e\\x00\\ud800\\ufffe\\x1b[31m'


def test_exponents_are_raised_digits():
    element = ET.fromstring(draw_text(0, 0, "2×10⁻⁹"))
    assert (element.text, element[0].text) == ("2×10", "−9")


def test_headings_have_at_most_four_lines():
    lines = wrap("a title that says everything " * 40, 400)
    assert len(lines) == 4
    assert all(measure(line) < 440 for line in lines)


def test_coordinates_have_one_decimal():
    assert [number(value) for value in (1, 1.04, 1.25, -0.5)] == ["1", "1", "1.2", "-0.5"]
