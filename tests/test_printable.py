import pytest

from lmbench.printable import printable, printable_lines


def test_printable_text_is_unchanged():
    assert printable("汉字 [b] $x$ <unk>") == "汉字 [b] $x$ <unk>"


@pytest.mark.parametrize(
    ("text", "shown"),
    [("a\nb\t", "a\\nb\\t"), ("\x1b[31m", "\\x1b[31m"), ("\u2028\x85", "\\u2028\\x85"), ("\ud800", "\\ud800")],
)
def test_unprintable_characters_are_escaped_as_in_python(text, shown):
    assert printable(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("the cat\n\tsat\n", "the cat\n\tsat\n"),
        ("👩\u200d👧", "👩\u200d👧"),
        ("a\u200cb", "a\u200cb"),
        ("\x1b[2J\x07\x9b", "\\x1b[2J\\x07\\x9b"),
        ("\u202e\r", "\\u202e\\r"),
        ("a\u2028b", "a\u2028b"),
    ],
)
def test_lines_keep_their_layout_and_lose_control_characters(text, shown):
    assert printable_lines(text) == shown
