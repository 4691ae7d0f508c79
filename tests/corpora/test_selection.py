import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmbench.corpora.on_disk import StoredDocuments
from lmbench.corpora.options import Selection
from lmbench.corpora.selection import (
    TrainingPart,
    choose_documents,
    list_parts,
    parse_shares,
    select_scored,
    take_training,
)
from lmbench.corpus import NO_TEXT, Corpus, Split, TaggedWord
from lmbench.errors import CorpusError, SpecError

TRAIN = tuple(f"train {i}\n" for i in range(20))
VALID = ("valid 0\n", "valid 1\n")
TEST = ("test 0\n", "test 1\n", "test 2\n")


@pytest.fixture
def corpus():
    return Corpus(
        "x", Split(TRAIN), Split(VALID), Split(TEST), "lines", floor=(1.0, 2.0, 3.0), floor_note="of the source"
    )


def documents(corpus):
    return corpus.train.documents, corpus.valid.documents, corpus.test.documents


@pytest.mark.parametrize("split", [None, "test"])
def test_the_test_split_is_scored_by_default(corpus, split):
    assert select_scored(corpus, Selection(split=split)) is corpus
    assert select_scored(corpus, Selection(split=split, limit=3)) is corpus


def test_the_first_documents_can_be_scored(corpus):
    scored = select_scored(corpus, Selection(limit=2))
    assert documents(scored) == (TRAIN, VALID, TEST[:2])
    assert (scored.floor, scored.floor_note, scored.name) == ((1.0, 2.0), "of the source", "x")
    assert scored.provenance == "lines,limit=2"


def test_a_sample_is_scored_in_the_order_of_the_text(corpus):
    text = replace(corpus, test=Split(tuple(map(str, range(40)))), floor=tuple(map(float, range(40))))
    scored = select_scored(text, Selection(sample=8, draw=2))
    assert list(scored.test.documents) == sorted(scored.test.documents, key=int)
    assert [float(document) for document in scored.test.documents] == list(scored.floor)
    assert documents(scored)[:2] == (TRAIN, VALID)
    assert scored.provenance == "lines,sample=8,draw=2"
    assert scored.test == select_scored(text, Selection(sample=8, draw=2)).test
    assert scored.test != select_scored(text, Selection(sample=8)).test
    assert select_scored(text, Selection(sample=8)).provenance == "lines,sample=8"
    assert select_scored(text, Selection(sample=40)) is text


def test_each_document_has_the_same_chance_to_be_in_a_sample():
    """Of 7 documents, 3 are drawn 4,000 times: 1,714 times each, with a standard deviation below 32."""
    texts = ["a", "aa", "a", "aaaa", "", "aaa", "a"]
    drawn = [choose_documents(texts, Selection(sample=3, draw=draw))[0] for draw in range(1, 4001)]
    assert {len(set(numbers.tolist())) for numbers in drawn} == {3}
    assert np.bincount(np.concatenate(drawn)) == pytest.approx(12000 / 7, abs=130)


