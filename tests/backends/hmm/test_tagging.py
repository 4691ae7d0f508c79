import numpy as np
import pytest

from lmbench.backends.hmm.tagging import Hits, hits, tag_counts, tag_lines
from lmbench.corpus import Split, TaggedWord
from lmbench.errors import CorpusError


def split(*lines):
    tagged = tuple(tuple(TaggedWord(form, upos, "_") for form, upos in line) for line in lines)
    return Split(
        tuple(" ".join(word.form for word in line) + "\n" for line in tagged), tuple((line,) for line in tagged)
    )


CATS = split((("cats", "NOUN"), ("sleep", "VERB")), (("sleep", "VERB"),))


def ids(*lengths):
    return [np.zeros(length, dtype=np.int32) for length in lengths]


def test_each_line_has_its_tags_and_the_line_ends():
    assert tag_lines(CATS, "upos", ids(3, 2)) == [("NOUN", "VERB", "\n"), ("VERB", "\n")]


@pytest.mark.parametrize(
    ("data", "kind", "lengths", "message"),
    [
        (Split(("a\n",)), "upos", (2,), "supervised=upos needs tagged text"),
        (CATS, "xpos", (3, 2), "the words of this corpus have no xpos tags"),
        (CATS, "upos", (4, 2), "the tokenizer cuts the text into other events"),
        (CATS, "upos", (3,), "the tokenizer cuts the text into other events"),
    ],
)
def test_what_cannot_be_counted_is_an_error(data, kind, lengths, message):
    with pytest.raises(CorpusError, match=message):
        tag_lines(data, kind, ids(*lengths))


def test_counts_by_hand():
    """A line "5 4 1" tagged 1 2 0 and a line "4 1" tagged 2 0."""
    counts = tag_counts(
        [np.array([5, 4, 1], dtype=np.int32), np.array([4, 1], dtype=np.int32)],
        [np.array([1, 2, 0]), np.array([2, 0])],
        6,
        3,
    )
    assert counts.start.tolist() == [0, 1, 1]
    assert counts.transitions.tolist() == [[0, 0, 0], [0, 0, 1], [2, 0, 0]]
    assert counts.emissions[4].tolist() == [0, 0, 2]
    assert counts.emissions[1].tolist() == [2, 0, 0]
    assert counts.emissions.sum() == 5


def test_hits_are_counted_where_they_should_be():
    tags = (
        [np.array([1, 2, 0]), np.array([2, 0])],
        [np.array([1, 1, 0]), np.array([2, 0])],
        [np.array([0, 2, 0]), np.array([1, 0])],
    )
    assert hits(*tags, np.array([True, True, False, True, False])) == Hits(words=3, right=2, by_most_frequent=1)
