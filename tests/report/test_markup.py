import pytest
from rich.console import Console

from lmbench.report.markup import code, csv_text, literal, plain


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("a|b", "a\\|b"),
        ("*a* _b_ `c` [d](e)", "\\*a\\* \\_b\\_ \\`c\\` \\[d\\](e)"),
        ("~~a~~ $x$ # b", "\\~\\~a\\~\\~ \\$x\\$ \\# b"),
        ("\\", "\\\\"),
        ("<b> & &lt;", "&lt;b> &amp; &amp;lt;"),
        ("two\nlines", "two\\\\nlines"),
        ("a\n\n<img src=x onerror=alert(1)>", "a\\\\n\\\\n&lt;img src=x onerror=alert(1)>"),
        ("\x1b[31m\u202e", "\\\\x1b\\[31m\\\\u202e"),
        ("- a", "\\- a"),
        ("+ a", "\\+ a"),
        ("12. a", "12\\. a"),
        ("> a", "\\> a"),
        ("---", "\\---"),
        ("==", "\\=="),
        ("    code", "code"),
    ],
)
def test_markup_in_a_text_is_escaped(text, escaped):
    assert plain(text) == escaped


@pytest.mark.parametrize("text", ["état 汉字, 95 % (a=b:c) 1.5–2.0", "-1.5", "8.0000", "1", "2=", "–", "👩\u200d👧"])
def test_ordinary_text_is_not_changed(text):
    assert plain(text) == text
    assert literal(text).plain == text


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("a|b", "`a|b`"),
        ("a`b|c", "``a`b|c``"),
        ("``a`", "``` ``a` ```"),
        ("a\n\n- <img>`", "`` a\\n\\n- <img>` ``"),
    ],
)
def test_nothing_ends_a_code_span(text, span):
    assert code(text) == span


@pytest.mark.parametrize("start", ["=", "+", "-", "@", " =", "＝"])
def test_no_text_is_a_formula_in_a_spreadsheet(start):
    text = f'{start}HYPERLINK("http://example.org")'
    assert csv_text(text) == f"'{text}"


def test_other_text_in_csv_is_only_made_printable():
    assert csv_text("kenlm:order=3") == "kenlm:order=3"
    assert csv_text("\t=1\r") == "\\t=1\\r"


def test_rich_prints_a_literal_as_it_is(capsys):
    Console().print(literal("[b]a[/b] :smile: \\ \x1b[31m"))
    assert capsys.readouterr().out == "[b]a[/b] :smile: \\ \\x1b[31m\n"
