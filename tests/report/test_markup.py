import pytest

from lmbench.report.markup import code, plain


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("a|b", "a\\|b"),
        ("*a* _b_ `c` [d](e)", "\\*a\\* \\_b\\_ \\`c\\` \\[d\\](e)"),
        ("\\", "\\\\"),
        ("<b> & &lt;", "&lt;b> &amp; &amp;lt;"),
        ("two\nlines", "two lines"),
    ],
)
def test_markup_in_a_text_is_escaped(text, escaped):
    assert plain(text) == escaped


def test_ordinary_text_is_not_changed():
    assert plain("état 汉字, 95 % (a=b:c) 1.5–2.0") == "état 汉字, 95 % (a=b:c) 1.5–2.0"


def test_backticks_do_not_end_a_code_span():
    assert code("a`b|c") == "`a'b|c`"
