import hashlib

import numpy as np
import pandas as pd
import pytest

from lmbench.corpora.on_disk import StoredDocuments
from lmbench.corpus import (
    Corpus,
    Split,
    TaggedWord,
    TrainingText,
    divide,
    hold_out,
    lines_of,
    separates_words,
    with_line_end,
)
from lmbench.errors import CorpusError


def test_a_fingerprint_is_the_sha256_of_the_bytes():
    assert Split(("é\n", "b")).fingerprint == hashlib.sha256("é\nb".encode()).hexdigest()
    assert Split(("é\n", "b")).size == 4


@pytest.mark.parametrize(
    ("document", "lines"), [("a\n\nb\n", ["a", "", "b"]), ("a\nb", ["a", "b"]), ("\n", [""]), ("a\r\n", ["a\r"])]
)
def test_lines_do_not_include_their_line_ends(document, lines):
    assert lines_of(document) == lines
    assert Split((document, "c")).lines == [*lines, "c"]


def test_a_line_end_is_added_only_if_it_is_missing():
    assert with_line_end("a") == with_line_end("a\n") == "a\n"
    assert with_line_end("") == "\n"


def test_training_does_not_include_the_test_split():
    train, valid, test = Split(("a\n",)), Split(("b\n",)), Split(("c\n",))
    corpus = Corpus("x", train, valid, test, provenance="lines", tokenized=True)
    assert corpus.training == TrainingText(train, valid, tokenized=True)


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


def test_texts_are_divided_in_order():
    corpus = Corpus.from_texts((f"text {number}" for number in range(20)), "mine")
    assert [len(split.documents) for split in (corpus.train, corpus.valid, corpus.test)] == [16, 2, 2]
    assert corpus.test.documents == ("text 18", "text 19")
    assert (corpus.name, corpus.provenance, corpus.spaced) == ("mine", "texts,split=80/10/10-contiguous", True)


def test_texts_are_scored_as_a_whole():
    corpus = Corpus.from_texts(["我是一个程序员，在北京大学学习", ""], whole=True)
    assert corpus.test.documents == ("我是一个程序员，在北京大学学习", "")
    assert corpus.train.documents == corpus.valid.documents == ()
    assert (corpus.provenance, corpus.spaced) == ("texts,scored=all", False)


def test_training_texts_are_given_with_and_without_validation():
    held_out = Corpus.from_texts(["c"], train=["a", "b"])
    assert (held_out.train, held_out.valid, held_out.test) == (Split(("a",)), Split(("b",)), Split(("c",)))
    assert held_out.provenance == "texts,split=given,valid=last-10%-of-train"
    given = Corpus.from_texts(["c"], train=["a"], valid=["b"])
    assert (given.train, given.valid, given.provenance) == (Split(("a",)), Split(("b",)), "texts,split=given")


def test_a_column_of_a_data_frame():
    table = pd.DataFrame({"text": ["a b", "c d", "e f"]})
    assert Corpus.from_texts(table["text"]).test.documents == ("e f",)
    with pytest.raises(CorpusError, match=r"^texts is a table; choose the column that holds the texts"):
        Corpus.from_texts(table)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ("a b c", "^texts is one text; write"),
        (["a", float("nan"), "c"], "^text 1 of texts is nan; leave it out"),
        (["a", "b", 3], "^text 2 of texts is an int; leave it out"),
        (["a", pd.NA, "c"], "^text 1 of texts is a NAType; leave it out"),
        ([np.array(["a", "b"])], "^text 0 of texts is a ndarray; leave it out"),
        (3, "^texts is an int; it must be a list of texts"),
        (["a", "b"], "^texts has 2 texts, and three splits need at least 3"),
        (["", " ", "c"], "^the training split of texts is blank"),
        (["a", "b", "\ud800"], r"^text 2 of texts is not Unicode: it has '\\ud800'"),
    ],
)
def test_what_is_not_a_list_of_texts_is_refused(texts, message):
    with pytest.raises(CorpusError, match=message):
        Corpus.from_texts(texts)


def test_training_texts_that_do_not_suffice_are_refused():
    with pytest.raises(CorpusError, match="needs at least 2 training texts"):
        Corpus.from_texts(["c"], train=["a"])
    with pytest.raises(CorpusError, match="has validation texts and no training texts"):
        Corpus.from_texts(["c"], valid=["a"])


def test_representations_name_and_count_but_hold_no_text():
    corpus = Corpus.from_texts([f"secret {number}\n" for number in range(1000)], "mine")
    assert repr(corpus) == (
        "Corpus('mine', train=Split(800 documents, 8,690 bytes), valid=Split(100 documents, 1,100 bytes), "
        "test=Split(100 documents, 1,100 bytes))"
    )
    assert repr(corpus.training) == (
        "TrainingText(train=Split(800 documents, 8,690 bytes), valid=Split(100 documents, 1,100 bytes), "
        "tokenized=False)"
    )
    assert repr(Split(("a",), (((TaggedWord("a", "X", "_"),),),))) == "Split(1 document, 1 byte, tagged)"


def test_the_representation_of_a_split_does_not_read_its_file(tmp_path):
    file = tmp_path / "text"
    file.write_text("a\nb\n")
    split = Split(StoredDocuments.of_file(file, "line"))
    file.unlink()
    assert repr(split) == "Split(2 documents)"
