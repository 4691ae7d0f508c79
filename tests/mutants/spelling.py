"""Mutants that let unknown words be spelled too cheaply."""

import numpy as np

from lmbench import Score
from tests.mutants.base import Unigram


class SpellingApart(Unigram):
    """the spelling cost is reported but left out of the sum"""

    caught_by = "finite"

    def score(self, documents):
        return [Score(s.ends, s.logprobs - s.spelling, s.spelling) for s in super().score(documents)]


class FreeUnknowns(Unigram):
    """an unknown word costs `<unk>`, and its spelling nothing"""

    caught_by = "unknown-words"

    def score(self, documents):
        return [Score(s.ends, s.logprobs - s.spelling, 0 * s.spelling) for s in super().score(documents)]


class FlatSpelling(Unigram):
    """every unknown word has the same spelling cost, whatever its length"""

    caught_by = "unknown-words"

    def score(self, documents):
        scores = []
        for score in super().score(documents):
            flat = np.where(score.spelling < 0, -18.0, 0.0)
            scores.append(Score(score.ends, score.logprobs - score.spelling + flat, flat))
        return scores
