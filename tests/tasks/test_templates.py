import pytest

from lmbench.errors import TaskError
from lmbench.tasks.templates import fields_of, fill


def test_fields_are_filled_in_and_braces_are_kept():
    assert fill("Q: {q}\nA: {{{a}}}", {"q": "{x}", "a": "1"}, "here") == "Q: {x}\nA: {1}"
    assert fields_of("{a} {b} {a} {{c}}") == {"a", "b"}


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{quesion}\n", r"my.jsonl, item 3 lacks the field 'quesion' of '{quesion}\\n'; did you mean 'question'\?"),
        ("{z}", "lacks the field 'z' of '{z}'; it has: question, choices"),
        ("{question", "the template '{question' is malformed: .*; write {{ and }} for braces"),
        ("{question.title}", "has a field that is not a plain name; write {name}"),
        ("{question!r}", "has a field that is not a plain name"),
        ("{}", "has a field that is not a plain name"),
    ],
)
def test_a_wrong_template_is_refused_in_one_line(template, message):
    with pytest.raises(TaskError, match=message) as refused:
        fill(template, {"question": "Q", "choices": "C"}, "my.jsonl, item 3")
    assert "\n" not in str(refused.value)
