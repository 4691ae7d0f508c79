import math

import numpy as np
import pytest

from lmbench.analysis.documents import MOST_SHOWN, compare_documents, draw_documents
from lmbench.chart import Line, Points
from tests.analysis.crafted import add, new_run
from tests.report.cells import text


def compare(tmp_path, ours, theirs, sizes):
    run = new_run(tmp_path / "run", text())
    add(run, "a", np.array(ours, dtype=float), np.array(sizes))
    add(run, "b", np.array(theirs, dtype=float), np.array(sizes))
    return compare_documents(run, list(run.cells()))


def test_each_document_has_its_bits_per_byte_under_both_models(tmp_path):
    frame = compare(tmp_path, [10, 30, 8], [20, 15, 8], [10, 10, 4])
    assert frame["document"].tolist() == [0, 1, 2]
    assert frame["bytes"].tolist() == [10, 10, 4]
    assert frame["bits"].tolist() == [10, 30, 8]
    assert frame["bits_per_byte"].tolist() == [1, 3, 2]
    assert frame["other_bits_per_byte"].tolist() == [2, 1.5, 2]


def test_points_are_named_by_the_model_that_needs_fewer_bits(tmp_path):
    chart = draw_documents(compare(tmp_path, [10, 30, 8], [20, 15, 8], [10, 10, 4]), "a", "b")
    line, *points = chart.series
    assert isinstance(line, Line)
    assert line.x == line.y == (1.5, 2.0)
    assert [(one.name, one.x, one.y, one.labels) for one in points] == [
        ("a needs fewer bits (1)", (1.0,), (2.0,), ("document 0",)),
        ("b needs fewer bits (1)", (3.0,), (1.5,), ("document 1",)),
        ("equal (1)", (2.0,), (2.0,), ("document 2",)),
    ]


def test_the_line_of_equal_bits_is_left_out_if_no_number_is_on_both_axes(tmp_path):
    chart = draw_documents(compare(tmp_path, [10, 12], [50, 60], [10, 10]), "a", "b")
    assert [type(one) for one in chart.series] == [Points]


def test_a_document_without_bytes_is_not_shown(tmp_path):
    frame = compare(tmp_path, [10, 12], [50, 60], [10, 10])
    frame.loc[0, ["bits_per_byte", "other_bits_per_byte"]] = math.nan
    [points] = draw_documents(frame, "a", "b").series
    assert points.labels == ("document 1",)


@pytest.mark.parametrize("count", [MOST_SHOWN, 4 * MOST_SHOWN])
def test_of_many_documents_some_are_shown(tmp_path, count):
    frame = compare(tmp_path, 20 + np.arange(count) % 7, 20 + np.arange(count) % 5, np.full(count, 10))
    chart = draw_documents(frame, "a", "b")
    points = [one for one in chart.series if isinstance(one, Points)]
    assert sum(len(one.x) for one in points) == MOST_SHOWN
    assert ("250 of 1,000 documents" in chart.description) == (count > MOST_SHOWN)