@pytest.mark.parametrize("draw", range(1, 6))
def test_a_sample_has_documents_of_all_lengths_and_places(draw):
    """Long and short documents alternate: 16 of 160 are about 8 of each, from all quarters of the text."""
    texts = ["a" * (1 + 8 * (number % 2)) for number in range(160)]
    numbers, _ = choose_documents(texts, Selection(sample=16, draw=draw))
    assert 7 <= sum(numbers % 2) <= 9
    assert all(2 <= count <= 6 for count in np.bincount(numbers // 40, minlength=4))


def test_the_validation_split_is_not_seen_by_models_if_it_is_scored(corpus):
    scored = select_scored(corpus, Selection(split="valid", limit=1))
    assert documents(scored) == (TRAIN[:18], TRAIN[18:], VALID[:1])
    assert (scored.floor, scored.floor_note) == (None, "")
    assert scored.provenance == "lines,scored=valid,valid=last-10%-of-train,limit=1"


def test_the_validation_split_of_a_text_without_a_training_part(corpus):
    scored = select_scored(replace(corpus, train=NO_TEXT), Selection(split="valid"))
    assert documents(scored) == ((), (), VALID)
    assert scored.provenance == "lines,scored=valid"


def test_a_validation_split_that_cannot_be_scored(corpus):
    with pytest.raises(CorpusError, match="x does not have a validation split to score"):
        select_scored(replace(corpus, valid=NO_TEXT), Selection(split="valid"))
    with pytest.raises(CorpusError, match="x: its only training document cannot be divided"):
        select_scored(replace(corpus, train=Split(TRAIN[:1])), Selection(split="valid"))


def test_all_of_a_text_can_be_scored(corpus):
    scored = select_scored(corpus, Selection(split="all", limit=22))
    assert documents(scored) == ((), (), TRAIN + VALID)
    assert scored.provenance == "lines,scored=all,limit=22"
    assert (scored.floor, scored.floor_note) == (None, "")
    whole = replace(corpus, train=NO_TEXT, valid=NO_TEXT)
    assert select_scored(whole, Selection(split="all")) is whole


def test_tags_stay_with_their_documents(corpus):
    def tagged(documents):
        return Split(documents, tuple(((TaggedWord(text, "X", "_"),),) for text in documents))

    corpus = replace(corpus, train=tagged(TRAIN), valid=tagged(VALID), test=tagged(TEST))
    for scored in (
        select_scored(corpus, Selection(limit=2)),
        select_scored(corpus, Selection(sample=2)),
        select_scored(corpus, Selection(split="valid")),
        select_scored(corpus, Selection(split="all", limit=23)),
        take_training(corpus, TrainingPart(0.3)),
        take_training(corpus, TrainingPart(0.3, 2)),
    ):
        for split in (scored.train, scored.valid, scored.test):
            assert [line[0].form for [line] in split.tagged or ()] == list(split.documents)


@given(
    lengths=st.lists(st.integers(0, 9), min_size=1, max_size=12),
    shares=st.lists(st.floats(0.001, 1), min_size=2, max_size=2),
)
def test_shares_of_the_training_text_are_nested(lengths, shares):
    text = Split(tuple("é" * length for length in lengths))
    corpus = Corpus("x", text, Split(VALID), Split(TEST), "lines")
    small, large = (take_training(corpus, TrainingPart(share)) for share in sorted(shares))
    taken = small.train.documents
    assert 1 <= len(taken) <= len(large.train.documents)
    assert taken == large.train.documents[: len(taken)] == text.documents[: len(taken)]
    assert small.train.size >= round(min(shares) * text.size)
    shortest = len(taken) in (1, len(lengths)) or Split(taken[:-1]).size < round(min(shares) * text.size)
    assert shortest
    assert (small.valid, small.test) == (corpus.valid, corpus.test)


@given(
    lengths=st.lists(st.integers(0, 9), min_size=1, max_size=12),
    shares=st.lists(st.floats(0.001, 0.999), min_size=2, max_size=2),
    draw=st.integers(2, 9),
)
def test_shares_of_a_draw_are_nested_and_in_the_order_of_the_text(lengths, shares, draw):
    text = Split(tuple(f"{number:02}" + "é" * length for number, length in enumerate(lengths)))
    corpus = Corpus("x", text, Split(VALID), Split(TEST), "lines")
    small, large = (take_training(corpus, TrainingPart(share, draw)).train for share in sorted(shares))
    assert set(small.documents) <= set(large.documents) <= set(text.documents)
    assert list(small.documents) == sorted(set(small.documents))
    wanted = round(min(shares) * text.size)
    assert small.size >= wanted
    assert len(small.documents) == 1 or any(small.size - len(each.encode()) < wanted for each in small.documents)
    assert take_training(corpus, TrainingPart(1.0, draw)) is corpus


def test_draws_choose_all_documents_alike_and_independently(corpus):
    """Of 20 documents of about the same size, 6 are chosen: each one in 0.3 of all draws, and two in 0.3 * 5 / 19."""
    draws = [take_training(corpus, TrainingPart(0.3, draw)).train.documents for draw in range(2, 402)]
    chosen = np.array([[document in draw for document in TRAIN] for draw in draws])
    share = chosen.sum() / chosen.size
    assert share == pytest.approx(0.3, abs=0.02)
    assert chosen.mean(axis=0) == pytest.approx([share] * 20, abs=4 * math.sqrt(0.3 * 0.7 / 400))
    both = chosen[:, :-1] & chosen[:, 1:]
    assert both.mean(axis=0) == pytest.approx([0.3 * 5 / 19] * 19, abs=4 * math.sqrt(0.08 * 0.92 / 400))


def test_documents_that_are_drawn_stay_in_their_file(corpus, tmp_path):
    file = tmp_path / "text.txt"
    file.write_text("".join(TRAIN))
    stored = replace(corpus, train=Split(StoredDocuments.of_file(file, "line")))
    for part in list_parts([0.1, 0.5], 3):
        taken = take_training(stored, part).train
        assert not isinstance(taken.documents, tuple)
        assert taken.digest == take_training(corpus, part).train.digest


def test_a_sample_stays_in_its_file(corpus, tmp_path):
    file = tmp_path / "text.txt"
    file.write_text("".join(TRAIN))
    stored = replace(corpus, test=Split(StoredDocuments.of_file(file, "line")), floor=None)
    scored = select_scored(stored, Selection(sample=6)).test
    assert not isinstance(scored.documents, tuple)
    assert scored.digest == select_scored(replace(stored, test=Split(TRAIN)), Selection(sample=6)).test.digest


def test_a_part_is_written_as_it_is_read():
    parts = list_parts([0.1, 0.015625, 1.0], 2)
    assert list(map(str, parts)) == ["10%", "draw 2 of 10%", "1.5625%", "draw 2 of 1.5625%", ""]
    assert tuple(TrainingPart.parse(str(part)) for part in parts) == parts
    with pytest.raises(SpecError, match="'draw 2' is not a share"):
        TrainingPart.parse("draw 2")


def test_a_share_is_in_the_provenance(corpus):
    assert take_training(corpus, TrainingPart(0.1, 2)).provenance == "lines,train-size=0.1,train-draw=2"
    assert take_training(corpus, TrainingPart(0.1)).provenance == "lines,train-size=0.1"
    assert take_training(corpus, TrainingPart(0.1)).train.documents == TRAIN[:3]
    assert take_training(corpus, TrainingPart(1)) is corpus
    assert take_training(replace(corpus, train=NO_TEXT), TrainingPart(0.1)).train is NO_TEXT


def test_shares_are_percentages():
    assert TrainingPart.parse(str(TrainingPart(1e-7))).share == pytest.approx(1e-7)
    assert parse_shares("1%,10%, 100 % ,.5%,10%") == (0.01, 0.1, 1.0, 0.005)


@pytest.mark.parametrize("text", ["10", "0%", "101%", "", "1%,", "-1%", "1%%", "a%", "nan%"])
def test_other_shares_are_refused(text):
    with pytest.raises(SpecError, match="is not a share of the training text; write a percentage such as 10%"):
        parse_shares(text)
