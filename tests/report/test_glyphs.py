import pytest

from lmbench.report import glyphs


@pytest.fixture
def few_characters(monkeypatch):
    """The fonts have only ASCII."""
    monkeypatch.setattr(glyphs, "_has_glyph", str.isascii)


def test_missing_characters_become_escapes(few_characters):
    assert glyphs.escape_missing("a 汉\U0001f600") == "a \\u6c49\\U0001f600"


def test_a_missing_mark_of_a_space_becomes_an_underscore(few_characters, capsys):
    glyphs._warn_once.cache_clear()
    assert glyphs.escape_missing("␣the") == "_the"
    assert capsys.readouterr().err == ""


def test_missing_characters_are_announced_once(few_characters, capsys):
    glyphs._warn_once.cache_clear()
    glyphs.escape_missing("abc")
    assert capsys.readouterr().err == ""
    glyphs.escape_missing("汉")
    glyphs.escape_missing("汉字")
    [line] = capsys.readouterr().err.splitlines()
    assert line.endswith("for Chinese, install a font such as Noto Sans CJK")


def test_characters_that_a_font_has_are_kept():
    assert glyphs.escape_missing("état – the\n") == "état – the\\n"


@pytest.mark.parametrize("letter", ["é", "–", "ß"])
def test_the_converters_own_font_has_latin_letters(letter):
    assert glyphs._has_glyph(letter)


@pytest.mark.parametrize("letter", ["\ue123", "\U000ffffe", "\u2fe0"])
def test_characters_of_no_font_are_found(letter):
    assert not glyphs._has_glyph(letter)
