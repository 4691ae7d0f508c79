import re
from itertools import accumulate, compress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmbench.corpora.splitting import DOCUMENT_UNITS, cut_into_documents, flag_document_starts, strip_lines
from lmbench.errors import UnknownNameError

WIKI = "\n= One =\n\na b\n\n= = Part = =\n\nc = d = e\n= f =\ng\n\n= Two =\n\nh\n"


@pytest.mark.parametrize("unit", DOCUMENT_UNITS)
@given(text=st.lists(st.sampled_from(("a", "=", " ", "\n", "\r", "\u2028", "= a =", "\n\n= b =\n\n"))).map("".join))
def test_documents_join_to_the_text_and_begin_at_flagged_lines(unit, text):
    documents = cut_into_documents(text, unit)
    assert "".join(documents) == text
    assert all(documents)
    lines = re.findall(r"[^\n]*\n|[^\n]+", text)
    starts = list(compress(accumulate(map(len, lines), initial=0), flag_document_starts(lines, unit)))
    assert list(accumulate(map(len, documents), initial=0))[1:-1] == starts[1:]


def test_units():
    assert cut_into_documents("a\n\nb\nc\n\n\nd", "line") == ("a\n", "\n", "b\n", "c\n", "\n", "\n", "d")
    assert cut_into_documents("a\n\nb\nc\n\n\nd", "block") == ("a\n\n", "b\nc\n\n\n", "d")
    assert cut_into_documents("\n\na\n\nb", "block") == ("\n\na\n\n", "b")
    assert cut_into_documents("a\nb\n", "file") == ("a\nb\n",)


def test_articles_begin_at_titles_between_empty_lines():
    assert cut_into_documents(WIKI, "article") == (WIKI[: WIKI.index("= Two")], WIKI[WIKI.index("= Two") :])


def test_only_the_line_that_starts_a_document_is_flagged():
    assert list(flag_document_starts(["\n", "a\n", "b\n", "\n", "c\n"], "block")) == [False, True, False, False, True]


def test_wikitext2_has_its_published_numbers_of_articles_and_types(mirror):
    """Merity et al. 2016: 600, 60, 60 articles; 33,278 types with the line end; 2,088,628, 217,646, 245,569 tokens."""
    texts = {name: strip_lines((mirror / f"wikitext-2/{name}.txt").read_text()) for name in ("train", "valid", "test")}
    assert [len(cut_into_documents(text, "article")) for text in texts.values()] == [600, 60, 60]
    assert [len(text.split()) + text.count("\n") for text in texts.values()] == [2088628, 217646, 245569]
    assert len(set(texts["train"].split())) + 1 == 33278


def test_an_unknown_unit():
    with pytest.raises(UnknownNameError, match="unknown unit of documents 'lines'; did you mean 'line'"):
        cut_into_documents("a", "lines")


def test_spaces_are_stripped_from_both_ends_of_each_line():
    assert strip_lines("  a b \n \n\tc ") == "a b\n\n\tc"
