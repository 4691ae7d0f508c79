import pytest

from lmbench.corpora.records import parse_json_lines, parse_json_list
from lmbench.errors import CorpusError


def test_a_record_has_its_text_in_the_first_field_that_it_has():
    lines = '{"a": "1", "b": "2"}\n\n{"b": ["3", "4"]}\r\n'
    assert list(parse_json_lines(lines, "x", ["a", "b"])) == ["1\n", "3\n4\n"]
    assert list(parse_json_lines(lines, "x", ["b"])) == ["2\n", "3\n4\n"]


def test_a_list_or_a_single_record():
    assert list(parse_json_list('[{"a": "1"}, {"a": "2\\n"}]', "x", ["a"])) == ["1\n", "2\n"]
    assert list(parse_json_list('{"a": "1"}', "x", ["a"])) == ["1\n"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[", "x is not JSON: "),
        ("[" * 200_000, "x is nested too deeply"),
        ('[{"a": "1"}, 2]', "x, record 2, is not a JSON object with a field 'a'"),
        ('[{"b": "1"}]', "x, record 1, lacks the field 'a'; it has: b"),
        ('[{"a": [1]}]', "x, record 1, holds list in its field 'a' instead of text"),
        ('[{"a": "1\\u0000"}]', "x, record 1 is not text: it has a NUL byte at offset 1"),
    ],
)
def test_malformed_lists_are_refused(text, message):
    with pytest.raises(CorpusError, match=message):
        list(parse_json_list(text, "x", ["a"]))
