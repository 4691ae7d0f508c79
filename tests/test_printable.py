import json

import pytest

from lmbench.printable import printable, printable_json, printable_lines

LEGITIMATE = [
    "汉字 [b] $x$ <unk>",
    "👩\u200d👧 🏳️\u200d🌈",
    "نمی\u200cخواهم",
    "e\u0301 ก็",
    "العربية ۝ עברית",
    "état «oui»",
]
HARMFUL = [
    ("\x1b[2J\x07\x9b", "\\x1b[2J\\x07\\x9b"),
    ("\x1b]52;c;cm0=\x07", "\\x1b]52;c;cm0=\\x07"),
    ("\u202egnp.exe\u2066", "\\u202egnp.exe\\u2066"),
    ("a\u2028b\u2029\x85", "a\\u2028b\\u2029\\x85"),
    ("a\rb\x7f\x00", "a\\rb\\x7f\\x00"),
    ("\udcff", "\\udcff"),
    ("\ufeff\u200b\u200e", "\\ufeff\\u200b\\u200e"),
]


@pytest.mark.parametrize("show", [printable, printable_lines, printable_json])
@pytest.mark.parametrize("text", LEGITIMATE)
def test_letters_marks_and_emoji_are_unchanged(text, show):
    assert show(text) == text


@pytest.mark.parametrize("show", [printable, printable_lines])
@pytest.mark.parametrize(("text", "shown"), HARMFUL)
def test_unprintable_characters_are_escaped_as_in_python(text, shown, show):
    assert show(text) == shown


def test_one_line_escapes_layout_and_unusual_spaces():
    assert printable("a\nb\tc\u3000d\xa0e") == "a\\nb\\tc\\u3000d\\xa0e"


def test_lines_keep_layout_and_spaces():
    assert printable_lines("the cat\n\tsat\u3000on\xa0it\n") == "the cat\n\tsat\u3000on\xa0it\n"


@pytest.mark.parametrize("text", [*LEGITIMATE, *(text for text, _ in HARMFUL), "a\nb\t\U000e0041"])
def test_json_is_printable_and_holds_the_same_text(text):
    shown = printable_json(json.dumps({"a": text}, ensure_ascii=False, indent=1))
    assert json.loads(shown) == {"a": text}
    assert printable_lines(shown) == shown
