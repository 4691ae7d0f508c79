import itertools
import random
import re

from lmbench.chart import Axis, Chart, Points
from lmbench.report.drawing.frame import arrange
from lmbench.report.drawing.labels import draw_labels
from lmbench.report.drawing.plot import list_plots
from lmbench.report.drawing.texts import SIZE, measure


def label(points):
    """Return the place and the text of each label."""
    names = tuple(f"model:order={number}" for number in range(len(points)))
    series = Points("models", tuple(x for x, _ in points), tuple(y for _, y in points), labels=names)
    chart = Chart("title", "description", Axis("x"), Axis("y"), (series,))
    frame = arrange(chart, 0, 480)
    texts = "".join(draw_labels(list(list_plots(chart, frame))))
    found = re.findall(r'<text x="([^"]*)" y="([^"]*)" class="halo">([^<]*)', texts)
    return frame, [(float(x), float(y), text) for x, y, text in found]


def test_names_do_not_overlap_and_stay_in_the_plot():
    shuffled = random.Random(0)
    frame, found = label([(shuffled.random(), shuffled.random()) for _ in range(30)])
    assert len(found) > 20
    for (x, y, text), (other_x, other_y, other) in itertools.combinations(found, 2):
        apart = x + measure(text) <= other_x or other_x + measure(other) <= x or abs(y - other_y) >= SIZE - 0.2
        assert apart, (text, other)
    assert all(frame.left <= x and x + measure(text) < 480 for x, _, text in found)


def test_a_name_without_room_is_left_out():
    _, found = label([(1, 1)] * 9)
    assert 0 < len(found) < 9


def test_too_many_points_have_no_names():
    assert label([(number, number) for number in range(41)])[1] == []
