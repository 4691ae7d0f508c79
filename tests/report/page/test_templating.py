import pytest
from jinja2 import UndefinedError
from markupsafe import Markup

from lmbench.report.page.templating import make_environment


def show(template, **values):
    return make_environment().from_string(template).render(**values)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<b>&", "&lt;b&gt;&amp;"),
        ("\"'", "&#34;&#39;"),
        ("\x1b[31m\u202e\n", "\\x1b[31m\\u202e\\n"),
        (Markup("<svg/>"), "<svg/>"),
        (3, "3"),
    ],
)
def test_texts_are_escaped_and_pictures_are_not(text, shown):
    assert show("{{ text }}", text=text) == shown
    assert show("{% for one in [text] %}{{ one }}{% endfor %}", text=text) == shown


def test_lines_stay_lines():
    assert show("{{ text|lines }}", text="a\n<b>\x1b") == "a\n&lt;b&gt;\\x1b"


def test_a_misspelled_name_is_an_error():
    with pytest.raises(UndefinedError):
        show("{{ mistake }}")
