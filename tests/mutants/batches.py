"""Mutants whose scores of a document depend on other documents, in its batch or before."""

import numpy as np

from tests.mutants.base import START, Bigram


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
