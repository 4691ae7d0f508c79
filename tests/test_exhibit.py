import pytest
from pydantic import ValidationError

from lmbench.exhibit import Exhibit, formatted


def exhibit(**changes):
    parts = {"title": "t", "shows": "s", "kind": "lines", "columns": ("x", "y"), "rows": ((1, 2.5), (2, None))}
    return Exhibit(**(parts | changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rows": ((1, 2, 3),)}, "row 0 has 3 entries, and there are 2 columns"),
        ({"rows": ((1, 2), (2, "a"))}, "row 1 of a lines exhibit has text instead of a number"),
        ({"rows": (("a", 1),)}, "row 0 of a lines exhibit has text"),
        ({"kind": "heatmap", "rows": (("a", "b"),)}, "row 0 of a heatmap exhibit has text"),
        ({"kind": "table", "levels": (("floor", 1),)}, "levels are for lines, and this is a table"),
        ({"rows": ((1, float("nan")),)}, "finite"),
        ({"columns": ()}, "at least 1"),
        ({"kind": "pie"}, "'table', 'lines' or 'heatmap'"),
    ],
)
def test_malformed_exhibits_are_refused(changes, message):
    with pytest.raises(ValidationError, match=message):
        exhibit(**changes)


def test_exhibits_survive_json():
    whole = exhibit(kind="heatmap", rows=(("汉\n<b>", 0.25), ("", None)), unit="probability")
    assert Exhibit.model_validate_json(whole.model_dump_json()) == whole
    numbers = exhibit(kind="table", rows=((1, "1"), (1.0, None)))
    again = Exhibit.model_validate_json(numbers.model_dump_json())
    assert [list(map(type, row)) for row in again.rows] == [[int, str], [float, type(None)]]


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        (None, ""),
        (1234567, "1,234,567"),
        (0.123456, "0.1235"),
        ("汉 é's", "汉 é's"),
        ("a\n\x1b[31m\u2028\x85", "a\\n\\x1b[31m\\u2028\\x85"),
    ],
)
def test_entries_are_shown_in_one_line(entry, text):
    assert formatted(entry) == text
