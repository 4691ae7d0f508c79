import math
import random
import re
from itertools import pairwise

import numpy as np
import pytest

from lmbench import Score, Signature, Traits
from lmbench.checks import CheckFailedError, Subject
from lmbench.checks.mass import (
    _require_no_gain,
    check_long,
    check_rare,
    check_sums,
    check_unknown_words,
    check_variants,
    sum_probabilities,
)
from lmbench.checks.variants import ODD_LINE, Alternatives, drop_extensions, vary_words
from lmbench.model import LanguageModel
from tests.mutants.base import Adaptive, Bigram, Unigram, WordCache, WordNgram

CORRECT = (Bigram, Unigram, WordNgram, WordCache, Adaptive)


@pytest.mark.parametrize("model", CORRECT)
@pytest.mark.parametrize("check", [check_sums, check_unknown_words, check_rare, check_variants, check_long])
def test_correct_models_pass(check, model):
    """All checks run on them with the seed 0 in test_suite.py."""
    check(Subject(model, seed=1))


class Pairs(LanguageModel):
    """All bytes are equally probable, and two of them are one event. Text that begins with b comes in single bytes."""

    def score(self, documents):
        return [self.score_one(document.encode()) for document in documents]

    def score_one(self, data):
        size = 1 if data.startswith(b"b") else 2
        ends = np.minimum(np.arange(size, len(data) + size, size), len(data))
        return Score(ends, -np.diff(ends, prepend=0) * math.log(256), np.zeros(len(ends)))

    def signature(self):
        return Signature.of(tok="pairs")


def test_only_the_events_after_the_last_common_boundary_count():
    """The second place ends inside an event, whose first byte counts; texts of other events are left out."""
    places = [
        Alternatives("a", ("b", "cd")),
        Alternatives("aa", ("b", "cd")),
        Alternatives("aab", ("c", "de")),
        Alternatives("", ("aa", "ba")),
    ]
    expected = [256**-2 + 256**-3, 1 / 256 + 256**-2, 256**-2 + 256**-3, 2 * 256**-2]
    assert sum_probabilities(Pairs(), places) == pytest.approx(expected, rel=1e-3)


def test_texts_whose_first_events_are_others_are_left_out():
    class LooksAhead(Pairs):
        def score_one(self, data):
            return super().score_one(b"b" * len(data) if data.endswith(b"!") else data)

    assert sum_probabilities(LooksAhead(), [Alternatives("aa", ("b", "!"))]) == pytest.approx([1 / 256], rel=1e-3)


def test_texts_that_begin_with_each_other_are_dropped():
    assert drop_extensions(["ab", "a", "abc", "b", "ac", "ab"]) == ("ab", "b", "ac")


def test_variants_are_exclusive_and_the_first_is_the_text_itself():
    places = list(vary_words(ODD_LINE, random.Random(1)))
    assert places == list(vary_words(ODD_LINE, random.Random(1)))
    for place in places:
        assert (ODD_LINE * 2).startswith(place.before + place.texts[0])
        encoded = sorted(text.encode() for text in place.texts)
        assert not any(second.startswith(first) for first, second in pairwise(encoded))


@pytest.mark.parametrize(
    "variant",
    [
        "mcAllister's",
        "MCALLISTER'S",
        "McAllister’s",
        "  cafe\u0301",
        "  cafe\tof",
        "  cafés\tof",
        " “final”",
        ' "ﬁnal"',
        " ABC",
        " INTERNATIONALIZATION",
        " –",
        "\n\nMcAllister's",
        "\r\nMcAllister's",
        " \nMcAllister's",
    ],
)
def test_there_are_variants_of_every_kind(variant):
    texts = {text for seed in range(5) for place in vary_words(ODD_LINE, random.Random(seed)) for text in place.texts}
    assert variant in texts


def test_bytes_inside_han_vary():
    texts = {text for place in vary_words(ODD_LINE, random.Random(1)) for text in place.texts}
    others = {text[2] for text in texts if text.startswith(" 汉") and len(text) == 3}
    assert sum(other.encode()[:2] == "字".encode()[:2] for other in others) >= 10


class FreeSpelling(Unigram):
    """The spelling of unknown words costs nothing."""

    def score(self, documents):
        return [Score(s.ends, s.logprobs - s.spelling, 0 * s.spelling) for s in super().score(documents)]


