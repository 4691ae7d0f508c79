import pytest

from lmbench.report.page.forests import draw_forest


def test_differences_are_those_to_the_baseline(results):
    chart = draw_forest(results.rankings[0], "kenlm")
    assert chart.y.categories == ("mix", "ppm")
    [points] = chart.series
    values = dict(zip(points.y, points.x, strict=True))
    assert values["mix"] == pytest.approx(-0.5)
    assert all(low <= value <= high for low, value, high in zip(points.low, points.x, points.high, strict=True))
    assert points.low[1] < points.high[1]
    assert [level.value for level in chart.levels] == [0.0]


def test_a_model_far_away_is_named_instead_of_shown(results):
    assert "twice as many bits are needed: uniform (+6.0" in draw_forest(results.rankings[0], "kenlm").description
    assert "twice" not in draw_forest(results.rankings[0], "uniform").description


def test_a_baseline_without_numbers_has_no_chart(results):
    assert draw_forest(results.rankings[0], "absent") is None
