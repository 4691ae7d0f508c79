import io
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from lmbench.chart import Axis, Bars, Chart, Level, Line, Points
from lmbench.errors import ResultsError
from lmbench.report import pictures
from lmbench.report.drawing.style import LIGHT

NAMESPACE = "{http://www.w3.org/2000/svg}"
LETTERS = Axis("", scale="categories", categories=("a", "b"))
CHART = Chart("Title 汉", "description", LETTERS, Axis("bits"), (Bars("", ("a", "b"), (1, 3)),))


def test_a_chart_is_written_in_all_formats(tmp_path):
    pictures.write_pictures(CHART, tmp_path / "kenlm:order=1.5")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"kenlm:order=1.5{suffix}" for suffix in sorted(pictures.SUFFIXES)
    ]
    assert (tmp_path / "kenlm:order=1.5.svg").read_text().startswith("<svg xmlns")
    assert (tmp_path / "kenlm:order=1.5.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "kenlm:order=1.5.pdf").read_bytes().startswith(b"%PDF")


def test_bars_are_as_tall_as_their_numbers(tmp_path):
    pictures.write_pictures(CHART, tmp_path / "bars")
    pixels = np.asarray(Image.open(tmp_path / "bars.png").convert("RGB"))
    color = [int(LIGHT["0"][start : start + 2], 16) for start in (1, 3, 5)]
    heights = (pixels == color).all(axis=2).sum(axis=0)
    left, right = np.array_split(heights[heights > 0], 2)
    assert np.median(right) / np.median(left) == pytest.approx(3, rel=0.02)


def test_pdf_files_embed_their_letters(tmp_path):
    pictures.write_pictures(CHART, tmp_path / "bars", has_heading=True)
    data = (tmp_path / "bars.pdf").read_bytes()
    assert b"/FontFile" in data
    assert b"LiberationSans" in data or b"Helvetica" in data or b"Arial" in data


def test_only_pictures_without_fonts_of_the_reader_have_escapes(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "escape_missing", lambda text: text.replace("汉", "?"))
    written = []
    monkeypatch.setattr(pictures, "convert", lambda svg, suffix: written.append(svg) or b"")
    pictures.write_pictures(CHART, tmp_path / "bars", has_heading=True)
    assert ["汉" in svg for svg in written] == [True, False, False]


def test_all_texts_of_a_chart_are_respelled():
    axis = Axis("文", "字", "categories", ("汉", "b"))
    chart = Chart(
        "汉", "汉", axis, Axis("汉"), (Points("汉", ("汉", "b"), (1, 2), labels=("汉", "c")),), (Level("汉", 1),)
    )
    respelled = pictures.respell(chart, lambda text: text.encode("ascii", "replace").decode())
    assert repr(respelled).isascii()
    assert respelled.x.categories == respelled.series[0].x == ("?", "b")
    assert respelled.series[0].y == (1, 2)


def test_pictures_have_two_pixels_for_each_of_the_drawing():
    chart = Chart("", "", Axis("x"), Axis("y"), (Line("a", (1, 2), (1, 2)),))
    png = pictures.convert(pictures.draw_file([pictures.draw(chart)]), ".png")
    assert Image.open(io.BytesIO(png)).width == 2 * (480 + 20)


def test_a_notebook_shows_all_charts_of_a_picture():
    svg = ET.fromstring(pictures.Picture((CHART, replace(CHART, title="Second <i>")))._repr_svg_())
    texts = ["".join(element.itertext()) for element in svg.iter(f"{NAMESPACE}text")]
    assert [text for text in texts if text in ("Title 汉", "Second <i>")] == ["Title 汉", "Second <i>"]
    assert [svg.find(f"{NAMESPACE}{name}").text for name in ("title", "desc")] == [
        "Title 汉; Second <i>",
        "description",
    ]


@pytest.mark.parametrize(("name", "start"), [("a.svg", b"<svg xmlns"), ("a.PNG", b"\x89PNG"), ("a.pdf", b"%PDF")])
def test_a_picture_is_saved_in_the_format_of_its_suffix(tmp_path, name, start):
    pictures.Picture((CHART, CHART)).save(tmp_path / name)
    assert (tmp_path / name).read_bytes().startswith(start)


def test_an_unknown_format_is_refused(tmp_path):
    with pytest.raises(ResultsError, match=r"a\.jpg' does not end in .svg, .png or .pdf"):
        pictures.Picture((CHART,)).save(tmp_path / "a.jpg")
    assert not list(tmp_path.iterdir())


def test_a_picture_in_a_terminal_says_how_to_see_it():
    shown = repr(pictures.Picture((replace(CHART, title="\x1b[31m"),)))
    assert shown == "<Picture: \\x1b[31m; show it in a notebook, or write it with .save(path)>"


def test_charts_are_files_with_the_names_of_their_titles(tmp_path):
    titles = ("Bits / byte on ../é", "Bits, byte on é", "…", "中" * 100)
    charts = [replace(CHART, title=title) for title in titles]
    written = [path.name for path in pictures.write_all(charts, tmp_path / "new")]
    assert written == ["bits-byte-on-é.svg", "bits-byte-on-é-2.svg", "chart.svg", f"{'中' * 40}.svg"]
    assert len(list((tmp_path / "new").iterdir())) == 12