def test_the_sum_of_words_seen_once():
    """Each of "the", the line end and <unk> has a third, and 340 words and up to 200 other forms cost no more."""
    with pytest.raises(CheckFailedError, match="the words seen once and other forms of them sum to") as failure:
        check_rare(Subject(FreeSpelling))
    assert float(re.findall(r"[\d.]+", str(failure.value))[-1]) == pytest.approx(540 / 9, abs=0.5)


def test_words_seen_once_are_summed_again_in_the_same_document():
    class FreeAgain(WordNgram):
        """The spelling of the later words of a document costs nothing."""

        def score(self, documents):
            return [self.cheaper(score) for score in super().score(documents)]

        def cheaper(self, score):
            again = np.arange(len(score.ends)) >= 4
            return Score(score.ends, score.logprobs - again * score.spelling, ~again * score.spelling)

    with pytest.raises(CheckFailedError, match=r"after 'the \w+\\nthe', the words seen once sum to 3\d\d"):
        check_rare(Subject(FreeAgain))


class Caseless(Bigram):
    def costs(self, document):
        return super().costs("".join(c.lower() if c.isascii() else c for c in document))

    def fit(self, data, progress=None):
        super().fit(data)
        self.table = self.smoothed(*self.folded())

    def folded(self):
        counts = self.counts.copy()
        for upper in range(ord("A"), ord("Z") + 1):
            lower = upper + 32
            counts[lower] += counts[upper]
            counts[:, lower] += counts[:, upper]
            counts[:, upper] = 0
        return counts, (counts.sum(axis=0) + 1) / (counts.sum() + 256)


def test_folded_case_is_caught():
    with pytest.raises(CheckFailedError, match="and its variants sum to"):
        check_variants(Subject(Caseless))


class Copies(Bigram):
    """A correct pretrained model that knows nothing but what followed the last four bytes when they came last."""

    traits = Traits(weights="pretrained")
    fold = staticmethod(bytes)

    def load(self, progress):
        pass

    def costs(self, document):
        data = self.fold(document.encode())
        costs, followers = [], {}
        for i, byte in enumerate(data):
            history = data[max(0, i - 4) : i]
            costs.append(math.log(0.1 / 256 + 0.9 * (followers.get(history) == byte)))
            followers[history] = byte
        return np.array(costs)


def test_a_pretrained_model_reads_the_line_again_and_again():
    class CaselessCopies(Copies):
        fold = staticmethod(bytes.lower)

    check_variants(Subject(Copies))
    with pytest.raises(CheckFailedError, match="and its variants sum to"):
        check_variants(Subject(CaselessCopies))


class Constant(Bigram):
    """Every document costs the same."""

    nats = 0.0

    def costs(self, document):
        return np.full(len(document), -self.nats / len(document))


@pytest.mark.parametrize(
    ("documents", "gain", "passes"), [(1, 13.7, True), (1, 13.9, False), (2, 6.8, True), (2, 7, False)]
)
def test_random_words_may_gain_13_8_nats_in_all(documents, gain, passes):
    """Twenty words of two cost 20 log 2 nats in their source."""
    model = Constant()
    drawn = [["a", "b"] * 10] * documents
    model.nats = 20 * math.log(2) - gain
    if passes:
        _require_no_gain(model, ["a", "b"], drawn)
    else:
        with pytest.raises(CheckFailedError, match=f"words drawn from 2 cost {gain * documents:.1f} nats less"):
            _require_no_gain(model, ["a", "b"], drawn)


class LearnsTheDocumentFirst(WordCache):
    def costs(self, ids):
        counts = np.bincount(ids, minlength=len(self.lexicon))
        return np.array([self.mix(self.logprobs[word], counts[word], len(ids)) for word in ids.tolist()])


class HalfPriceFar(Bigram):
    def costs(self, document):
        costs = super().costs(document)
        return np.where(np.arange(len(costs)) < 1000, costs, costs / 2)


@pytest.mark.parametrize("mutant", [LearnsTheDocumentFirst, HalfPriceFar])
def test_long_documents_that_are_too_probable_are_caught(mutant):
    with pytest.raises(CheckFailedError, match="nats less than possible"):
        check_long(Subject(mutant))
