import pytest

from lmbench.corpora.formats import LAYOUTS, TextFormat
from lmbench.corpora.options import NO_OPTIONS, CorpusOptions, Selection
from lmbench.corpora.splitting import DOCUMENT_UNITS
from lmbench.errors import SpecError, UnknownNameError
from lmbench.spec import Spec


def parse(options, kind=CorpusOptions):
    return Spec.parse(f"x.txt:{options}").options(kind)


def test_options_say_how_to_read_a_text():
    assert parse("documents=block,encoding=GB18030,field=body,format=jsonl,strip=true").text_format == TextFormat(
        "block", "gb18030", "body", "jsonl", strip=True
    )
    assert parse("documents=auto,strip=false").text_format == TextFormat(strip=False)
    assert NO_OPTIONS.text_format == TextFormat()


@pytest.mark.parametrize("unit", DOCUMENT_UNITS)
def test_every_unit_can_be_named(unit):
    assert parse(f"documents={unit}").text_format.unit == unit


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_format_can_be_named(layout):
    assert parse(f"format={layout}").text_format.layout == layout


def test_the_options_of_one_corpus_precede_those_of_all():
    defaults = CorpusOptions(documents="block", limit=5, strip=None)
    assert defaults.updated(parse("documents=line,field=body")) == CorpusOptions(
        documents="line", limit=5, field="body"
    )
    assert defaults.updated(parse("limit=2", Selection)) == CorpusOptions(documents="block", limit=2)


def test_a_corpus_with_its_own_choice_of_documents_ignores_that_of_all():
    assert CorpusOptions(limit=5).updated(parse("sample=3", Selection)) == CorpusOptions(sample=3)
    assert CorpusOptions(sample=3, draw=2).updated(parse("limit=5", Selection)) == CorpusOptions(limit=5)


def test_options_of_a_users_text_are_those_that_are_given():
    assert CorpusOptions(limit=3, split="all", encoding=None).given_for_text == []
    assert CorpusOptions(documents="auto", strip=False).given_for_text == ["documents", "strip"]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ("documents=word", SpecError, r"x.txt: option documents=word: Input should be 'auto', 'line', 'block'"),
        ("limit=2,sample=3", SpecError, "x.txt: limit= and sample= both choose documents; give one of them"),
        ("draw=2", SpecError, "x.txt: draw= chooses one of several samples; give sample= too"),
        ("limit=0", SpecError, r"x.txt: option limit=0: Input should be greater than 0"),
        ("split=train", SpecError, r"x.txt: option split=train: Input should be 'test', 'valid' or 'all'"),
        ("strip=perhaps", SpecError, r"x.txt: option strip=perhaps: Input should be a valid boolean"),
        (
            "block",
            SpecError,
            r"'block' in 'x.txt:block' is not an option; write option=value with one of: split, limit, sample",
        ),
        (
            "feild=a",
            UnknownNameError,
            r"unknown option of x.txt 'feild'; did you mean 'field'\? \(known: documents, draw, encoding, field,",
        ),
    ],
)
def test_mistakes_name_the_known_options(options, error, message):
    with pytest.raises(error, match=message):
        parse(options)


def test_a_corpus_that_has_a_name_takes_options_of_scoring():
    with pytest.raises(
        UnknownNameError,
        match=r"option of x.txt 'documents'; it is an option of your own text \(known: draw, limit, sample, split\)",
    ):
        parse("documents=line", Selection)
    with pytest.raises(UnknownNameError, match=r"unknown option of x.txt 'limt'; did you mean 'limit'"):
        parse("limt=3", Selection)
