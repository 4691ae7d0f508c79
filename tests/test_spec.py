import pytest
from pydantic import Field

from lmbench.errors import SpecError, UnknownNameError
from lmbench.spec import Options, Spec, split_list


class Sizes(Options):
    lines: int = Field(10, ge=1)
    share: float = 0.5


class Needs(Options):
    path: str = Field(description="a file")
    url: str


@pytest.mark.parametrize("text", ["markov", "markov:lines=3", "markov:lines=3,share=0.25", "x:some/path,lines=3"])
def test_a_spec_prints_as_it_was_written(text):
    assert str(Spec.parse(text)) == text


def test_options_are_typed():
    options = Spec.parse("markov:share=.25").options(Sizes)
    assert (options.lines, options.share) == (10, 0.25)


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("markov:line=3", UnknownNameError, "unknown option of markov 'line'; did you mean 'lines'"),
        ("markov:lines=0", SpecError, "markov: option lines=0: Input should be greater than or equal to 1"),
        ("markov:3", SpecError, "'3' in 'markov:3' is not an option; write option=value with one of: lines, share"),
        ("markov:lines=\udcff", SpecError, "markov: option lines=\udcff is not UTF-8; if it is the name"),
        ("markov:lines=3,lines=4", SpecError, "'lines' is given twice"),
        (":lines=3", SpecError, "does not name a corpus"),
    ],
)
def test_errors_name_the_valid_options(text, error, message):
    with pytest.raises(error, match=message):
        Spec.parse(text).options(Sizes)


def test_a_missing_option_is_named_and_described():
    with pytest.raises(SpecError, match=r"^x needs path=: a file$"):
        Spec.parse("x").options(Needs)
    with pytest.raises(SpecError, match=r"^x needs url=$"):
        Spec.parse("x:path=y").options(Needs)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a,b=1,c", ["a:b=1", "c"]),
        ("a:b=1,c=2,d", ["a:b=1,c=2", "d"]),
        ("x.txt,b=1", ["x.txt", "b=1"]),
        ("b=1,a", ["b=1", "a"]),
        ("a,dir/b=1.txt, ,", ["a", "dir/b=1.txt"]),
    ],
)
def test_options_belong_to_the_part_before_them_if_it_can_have_options(text, parts):
    assert split_list(text, lambda name: name == "a") == parts
