"""Mutants whose scores do not have the form of a score: events, offsets, arrays."""

import numpy as np

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
