"""Mutants whose numbers are in other units, or not log-probabilities at all."""

import math

import numpy as np

from lmbench import LanguageModel
from tests.mutants.base import Bigram


class Log10(Bigram):
    """log10 instead of nats"""

    caught_by = "chain-rule"

    def costs(self, document):
        return super().costs(document) / math.log(10)


class Log2(Bigram):
    """log2 instead of nats"""

    caught_by = "chain-rule"

    def costs(self, document):
        return super().costs(document) / math.log(2)


class Log10WithoutDistribution(Log10):
    """log10, without a distribution to compare it with"""

    caught_by = "sums"
    next_events = LanguageModel.next_events


class Surprisals(Bigram):
    """positive surprisals instead of log-probabilities"""

    caught_by = "finite"

    def costs(self, document):
        return -super().costs(document)


class Sentinel(Bigram):
    """-inf for unseen events"""

    caught_by = "finite"

    def smoothed(self, counts, unigram):
        with np.errstate(divide="ignore"):
            return np.log(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1))
