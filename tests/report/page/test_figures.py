from lmbench.chart import Axis, Chart, Line
from lmbench.report.page.figures import make_figure


def test_a_figure_has_the_picture_and_the_numbers_of_a_chart():
    line = Line("<a>", (1.0, 2.0), (0.123456, float("nan")))
    figure = make_figure(Chart("title", "about", Axis("x"), Axis("y"), (line,)))
    assert (figure.title, figure.description) == ("title", "about")
    assert list(figure.columns) == ["x", "<a>"]
    assert figure.rows == [["1", "0.1235"], ["2", ""]]
    assert figure.picture.startswith("<svg")
    assert "<a>" not in figure.picture
    assert "&lt;a&gt;" in figure.picture
