import math
import re
import time
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmbench.chart import Axis, Bars, Chart, Grid, Level, Line, Points
from lmbench.report import svg
from lmbench.report.drawing.texts import measure

NAMESPACE = "{http://www.w3.org/2000/svg}"
HOSTILE = "<script>alert('1')</script>\"&amp;\u202e\u200f\x1b[31m\x00]]>"
SHOWN = "<script>alert('1')</script>\"&amp;\\u202e\\u200f\\x1b[31m\\x00]]>"
ALLOWED = {"svg", "g", "path", "text", "tspan", "title", "desc", "style"}
NUMBERS = st.one_of(
    st.floats(-1e12, 1e12), st.floats(1e-9, 1e12), st.sampled_from([0.0, math.nan, math.inf, -math.inf, 1e308])
)
TEXTS = st.one_of(st.text(max_size=30), st.sampled_from([HOSTILE, "汉字" * 30, "שלום", "b" * 2000]))


def learning_curves(number=4):
    sizes = (12_000, 25_000, 50_000, 100_000, 200_000, 400_000, 800_000)
    lines = []
    for order in range(number):
        bits = tuple(1.4 + 0.2 * order + 20 * size**-0.3 for size in sizes)
        lines.append(Line(f"model:order={order}", sizes, bits, bits, bits))
    axes = Axis("training text", "bytes", "log"), Axis("", "bits per byte")
    return Chart("Learning curves", "Bits per byte by size.", *axes, tuple(lines), (Level("gzip", 2.5),))


def parse(text):
    return ET.fromstring(text.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1))


def check(text):
    """Check that an SVG element has nothing but drawings and texts, and that the texts are in the picture."""
    root = parse(text)
    assert {element.tag.removeprefix(NAMESPACE) for element in root.iter()} <= ALLOWED
    width = float(root.get("viewBox").split()[2])
    for element in root.findall(f"{NAMESPACE}text"):
        length, x, kind = measure("".join(element.itertext())), float(element.get("x")), element.get("class") or ""
        if (title := element.find(f"{NAMESPACE}title")) is not None:
            length = measure("".join(element.itertext()).removesuffix(title.text))
        left = x - length if "end" in kind else x - length / 2 if "middle" in kind else x
        assert left > -12
        assert left + length < width + 12
    assert "nan" not in re.sub(r"<(text|title|desc)>?.*?</\1>", "", text)
    return root


@st.composite
def charts(draw):
    """Charts with any numbers and texts."""
    names = tuple(dict.fromkeys(draw(st.lists(TEXTS, min_size=1, max_size=8))))
    scales = {"categories": st.sampled_from(names), "linear": NUMBERS, "log": NUMBERS}
    kinds = draw(st.sampled_from(list(scales))), draw(st.sampled_from(list(scales)))
    axes = [Axis(draw(TEXTS), draw(TEXTS), kind, names if kind == "categories" else ()) for kind in kinds]
    series = []
    for kind in draw(st.lists(st.sampled_from([Line, Points, Bars]), max_size=4)):
        length = draw(st.integers(0, 6))
        x, y = (tuple(draw(st.lists(scales[kind], min_size=length, max_size=length))) for kind in kinds)
        ends = tuple(draw(st.lists(NUMBERS, min_size=length, max_size=length)))
        if (kind is not Bars or "categories" in kinds) and kinds != ("categories", "categories"):
            series.append(kind(draw(TEXTS), x, y, *((ends, ends) if draw(st.booleans()) else ())))
    levels = tuple(Level(draw(TEXTS), draw(NUMBERS)) for _ in range(draw(st.integers(0, 2))))
    return Chart(draw(TEXTS), draw(TEXTS), *axes, tuple(series), levels, draw(st.booleans()))


@settings(max_examples=30, deadline=None)
@given(charts())
def test_any_chart_is_drawn_and_tabulated(chart):
    root = check(svg.draw_on_page(chart))
    assert all(path.get("d") is not None for path in root.iter(f"{NAMESPACE}path"))
    table = chart.tabulate()
    assert all(len(row) == len(table.columns) for row in table.rows)


def test_readers_who_do_not_see_a_chart_get_its_title_and_description():
    root = parse(svg.draw_on_page(learning_curves()))
    assert root.get("role") == "img"
    assert [(child.tag.removeprefix(NAMESPACE), child.text) for child in root[:2]] == [
        ("title", "Learning curves"),
        ("desc", "Bits per byte by size."),
    ]


def test_hostile_texts_stay_texts():
    x = Axis(HOSTILE, HOSTILE, "categories", (HOSTILE,))
    points = Points(HOSTILE, (HOSTILE,), (1,), labels=(HOSTILE,))
    text = svg.draw_on_page(Chart(HOSTILE, HOSTILE, x, Axis(HOSTILE, HOSTILE), (points,), (Level(HOSTILE, 2),)))
    root = check(text)
    assert root[0].text == root[1].text == SHOWN
    assert any(SHOWN in "".join(element.itertext()) for element in root.findall(f"{NAMESPACE}text"))
    assert "<script" not in text
    assert "http" not in text


def test_a_page_needs_neither_scripts_nor_identifiers():
    text = svg.draw_on_page(learning_curves())
    assert not re.search(r"\b(id|href|style|on\w+)=", text)


@pytest.mark.parametrize("number", [0, 1, 40])
def test_any_number_of_series_is_drawn(number):
    root = check(svg.draw_on_page(learning_curves(number)))
    assert len(root.findall(f".//{NAMESPACE}path[@class='band']")) == number


def test_a_file_is_complete():
    drawing = svg.draw(learning_curves(), has_heading=True)
    root = ET.fromstring(svg.draw_file([drawing, drawing]))
    style = root.find(f"{NAMESPACE}style").text
    used = {name for element in root.iter() for name in (element.get("class") or "").split()} - {"chart"}
    assert {name for name in used if f".{name}{{" not in style} == set()
    assert float(root.get("height")) == pytest.approx(2 * drawing.height + 40, abs=0.2)
    assert [text.text for text in root.iter(f"{NAMESPACE}text") if text.get("class") == "title"] == [
        "Learning curves"
    ] * 2


def test_headings_are_no_wider_than_the_picture():
    chart = Chart("A heading that is long " * 9, "description", Axis("x"), Axis("y"), ())
    root = ET.fromstring(svg.draw_file([svg.draw(chart, has_heading=True)]))
    lines = [text.text for text in root.iter(f"{NAMESPACE}text") if text.get("class") == "title"]
    assert 1 < len(lines) <= 4
    assert all(measure(line) * 14 / 12 < svg.WIDTH for line in lines)


def test_seventy_charts_take_well_under_a_second():
    start = time.process_time()
    texts = [svg.draw_on_page(learning_curves(6)) for _ in range(70)]
    assert time.process_time() - start < 1
    assert sum(map(len, texts)) < 1_000_000


def test_grids_of_any_numbers_are_drawn():
    names = tuple(map(str, range(30)))
    axis = Axis("", scale="categories", categories=names)
    rows = tuple(tuple((row - column) * 10.0**row for column in range(30)) for row in range(30))
    check(svg.draw_on_page(Chart("title", "description", axis, axis, (Grid("n", rows),))))
