import pytest
from pydantic import BaseModel, ValidationError

from lmbench.errors import UnknownNameError, describe, kind_of, message_of, one_line, reason


@pytest.mark.parametrize(
    ("name", "known", "advice", "message"),
    [
        ("kenml", ("nltk", "kenlm"), "", "unknown model 'kenml'; did you mean 'kenlm'? (known: kenlm, nltk)"),
        ("zzz", ("nltk", "kenlm"), "", "unknown model 'zzz' (known: kenlm, nltk)"),
        ("kenlm-3", ("kenlm",), "write kenlm:order=3", "unknown model 'kenlm-3'; write kenlm:order=3 (known: kenlm)"),
        ("kenlm", (), "", "unknown model 'kenlm' (known: none)"),
    ],
)
def test_an_unknown_name_comes_with_the_nearest_one_or_advice(name, known, advice, message):
    assert str(UnknownNameError("model", name, known, advice)) == message


class Layers(BaseModel):
    layers: int


def validation_error():
    with pytest.raises(ValidationError) as caught:
        Layers(layers="many")
    return caught.value


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (FileNotFoundError(2, "No such file or directory", "x.txt"), "No such file or directory"),
        (OSError("the disk is gone"), "the disk is gone"),
        (ValueError("  the first line\n  the second line"), "the first line"),
        (RuntimeError("Error(s) in loading state_dict for GPT:\n\tMissing key: w"), "Missing key: w"),
        (RuntimeError("the only line:"), "the only line:"),
        (ValueError(), "ValueError"),
        (validation_error(), "layers: Input should be a valid integer, unable to parse string as an integer"),
    ],
)
def test_the_reason_is_the_line_that_explains_an_error(error, expected):
    assert reason(error) == expected


class UnprintableError(Exception):
    def __str__(self):
        raise ValueError("no message")


def test_any_error_is_described_in_one_line():
    assert describe(ValueError("two\n  lines")) == "ValueError: two lines"
    assert describe(KeyboardInterrupt()) == "KeyboardInterrupt"
    assert message_of(UnprintableError()) == "its message cannot be read"


def test_long_and_unprintable_texts_become_one_short_line():
    assert one_line(" a\r\n\x1b[31m b ") == "a \\x1b[31m b"
    assert one_line("x" * 1000) == "x" * 1000
    assert one_line("x" * 5000) == "x" * 1000 + "…"


@pytest.mark.parametrize(("value", "kind"), [(None, "None"), ([], "a list"), (1, "an int"), ("x", "a str")])
def test_the_kind_of_a_value_has_an_article(value, kind):
    assert kind_of(value) == kind
