import pytest

from lmbench.report import fonts


@pytest.fixture
def few_characters(monkeypatch):
    """The fonts have only "a", "b", "c" and the space."""
    monkeypatch.setattr(fonts, "_code_points", lambda: frozenset(map(ord, "abc ")))


def test_missing_characters_become_escapes(few_characters):
    assert fonts.escape_missing("a 汉\U0001f600") == "a \\u6c49\\U0001f600"


def test_missing_characters_are_announced_once(few_characters, capsys):
    fonts._warn_once.cache_clear()
    fonts.escape_missing("abc")
    assert capsys.readouterr().err == ""
    fonts.escape_missing("汉")
    fonts.escape_missing("汉字")
    [line] = capsys.readouterr().err.splitlines()
    assert line.endswith("for Chinese, install a font such as Noto Sans CJK")


def test_characters_that_a_font_has_are_kept():
    assert fonts.escape_missing("état – the\n") == "état – the\\n"


def test_matplotlibs_own_font_is_always_there():
    assert fonts.find_families()[0] == "DejaVu Sans"
