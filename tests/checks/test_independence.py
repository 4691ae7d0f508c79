"""Mistakes that only long documents, large batches or many lengths show."""

import numpy as np
import pytest

from lmbench.checks import CheckFailedError, Subject
from lmbench.checks.independence import check_batches, check_causality, check_cuts
from lmbench.checks.texts import random_text
from tests.mutants import Adaptive, Bigram, Windowed
from tests.mutants.base import WordNgram

SEEDS = range(3)


class PeeksFromByte320(Bigram):
    """An attention mask that is wrong from byte 320 on."""

    def costs(self, document):
        costs = super().costs(document)
        following = np.array([*document.encode()[1:], 0][: len(costs)])
        return np.where(np.arange(len(costs)) >= 320, costs * (1 - following / 300), costs)


class LearnsBlocks(Adaptive):
    """The counts of a block of bytes are learned before it is scored."""

    block = 256

    def costs(self, document):
        data, prior = np.frombuffer(document.encode(), dtype=np.uint8), 256 * np.exp(self.table[256])
        costs = np.zeros(len(data))
        for start in range(0, len(data), self.block):
            seen = np.bincount(data[: start + self.block], minlength=256)
            costs[start : start + self.block] = np.log((seen + prior) / (seen.sum() + 256))[
                data[start : start + self.block]
            ]
        return costs


class LearnsLargeBlocks(LearnsBlocks):
    block = 512


class FitsWeights(Bigram):
    """The weight of the bigrams is fitted on the document that is scored."""

    def costs(self, document):
        costs, unigram = super().costs(document), np.log(np.exp(self.table).mean(axis=0))[list(document.encode())]
        weights = np.linspace(0.02, 0.98, 49)
        return max((np.logaddexp(costs + np.log(w), unigram + np.log1p(-w)) for w in weights), key=np.sum)


class LooksAheadInLongDocuments(Adaptive):
    """An adaptive model begins with the counts of the whole document if it has more than 1,000 bytes."""

    def costs(self, document):
        data = document.encode()
        if len(data) <= 1000:
            return super().costs(document)
        return np.log((np.bincount(list(data), minlength=256) + 1) / (len(data) + 256))[list(data)]


class SecondWindowPeeks(Windowed):
    """The windows after the first look ahead."""

    def costs(self, document):
        costs = super().costs(document)
        following = np.append(np.diff(list(document.encode())), 0)[: len(costs)]
        return np.where((np.arange(len(costs)) >= 512) & (following > 0), costs - 1, costs)


class PeeksAlone(PeeksFromByte320):
    """Only batches of one document take the wrong path."""

    def score(self, documents):
        return super().score(documents) if len(documents) == 1 else Bigram.score(self.correct(), documents)

    def correct(self):
        model = Bigram()
        model.table = self.table
        return model


class PeeksInBatches(PeeksAlone):
    """Only batches of several documents take the wrong path."""

    def score(self, documents):
        wrong = PeeksFromByte320()
        wrong.table = self.table
        return (wrong if len(documents) > 1 else self.correct()).score(documents)


LONG = (
    PeeksFromByte320, LearnsBlocks, LearnsLargeBlocks, FitsWeights, LooksAheadInLongDocuments, SecondWindowPeeks,
    PeeksAlone, PeeksInBatches,
)  # fmt: skip


@pytest.mark.parametrize("model", LONG, ids=lambda model: model.__name__)
@pytest.mark.parametrize("seed", SEEDS)
def test_wrong_scores_of_long_documents_are_caught(model, seed):
    with pytest.raises(CheckFailedError, match="with another text after byte"):
        check_cuts(Subject(model, seed=seed))


@pytest.mark.parametrize("model", [PeeksFromByte320, LooksAheadInLongDocuments, SecondWindowPeeks])
def test_short_texts_do_not_show_these_mistakes(model):
    check_causality(Subject(model))


class SecondBatchIsWrong(Bigram):
    """The documents after the first ones of a call are scored a little too cheaply."""

    first = 64

    def score(self, documents):
        scores = super().score(documents)
        for score in scores[self.first :]:
            score.logprobs[:] *= 0.99
        return scores


class SecondSmallBatchIsWrong(SecondBatchIsWrong):
    first = 32


class ManyLengthsArePadded(Bigram):
    """With more than twelve lengths in a batch, the shorter documents see padding."""

    def score(self, documents):
        scores, lengths = super().score(documents), set(map(len, documents))
        for score, document in zip(scores, documents, strict=True):
            if len(lengths) > 12 and len(document) < max(lengths):
                score.logprobs[-1:] -= 0.1
        return scores


class SwapsTwins(Bigram):
    """Documents of one length are mixed up if a batch is large."""

    def score(self, documents):
        scores = super().score(documents)
        if len(documents) > 20:
            last = {len(document.encode()): score for document, score in zip(documents, scores, strict=True)}
            return [last[len(document.encode())] for document in documents]
        return scores


class SharesBeginnings(Bigram):
    """Documents of one length and beginning share a score."""

    def score(self, documents):
        known = {}
        for document in documents:
            known.setdefault((len(document), document[:12]), document)
        return super().score([known[len(document), document[:12]] for document in documents])


MANY = (SecondBatchIsWrong, SecondSmallBatchIsWrong, ManyLengthsArePadded, SwapsTwins, SharesBeginnings)


@pytest.mark.parametrize("model", MANY, ids=lambda model: model.__name__)
@pytest.mark.parametrize("seed", SEEDS)
def test_wrong_scores_of_large_batches_are_caught(model, seed):
    with pytest.raises(CheckFailedError, match=r"in a batch of (70|47) and alone"):
        check_batches(Subject(model, seed=seed))


@pytest.mark.parametrize("model", [Bigram, Windowed, Adaptive, WordNgram])
@pytest.mark.parametrize("check", [check_cuts, check_batches])
@pytest.mark.parametrize("seed", SEEDS[1:])  # test_suite.py has the first one
def test_correct_models_pass(model, check, seed):
    check(Subject(model, seed=seed))


def test_a_slow_model_is_cut_at_fewer_places(monkeypatch):
    class Counted(Bigram):
        scored = 0

        def score(self, documents):
            Counted.scored += len(documents)
            return super().score(documents)

    counts = []
    for slow_seconds in (60.0, 0.0):
        monkeypatch.setattr("lmbench.checks.independence._SLOW_SECONDS", slow_seconds)
        Counted.scored = 0
        check_cuts(Subject(Counted))
        counts.append(Counted.scored)
    assert counts == [(1 + 13 + 6) + (1 + 5 + 2), 2 * (1 + 5 + 2)]


def test_random_texts_have_long_lines_and_many_kinds_of_words():
    text = random_text(Subject(Bigram).generator("a"), 1500)
    lengths = [len(line.split(" ")) for line in text.splitlines()]
    assert sum(lengths) == 1500
    assert 8 < np.median(lengths) < 14
    assert max(lengths) > 80
    assert {"cat", "汉字"} < set(text.split())
    assert any(word.isdigit() for word in text.split())
