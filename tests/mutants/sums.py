"""Mutants whose probabilities do not add up to 1, or that score events as something else than what they sum."""

import math

import numpy as np

from lmbench import SILENT
from tests.mutants.base import Bigram, Unigram


class Unnormalized(Bigram):
    """back-off without its weight (stupid back-off)"""

    caught_by = "normalization"

    def smoothed(self, counts, unigram):
        seen = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        return np.log(np.where(counts > 0, seen, 0.4 * unigram))


class KeepsStart(Unigram):
    """`<s>` keeps a share of the probability of every event"""

    caught_by = "normalization"

    def fit(self, data, progress=SILENT):
        super().fit(data)
        self.logprobs = self.logprobs + math.log(0.9)
