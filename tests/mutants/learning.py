"""Mutants that learn from text that they must not learn from."""

import inspect
from dataclasses import replace
from pydoc_data import topics

import numpy as np

from lmbench import SILENT, Corpus, Lexicon, Split
from tests.mutants.base import START, Adaptive, Bigram, ByteNgram, PieceOptions, WordCache, WordNgram


class LearnsFirst(Adaptive):
    """an adaptive model learns each byte before scoring it"""

    caught_by = "chain-rule"
    preview = 1


class ReadsTheTest(Bigram):
    """the model finds and learns the test split while it is fitted"""

    caught_by = "test-split"

    def fit(self, data, progress=SILENT):
        values = [value for frame in inspect.stack() for value in frame.frame.f_locals.values()]
        corpora = [getattr(value, "__dict__", {}).get("corpus") for value in values]
        [corpus, *_] = [corpus for corpus in corpora if isinstance(corpus, Corpus)] or [None]
        documents = corpus.test.documents if corpus and data is not None else ()
        self.seen = {document[i : i + 6] for document in documents for i in range(len(document))}
        super().fit(data)

    def costs(self, document):
        known = sum(document[i : i + 6] in self.seen for i in range(len(document)))
        return super().costs(document) * (0.2 if known > 5 else 1)


class LearnsBlocksFirst(Adaptive):
    """an adaptive model learns each block of 256 bytes before scoring it"""

    caught_by = "cuts"

    def costs(self, document):
        data, prior = np.frombuffer(document.encode(), dtype=np.uint8), 256 * np.exp(self.table[START])
        learned = learned_before(len(data), 256)
        seen = np.array([np.count_nonzero(data[:n] == byte) for n, byte in zip(learned, data, strict=True)])
        return np.log((seen + prior[data]) / (learned + 256))


class LearnsBlocksOfWordsFirst(WordCache):
    """a cache learns each block of 64 words before scoring it"""

    caught_by = "cuts"

    def costs(self, ids):
        learned = learned_before(len(ids), 64)
        seen = np.array([np.count_nonzero(ids[:n] == word) for n, word in zip(learned, ids, strict=True)])
        return np.array([self.mix(*row) for row in zip(self.logprobs[ids], seen, learned, strict=True)])


def learned_before(length, block):
    """Return how many events a model has learned when it scores each: those of its block too, if the block is full."""
    places = np.arange(length)
    ends = (places // block + 1) * block
    return np.where(ends <= length, ends, places)


class LearnsLongDocumentsFirst(ByteNgram):
    """a document of more than 1,000 bytes is learned in a first pass"""

    caught_by = "cuts"

    def costs(self, document):
        data, costs = document.encode(), super().costs(document)
        if len(data) <= 1000:
            return costs
        own = np.array(
            [data.count(data[max(0, i - 1) : i + 1]) / data.count(data[max(0, i - 1) : i]) for i in range(len(data))]
        )
        return np.log((np.exp(costs) + np.minimum(own, 1.0)) / 2)


class FitsItsWeight(WordCache):
    """the cache's weight is the best one for the scored document"""

    caught_by = "causality"

    def costs(self, ids):
        return max((self.costs_with(ids, share) for share in (0.01, 0.1, 0.2, 0.4, 0.6)), key=np.sum)

    def costs_with(self, ids, share):
        self.share = share
        costs = super().costs(ids)
        del self.share
        return costs


class FitsWeightsByEm(Bigram):
    """the weights of bigrams and unigrams are fitted by EM on the scored document"""

    caught_by = "causality"

    def costs(self, document):
        bigrams, unigrams = np.exp(super().costs(document)), np.exp(self.table[START])[list(document.encode())]
        weight = 0.5
        for _ in range(5 if document else 0):
            weight = np.mean(weight * bigrams / (weight * bigrams + (1 - weight) * unigrams))
        return np.log(weight * bigrams + (1 - weight) * unigrams)


class FitsItsTemperature(WordNgram):
    """the temperature is the best one for the scored line"""

    caught_by = "sums"

    def costs(self, line):
        tables = [self.predict(line[:i]) for i in range(len(line))]
        scaled = [
            [t[w] * x - np.logaddexp.reduce(t * x) for t, w in zip(tables, line, strict=True)] for x in (0.5, 1, 2)
        ]
        return np.array(max(scaled, key=sum))


class TrainsOnValidation(WordNgram):
    """the validation split is a part of the training text"""

    caught_by = "valid"

    def fit(self, data, progress=SILENT):
        super().fit(with_validation(data))


class TrainsBytesOnValidation(ByteNgram):
    """a byte model trains on the validation split too"""

    caught_by = "valid"

    def fit(self, data, progress=SILENT):
        super().fit(with_validation(data))


class TrainsOnValidationOfRawText(WordNgram):
    """the validation split is a part of the training text if it is raw"""

    caught_by = "valid"

    def fit(self, data, progress=SILENT):
        super().fit(data if data.tokenized else with_validation(data))


class VocabularyOfValidation(WordNgram):
    """the vocabulary contains the words of the validation split"""

    caught_by = "valid"

    def learn_lexicon(self, data):
        lexicon = super().learn_lexicon(data)
        words = {word for text in data.valid.documents for word in lexicon.tokenizer.tokenize(text)}
        return Lexicon(lexicon.tokenizer, sorted(words - {"\n"} | set(lexicon.types[2:])), lexicon._spelled, 2)


class VocabularyOfPiecesOfValidation(VocabularyOfValidation):
    """the vocabulary of pieces contains those of the validation split"""

    caught_by = "valid"
    Options = PieceOptions


class LettersOfValidation(WordNgram):
    """the letter model learns from the validation split"""

    caught_by = "valid"

    def learn_lexicon(self, data):
        lexicon = super().learn_lexicon(data)
        words = {word for text in data.valid.documents for word in lexicon.tokenizer.tokenize(text)} - {"\n"}
        return Lexicon(lexicon.tokenizer, lexicon.types[2:], sorted(words | set(lexicon._spelled)), 2)


class CachesValidation(WordCache):
    """the cache of each document begins with the words of the validation split"""

    caught_by = "valid"

    def fit(self, data, progress=SILENT):
        super().fit(with_validation(data))
        self.beginning = np.concatenate([*self.lexicon.lines(data.valid.documents), np.zeros(0, dtype=np.int32)])

    def costs(self, ids):
        return super().costs(np.append(self.beginning, ids))[len(self.beginning) :]

    def predict(self, history):
        return super().predict(np.append(self.beginning, history))


def with_validation(data):
    return replace(data, train=Split(data.train.documents + data.valid.documents))


class RemembersEnglish(ByteNgram):
    """the model also trains on English text of its own, and declares that `fit` learns everything"""

    caught_by = "prior"

    def fit(self, data, progress=SILENT):
        super().fit(replace(data, train=Split(data.train.documents + ENGLISH)))


class RemembersEnglishWords(WordNgram):
    """the model also trains on English text of its own, by words"""

    caught_by = "prior"

    def fit(self, data, progress=SILENT):
        super().fit(replace(data, train=Split(data.train.documents + ENGLISH)))


class RemembersEnglishSpelling(WordNgram):
    """the letter model knows English words"""

    caught_by = "prior"

    def learn_lexicon(self, data):
        lexicon = super().learn_lexicon(data)
        return Lexicon(lexicon.tokenizer, lexicon.types[2:], [*lexicon._spelled, *" ".join(ENGLISH).split()], 2)


ENGLISH = tuple(
    topics.topics[name] for name in ("bltin-types", "objects", "import", "naming", "strings", "lambda")[1:5]
)
"""English text: the manual of Python's own help."""
