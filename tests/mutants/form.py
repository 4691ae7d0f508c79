"""Mutants whose scores do not have the form of a score: events, offsets, arrays."""

import numpy as np

from lmbench import Score
from tests.mutants.base import Bigram, as_score


class Characters(Bigram):
    """offsets in characters instead of bytes"""

    caught_by = "tiling"

    def score(self, documents):
        return [as_score(np.resize(self.costs(document), len(document))) for document in documents]


class DropsTheEnd(Bigram):
    """the last event is dropped"""

    caught_by = "tiling"

    def score(self, documents):
        return [as_score(self.costs(document)[:-1]) for document in documents]


class TwoLineEnds(Bigram):
    """a second `</s>` follows each line end and flatters the perplexity"""

    caught_by = "line-ends"

    def score(self, documents):
        scores = []
        for document in documents:
            ends = [end for i, byte in enumerate(document.encode()) for end in [i + 1] * (1 + (byte == 10))]
            costs = np.diff(np.concatenate([[0], np.cumsum(self.costs(document))])[[0, *ends]])
            scores.append(as_score(costs, ends))
        return scores


class JoinsLineEnds(Bigram):
    """the line end is a part of the last word"""

    caught_by = "line-ends"

    def score(self, documents):
        scores = []
        for document in documents:
            data = document.encode()
            ends = [i for i in range(1, len(data) + 1) if i == len(data) or data[i] != 10]
            sums = np.concatenate([[0], np.cumsum(self.costs(document))])
            scores.append(as_score(np.diff(sums[[0, *ends]]), ends))
        return scores


class CrashesOnNothing(Bigram):
    """an empty text raises an error"""

    caught_by = "edge-texts"

    def costs(self, document):
        if not document:
            raise IndexError("index 0 is out of bounds")
        return super().costs(document)


class ParsesSpecialTokens(Bigram):
    """literal special tokens such as `<unk>` are parsed and vanish"""

    caught_by = "tiling"

    def score(self, documents):
        return super().score([document.replace("<|endoftext|>", "").replace("<unk>", "") for document in documents])


class FractionalEnds(Bigram):
    """events end between bytes"""

    caught_by = "tiling"

    def score(self, documents):
        return [Score(s.ends - 0.5 * (s.ends < len(s.ends)), s.logprobs, s.spelling) for s in super().score(documents)]


class TextAsNumbers(Bigram):
    """log-probabilities are an array of strings"""

    caught_by = "tiling"

    def score(self, documents):
        return [Score(s.ends, s.logprobs.astype(str), s.spelling) for s in super().score(documents)]


class PythonNumbers(Bigram):
    """log-probabilities are an array of Python objects"""

    caught_by = "tiling"

    def score(self, documents):
        return [Score(s.ends, s.logprobs.astype(object), s.spelling) for s in super().score(documents)]


class MaskedArrays(Bigram):
    """masked arrays hide expensive events from sums"""

    caught_by = "tiling"

    def score(self, documents):
        return [Score(s.ends, np.ma.masked_less(s.logprobs, -4), s.spelling) for s in super().score(documents)]


class OneColumn(Bigram):
    """arrays have a second axis of length 1"""

    caught_by = "tiling"

    def score(self, documents):
        return [Score(s.ends[:, None], s.logprobs[:, None], s.spelling[:, None]) for s in super().score(documents)]


class LazyScores(Bigram):
    """log-probabilities are computed each time they are read, and are cheaper later"""

    caught_by = "tiling"

    def score(self, documents):
        return [LazyScore(s.ends, s.logprobs, s.spelling) for s in super().score(documents)]


class LazyScore(Score):
    reads = 0

    def __getattribute__(self, name):
        value = object.__getattribute__(self, name)
        if name != "logprobs":
            return value
        LazyScore.reads += 1
        return value / LazyScore.reads


class ShortensDocuments(Bigram):
    """the list of documents is changed, so that fewer bytes are divided by"""

    caught_by = "tiling"

    def score(self, documents):
        for i, document in enumerate(documents):
            documents[i] = document[: len(document) // 2]
        return super().score(documents)
