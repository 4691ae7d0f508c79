import re

from lmbench.chart import Axis, Bars, Chart, Grid, Level, Line, Points
from lmbench.report.drawing.legend import draw_legend

X, Y = Axis("x"), Axis("y")
LETTERS = Axis("", scale="categories", categories=("a",))


def legend_of(*series, x=X, y=Y, levels=()):
    return draw_legend(Chart("title", "description", x, y, series, levels), 0, 480)


def texts(legend):
    return re.findall(r'<text x="([^"]*)" y="([^"]*)">([^<]*)', "".join(legend.parts))


def line(name, **rest):
    return Line(name, (1,), (1,), **rest)


def test_named_series_and_levels_are_listed_once():
    legend = legend_of(
        line("kenlm"), line(""), line("kenlm", is_dashed=True), Points("hmm", (1,), (1,)),
        levels=(Level("gzip", 2.5), Level("", 0)),
    )  # fmt: skip
    assert [text for *_, text in texts(legend)] == ["kenlm", "hmm", "gzip: 2.5"]
    assert legend.height == 16


def test_a_chart_without_names_has_no_legend():
    legend = legend_of(line(""))
    assert (list(legend.parts), legend.height) == ([], 0)


def test_many_names_are_in_columns():
    legend = legend_of(*(line(f"model:order={10**number}") for number in range(10)))
    found = texts(legend)
    assert len({x for x, *_ in found}) * len({y for _, y, _ in found}) >= 10
    assert len({x for x, *_ in found}) == 2
    assert legend.height == 16 * 5


def test_samples_look_like_their_series():
    bars = "".join(legend_of(Bars("a", ("a",), (1,)), x=LETTERS).parts)
    assert 'class="fill"' in bars
    dashed = "".join(legend_of(line("a", is_dashed=True)).parts)
    assert "mark" not in dashed
    points = "".join(legend_of(Points("a", (1,), (1,))).parts)
    assert ("line" in points, "mark" in points) == (False, True)


def test_long_names_are_shortened():
    [(_, _, text)] = texts(legend_of(line("name " * 100)))
    assert "…" in text


def test_the_legend_of_a_grid_explains_its_shades():
    legend = legend_of(Grid("probability", ((0.5,),)), x=LETTERS, y=LETTERS)
    assert "0.5 probability" in "".join(legend.parts)
