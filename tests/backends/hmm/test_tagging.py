import numpy as np
import pytest

from lmbench.backends.hmm.tagging import TagHits, count_hits, count_tags, read_tags
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


def test_lines_have_their_words_tags_and_the_line_ends():
    assert read_tags(CATS, "upos", ids(3, 2)) == [("NOUN", "VERB", "\n"), ("VERB", "\n")]


@pytest.mark.parametrize(
    ("data", "kind", "lengths", "message"),
    [
        (Split(("a\n",)), "upos", (2,), "supervised=upos needs tagged text"),
        (CATS, "xpos", (3, 2), "the words of this corpus do not have xpos tags"),
        (CATS, "upos", (4, 2), "the tokenizer's events are not the tagged words"),
        (CATS, "upos", (3,), "the tokenizer's events are not the tagged words"),
    ],
)
def test_lines_that_are_not_the_tagged_words_are_errors(data, kind, lengths, message):
    with pytest.raises(CorpusError, match=message):
        read_tags(data, kind, ids(*lengths))


def test_counts_by_hand():
    """Count a line "5 4 1" with the tags 1 2 0, and a line "4 1" with the tags 2 0."""
    counts = count_tags(
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


def test_only_the_chosen_events_are_compared():
    tags = (
        [np.array([1, 2, 0]), np.array([2, 0])],
        [np.array([1, 1, 0]), np.array([2, 0])],
        [np.array([0, 2, 0]), np.array([1, 0])],
    )
    chosen = np.array([True, True, False, True, False])
    assert count_hits(*tags, chosen) == TagHits(words=3, correct=2, by_most_frequent=1)


def test_hits_add_up():
    assert TagHits(3, 2, 1) + TagHits(10, 9, 8) == TagHits(13, 11, 9)
