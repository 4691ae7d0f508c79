"""Mutants whose numbers are in other units, or not log-probabilities at all."""

import math

import numpy as np

from lmbench import LanguageModel
from tests.mutants.base import Bigram, ByteNgram, WordNgram


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


class HugeTolerance(Log10):
    """log10, and a score_tolerance that excuses it"""

    caught_by = "chain-rule"
    score_tolerance = 1e9


class UndefinedTolerance(Log2):
    """log2, and a score_tolerance that is not a number"""

    caught_by = "chain-rule"
    score_tolerance = math.nan


class LoosensItsTolerance(Bigram):
    """each event is 0.2 nats too cheap, and score_tolerance is that of bfloat16"""

    caught_by = "chain-rule"
    score_tolerance = 0.25

    def costs(self, document):
        return np.minimum(super().costs(document) + 0.2, 0.0)


class LoosensItsToleranceForWords(WordNgram):
    """each word is 0.1 nats too cheap, and score_tolerance is that of bfloat16"""

    caught_by = "chain-rule"
    score_tolerance = 0.25

    def costs(self, line):
        return np.minimum(super().costs(line) + 0.1, 0.0)


class Rounds(ByteNgram):
    """log-probabilities are rounded up to a quarter, and score_tolerance is that of bfloat16"""

    caught_by = "chain-rule"
    score_tolerance = 0.25

    def costs(self, document):
        return np.minimum(np.ceil(4 * super().costs(document)) / 4, 0.0)


class Clamps(ByteNgram):
    """log-probabilities below -4 are clamped"""

    caught_by = "chain-rule"

    def costs(self, document):
        return np.maximum(super().costs(document), -4.0)
