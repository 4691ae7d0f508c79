import re
from itertools import accumulate, compress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmbench.corpora.splitting import (
    DOCUMENT_UNITS,
    cut_into_documents,
    divide,
    flag_document_starts,
    hold_out,
    separates_words,
    strip_lines,
)
from lmbench.corpus import Split, TaggedWord
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


@pytest.mark.parametrize("count", range(3, 12))
def test_every_split_has_a_document(count):
    splits = divide(Split(tuple(map(str, range(count)))), (8, 1, 1))
    assert all(split.documents for split in splits)
    assert [d for split in splits for d in split.documents] == list(map(str, range(count)))


@pytest.mark.parametrize(("count", "held_out"), [(2, 1), (10, 1), (25, 2), (100, 10)])
def test_the_last_tenth_is_held_out(count, held_out):
    documents = tuple(map(str, range(count)))
    assert hold_out(Split(documents)) == (Split(documents[:-held_out]), Split(documents[-held_out:]))


def test_tags_stay_with_their_documents():
    tagged = tuple(((TaggedWord(str(i), "NOUN", "_"),),) for i in range(20))
    whole = Split(tuple(map(str, range(20))), tagged)
    for split in (*divide(whole), *hold_out(whole)):
        assert [line[0].form for [line] in split.tagged] == list(split.documents)


def test_scripts_without_spaces_are_recognized_unless_segmented():
    assert separates_words(["a cat\n"])
    assert not separates_words(["我是一个程序员，在北京大学学习\n"])
    assert separates_words(["同样 , 施力 的 大小 与 方向\n"])


def test_spaces_are_stripped_from_both_ends_of_each_line():
    assert strip_lines("  a b \n \n\tc ") == "a b\n\n\tc"
