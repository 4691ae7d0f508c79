"""Events are compared with the distributions after the events before them, even if a text alone is split otherwise."""

import re

import numpy as np
import pytest

from lmbench import LanguageModel, ModelState, NextEvents, Score
from lmbench.checks import CheckFailedError
from lmbench.checks.reading import DocumentReader, require_own_distribution

TOKENS = ("a", "b", "aa")
TABLE = np.log([[0.5, 0.3, 0.2], [0.6, 0.3, 0.1], [0.1, 0.2, 0.7], [0.25, 0.25, 0.5]])  # after each token, and at first


class LooksAhead(LanguageModel):
    """A bigram model whose tokenizer joins two letters "a" unless "b" follows, as GPT-2's does with line ends."""

    gain = 0.0  # nats by which "b" after two letters is too cheap

    def score(self, documents):
        return [self.score_one(document) for document in documents]

    def score_one(self, document):
        ids = tokenize(document)
        costs = [TABLE[before, token] for before, token in zip([3, *ids], ids, strict=False)]
        costs = [cost + self.gain * (ids[i - 2 : i + 1] == [0, 0, 1]) for i, cost in enumerate(costs)]
        ends = np.cumsum([len(TOKENS[token]) for token in ids], dtype=np.int64)
        return Score(ends, np.array(costs), np.zeros(len(ids)))

    def signature(self):
        raise AssertionError

    def state_after(self, text):
        return Tokens(tokenize(text))


class Tokens(ModelState):
    def __init__(self, ids):
        self.last = ids[-1] if ids else 3

    def next_events(self):
        return NextEvents(TOKENS, TABLE[self.last], tuple(token.encode() for token in TOKENS))

    def advance(self, event):
        self.last = event


class Distorts(LooksAhead):
    """A model that knows each event, but not in the proportions of its scores, after a text that it splits alike."""

    def next_events(self, text):
        after = super().next_events(text)
        return NextEvents(after.names, TABLE[0] if text == "ab" else after.logprobs, after.spellings)


def tokenize(text):
    return [TOKENS.index(token) for token in re.findall(r"aa(?!b)|a|b", text)]


def test_an_event_after_a_text_that_is_split_otherwise_is_compared():
    require_own_distribution(LooksAhead(), "aabaaab" * 3)
    [score] = LooksAhead().score(["aab"])
    assert DocumentReader(LooksAhead(), "aab", score).compare(2).difference == 0


def test_an_event_that_is_too_cheap_after_such_a_text_is_found():
    class Cheap(LooksAhead):
        gain = 0.3

    with pytest.raises(CheckFailedError, match=r"the event b'b' is scored -0.903973, but its distribution says -1.20"):
        require_own_distribution(Cheap(), "aab")


def test_a_distribution_after_a_text_must_contain_that_of_its_events():
    with pytest.raises(CheckFailedError, match="after b'ab' the event b'a'"):
        require_own_distribution(Distorts(), "aba")


def test_a_document_is_read_from_its_start_again_to_go_back():
    [score] = LooksAhead().score(["aabab"])
    reader = DocumentReader(LooksAhead(), "aabab", score)
    later, sooner = reader.distribution_before(4), reader.distribution_before(1)
    np.testing.assert_array_equal(later.logprobs, TABLE[0])
    np.testing.assert_array_equal(sooner.logprobs, TABLE[0])
    np.testing.assert_array_equal(reader.distribution_before(3).logprobs, TABLE[1])
