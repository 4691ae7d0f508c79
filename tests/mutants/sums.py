"""Mutants whose probabilities do not add up to 1, or that score events as something else than what they sum."""

import math
import re
from itertools import pairwise

import numpy as np

from lmbench import SILENT, LanguageModel, Score
from lmbench.text.lexicon import UNKNOWN
from tests.mutants.base import Bigram, ByteNgram, PieceNgram, Unigram, WordCache, WordNgram, back_off, interpolate


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


def back_off_freely(seen, counts, lower, length):
    """Back off with the weight 1."""
    probs = lower.copy()
    probs[seen] = (counts - 0.5) / counts.sum()
    return probs


class NoWeights(WordNgram):
    """back-off without weights after every history of words"""

    caught_by = "normalization"
    estimate = staticmethod(back_off_freely)


class NoWeightsForLongHistories(WordNgram):
    """back-off without weights after histories of three words"""

    caught_by = "deep"

    @staticmethod
    def estimate(seen, counts, lower, length):
        return (back_off_freely if length == 3 else back_off)(seen, counts, lower, length)


class NoWeightsForLongBytes(ByteNgram):
    """back-off without weights after histories of four bytes"""

    caught_by = "deep"

    @staticmethod
    def estimate(seen, counts, lower, length):
        return (back_off_freely if length == 4 else interpolate)(seen, counts, lower, length)


class NoWeightsForFrequentHistories(WordNgram):
    """histories of two words seen more than ten times get no back-off weight (an overflow of a narrow integer)"""

    caught_by = "deep"

    @staticmethod
    def estimate(seen, counts, lower, length):
        return (back_off_freely if length == 2 and counts.sum() > 10 else back_off)(seen, counts, lower, length)


class SharpensLater(WordNgram):
    """a word's distribution is sharpened by a temperature after ten words of its line"""

    caught_by = "deep"

    def predict(self, history):
        return super().predict(history) * (0.7 if len(history) > 10 else 1.0)

    def costs(self, line):
        return super().costs(line) * np.where(np.arange(len(line)) > 10, 0.7, 1.0)


class AddsItsCache(WordCache):
    """the cache's share is added to the unigrams, which keep their own"""

    caught_by = "normalization"

    def mix(self, logprobs, counts, total):
        return np.minimum(np.log(np.exp(logprobs) + 0.2 * counts / total) if total else logprobs, 0.0)


class AddsItsCacheLater(AddsItsCache):
    """from the 30th word of a document on, the cache's share is added to the unigrams, which keep their own"""

    caught_by = "deep"

    def mix(self, logprobs, counts, total):
        return (AddsItsCache if total >= 30 else WordCache).mix(self, logprobs, counts, total)


class AddsItsCacheUnseen(AddsItsCache):
    """the cache's share is added to the unigrams, in a model without a distribution"""

    caught_by = "long"
    state_after = LanguageModel.state_after


class TriggersUnseen(WordCache):
    """a word that occurred in its document costs half, in a model whose distribution does not say so"""

    caught_by = "long"

    def costs(self, ids):
        again = [word in ids[:i] for i, word in enumerate(ids.tolist())]
        return super().costs(ids) / np.where(again, 2, 1)


class LateDiscount(ByteNgram):
    """events cost half from byte 1,500 of a document on"""

    caught_by = "long"

    def costs(self, document):
        costs = super().costs(document)
        return np.where(np.arange(len(costs)) >= 1500, costs / 2, costs)


class LateDiscountOfWords(WordCache):
    """words cost half from word 300 of a document on"""

    caught_by = "long"

    def costs(self, ids):
        return super().costs(ids) * np.where(np.arange(len(ids)) >= 300, 0.5, 1.0)


class LateWindow(ByteNgram):
    """from byte 1,024 on, a window's first 128 events are scored twice and their mean is kept"""

    caught_by = "long"

    def costs(self, document):
        costs = super().costs(document)
        places = np.arange(len(costs))
        return np.where((places >= 1024) & (places % 512 < 128), costs / 2, costs)


class EventsOfNoDistribution(WordNgram):
    """numbers are scored by another model, and the distribution does not contain them"""

    caught_by = "chain-rule"

    def score(self, documents):
        scores = []
        for document, score in zip(documents, super().score(documents), strict=True):
            words = self.lexicon.tokenizer.tokenize(document)
            known = np.array([word.isdigit() for word in words], dtype=bool)
            scores.append(
                Score(score.ends, np.where(known, -0.5, score.logprobs), np.where(known, 0.0, score.spelling))
            )
        return scores


class AnotherDistribution(WordNgram):
    """the distribution is that of an honest model, and scores are those of a sharpened one"""

    caught_by = "chain-rule"

    def costs(self, line):
        return super().costs(line) * 0.9


class AnotherDistributionAfterQuotes(ByteNgram):
    """after a document's first quotation mark, events cost less than the distribution says"""

    caught_by = "audit"

    def costs(self, document):
        before = len(re.split('["“”]', document, maxsplit=1)[0].encode())
        costs = super().costs(document)
        return np.where(np.arange(len(costs)) > before, costs / 2, costs)


class AnotherDistributionOfLongWords(WordNgram):
    """known words of more than five letters cost less than the distribution says"""

    caught_by = "audit"

    def costs(self, line):
        long = [len(word := self.lexicon.types[i].strip()) > 5 and word != UNKNOWN for i in line]
        return np.where(long, super().costs(line) / 2, super().costs(line))


class AnotherDistributionOfRawText(PieceNgram):
    """pieces that begin with a space cost less than the distribution says"""

    caught_by = "chain-rule"

    def costs(self, line):
        spaced = [self.lexicon.types[i].startswith(" ") for i in line]
        return np.where(spaced, super().costs(line) * 0.8, super().costs(line))


class FreeCarriageReturns(ByteNgram):
    """the line end after a carriage return costs nothing"""

    caught_by = "chain-rule"

    def costs(self, document):
        data = b" " + document.encode()
        return np.where([data[i : i + 2] == b"\r\n" for i in range(len(data) - 1)], 0.0, super().costs(document))


class FreeCarriageReturnsOfWords(WordNgram):
    """a carriage return at the end of a line costs nothing"""

    caught_by = "chain-rule"

    def score(self, documents):
        def free(document, score):
            cr = [document.encode()[a:b] == b"\r" for a, b in pairwise([0, *score.ends])]
            return Score(score.ends, np.where(cr, 0.0, score.logprobs), np.where(cr, 0.0, score.spelling))

        return [free(*pair) for pair in zip(documents, super().score(documents), strict=True)]


class FreeFirstWords(WordNgram):
    """the first event after a line end costs nothing"""

    caught_by = "chain-rule"

    def costs(self, line):
        return np.append(0.0, super().costs(line)[1:])
