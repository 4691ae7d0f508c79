"""Mutants whose scores of a document depend on other documents, in its batch or before."""

import math
from itertools import pairwise

import numpy as np

from tests.mutants.base import START, Bigram, ByteNgram, WordCache, WordNgram, as_score


class ShuffledBatch(Bigram):
    """scores come in the order of length"""

    caught_by = "batches"

    def score(self, documents):
        return super().score(sorted(documents, key=len))


class CountsPadding(Bigram):
    """the last event pays for the padding to the longest document of the batch"""

    caught_by = "batches"

    def score(self, documents):
        longest = max(map(len, documents), default=0)
        scores = super().score(documents)
        for score, document in zip(scores, documents, strict=True):
            score.logprobs[-1:] -= 0.1 * (longest - len(document))
        return scores


class CrossesDocuments(Bigram):
    """the history continues from the end of the document before it in the batch"""

    caught_by = "batches"

    def score(self, documents):
        scores, last = super().score(documents), START
        for score, data in zip(scores, map(str.encode, documents), strict=True):
            if data:
                score.logprobs[0], last = self.table[last, data[0]], data[-1]
        return scores


class CarriesItsHistory(Bigram):
    """the history continues from the end of the last document that was scored before"""

    caught_by = "state"
    last = START

    def score(self, documents):
        scores = super().score(documents)
        for score, data in zip(scores, map(str.encode, documents), strict=True):
            if data:
                score.logprobs[0] = self.table[self.last, data[0]]
        self.last = ([START, *"".join(documents).encode()])[-1]
        return scores


class DropsTheLastDocument(Bigram):
    """the last, incomplete batch is dropped"""

    caught_by = "batches"

    def score(self, documents):
        return super().score(documents)[: len(documents) - len(documents) % 2 or 1]


class Remembers(Bigram):
    """the model learns from the documents that it scores"""

    caught_by = "state"

    def score(self, documents):
        scores = super().score(documents)
        for document in documents:
            symbols = [START, *document.encode()]
            np.add.at(self.counts, (symbols[:-1], symbols[1:]), 1)
        unigram = (self.counts.sum(axis=0) + 1) / (self.counts.sum() + 256)
        self.table = self.smoothed(self.counts, unigram)
        return scores


class DropoutStaysOn(Bigram):
    """dropout stays active while the model scores"""

    caught_by = "state"
    generator = np.random.default_rng(0)

    def costs(self, document):
        costs = super().costs(document)
        return costs * self.generator.choice([0.9, 1.1], len(costs))


class CrossesDocumentsLater(ByteNgram):
    """from the second internal batch of 32 on, the history continues from the document before"""

    caught_by = "batches"

    def score(self, documents):
        scores = super().score(documents[:32])
        for before, document in pairwise(documents[31:]):
            size = len(document.encode())
            scores.append(as_score(self.costs(before + document)[len(before.encode()) :][:size]))
        return scores


class HalvesTheSecondBatch(ByteNgram):
    """documents of the second internal batch of 64 cost half (their sums are divided by two batches)"""

    caught_by = "batches"

    def score(self, documents):
        return [as_score(self.costs(document) / (1 + i // 64)) for i, document in enumerate(documents)]


class KeepsItsCacheInBatches(WordCache):
    """from the second internal batch of 32 on, the cache is not emptied between documents"""

    caught_by = "batches"

    def score(self, documents):
        joined = self.lexicon.encode("").ids
        scores = super().score(documents[:32])
        for document in documents[32:]:
            encoded = self.lexicon.encode(document)
            scores.append(encoded.score(self.costs(np.append(joined, encoded.ids))[len(joined) :]))
            joined = np.append(joined, encoded.ids)
        return scores


class MasksPadding(ByteNgram):
    """with more than 20 lengths in a batch, the last four events of shorter documents are masked as padding"""

    caught_by = "batches"

    def score(self, documents):
        scores, longest = super().score(documents), max(map(len, documents), default=0)
        if len(set(map(len, documents))) > 20:
            for score, document in zip(scores, documents, strict=True):
                score.logprobs[-4:] *= len(document) == longest
        return scores


class MixesUpLargeBatches(WordNgram):
    """more than 48 documents are scored by length, and two of equal length are exchanged"""

    caught_by = "batches"

    def score(self, documents):
        if len(documents) <= 48:
            return super().score(documents)
        order = sorted(range(len(documents)), key=lambda i: len(documents[i]))
        scores = super().score([documents[i] for i in order])
        return [scores[i] for i in order]


class DropsBatchesAfterTheFourth(Bigram):
    """documents after the 64th cost as much as the one before, cut to their length"""

    caught_by = "batches"

    def score(self, documents):
        scores = super().score(documents)
        for i in range(64, len(scores)):
            scores[i] = as_score(np.resize(scores[i - 1].logprobs, len(scores[i].ends)))
        return scores


class SharesBeginnings(WordNgram):
    """documents of a batch share their scores if length and first 12 characters are equal (a key that is too coarse)"""

    caught_by = "batches"

    def score(self, documents):
        keys = [(document[:12], len(document.encode())) for document in documents]
        scores = dict(zip(reversed(keys), reversed(super().score(documents)), strict=True))
        return [scores[key] for key in keys]


class FreeDuplicates(WordNgram):
    """a document that occurs twice in a batch costs nothing the second time"""

    caught_by = "batches"

    def score(self, documents):
        scores = super().score(documents)
        for i, (score, document) in enumerate(zip(scores, documents, strict=True)):
            score.logprobs[:] *= document not in documents[:i]
            score.spelling[:] *= document not in documents[:i]
        return scores


class CentersBatches(Bigram):
    """costs are normalized by the mean and the deviation of their batch (batch normalization in training mode)"""

    caught_by = "batches"

    def score(self, documents):
        scores = super().score(documents)
        joined = np.concatenate([score.logprobs for score in scores] or [np.zeros(0)])
        return [as_score(np.minimum(s.logprobs - joined.mean() - 3, 0)) if len(s.ends) else s for s in scores]


class LearnsFromItsBatch(WordNgram):
    """the words of all documents of a call count in each of them (test-time training)"""

    caught_by = "batches"

    def score(self, documents):
        counts = 1 + np.bincount(np.concatenate([[0], *self.lexicon.lines(documents)]), minlength=len(self.lexicon))
        batch = np.log(counts / counts.sum())
        return self.lexicon.score(
            documents, lambda lines: [np.logaddexp(self.costs(line), batch[line]) - math.log(2) for line in lines]
        )
