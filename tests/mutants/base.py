"""The correct models that the mutants are made from."""

import math
from collections import Counter, defaultdict

import numpy as np
from pydantic import Field

from lmbench import (
    SILENT,
    LanguageModel,
    Lexicon,
    LexiconOptions,
    LexiconState,
    ModelOptions,
    NextEvents,
    Saveable,
    Score,
    Signature,
)

START = 256
"""The row of the bigrams that begin a document; no byte has this number."""

BEGINNING = -1
"""Precedes the first symbol of a sequence."""


class Bigram(LanguageModel, Saveable):
    """A correct bigram model of bytes."""

    def fit(self, data, progress=SILENT):
        counts = np.zeros((257, 256))
        for document in data.train.documents:
            symbols = [START, *document.encode()]
            np.add.at(counts, (symbols[:-1], symbols[1:]), 1)
        unigram = (counts.sum(axis=0) + 1) / (counts.sum() + 256)
        self.counts, self.table = counts, self.smoothed(counts, unigram)

    def smoothed(self, counts, unigram):
        """Return log-probabilities by Witten-Bell, with one more type of follower than was seen."""
        types = np.count_nonzero(counts, axis=1, keepdims=True) + 1
        return np.log((counts + types * unigram) / (counts.sum(axis=1, keepdims=True) + types))

    def save(self, folder):
        np.save(folder / "table.npy", self.table)

    def restore(self, folder):
        self.table = np.load(folder / "table.npy")

    def costs(self, document):
        symbols = np.array([START, *document.encode()])
        return self.table[symbols[:-1], symbols[1:]]

    def score(self, documents):
        return [as_score(self.costs(document)) for document in documents]

    def next_events(self, text):
        return NextEvents.of_bytes(self.table[[START, *text.encode()][-1]])

    def signature(self):
        return Signature.of(tok="bytes")


def as_score(logprobs, ends=None):
    return Score(
        np.arange(1, len(logprobs) + 1) if ends is None else np.array(ends, int), logprobs, np.zeros(len(logprobs))
    )


class Unigram(LanguageModel):
    """A correct unigram model of words, with a letter model for unknown ones."""

    Options = LexiconOptions

    def fit(self, data, progress=SILENT):
        self.lexicon = Lexicon.learn(data, self.options)
        counts = np.bincount(np.concatenate(self.lexicon.lines(data.train.documents)), minlength=len(self.lexicon)) + 1
        self.logprobs = np.log(counts / counts.sum())

    def score(self, documents):
        return self.lexicon.score(documents, lambda lines: [self.logprobs[line] for line in lines])

    def state_after(self, text):
        return LexiconState(self.lexicon, text, lambda history: self.logprobs)

    def signature(self):
        return self.lexicon.signature()


class WindowOptions(ModelOptions):
    context: int = Field(32, ge=2)
    stride: int = Field(0, ge=0)


class Windowed(Bigram):
    """A correct bigram model that reads in windows."""

    Options = WindowOptions
    overlap = 0

    def costs(self, document):
        step = self.options.stride or self.options.context
        costs = super().costs(document)
        parts = [costs[max(0, start - self.overlap) : start + step] for start in range(0, len(costs), step)]
        return np.concatenate(parts) if parts else costs


class Adaptive(Bigram):
    """A correct unigram model of bytes that learns from the document while it scores."""

    preview = 0

    def costs(self, document):
        prior = (256 * np.exp(self.table[START])).tolist()
        seen, costs = [self.preview] * 256, []
        for i, byte in enumerate(document.encode()):
            costs.append(math.log((seen[byte] + prior[byte]) / (i + self.preview + 256)))
            seen[byte] += 1
        return np.array(costs)

    def next_events(self, text):
        seen = np.bincount(np.frombuffer(text.encode(), dtype=np.uint8), minlength=256)
        probs = (seen + 256 * np.exp(self.table[START])) / (seen.sum() + 256)
        return NextEvents.of_bytes(np.log(probs))


class Followers:
    """The symbols that follow each history of up to `order` - 1 symbols, and the probabilities estimated from them.

    Args:
        order: Length of the longest n-gram.
        symbols: The number of symbols.
        estimate: Returns the probabilities after a history, (symbols,), given the symbols seen after it, their counts,
            the probabilities after the history without its first symbol, and the history's length.
    """

    def __init__(self, order, symbols, estimate):
        self.order, self.estimate = order, estimate
        self.counts, self.estimated = defaultdict(Counter), {}
        self.uniform = np.full(symbols, 1 / symbols)

    def learn(self, sequence):
        for i, symbol in enumerate(sequence):
            history = self.history(sequence, i)
            for start in range(len(history) + 1):
                self.counts[history[start:]][symbol] += 1

    def history(self, sequence, i):
        """Return the symbols before the i-th one; the first symbols of a sequence have shorter histories."""
        first = i - self.order + 1
        return tuple(sequence[first:i]) if first >= 0 else (BEGINNING, *sequence[:i])

    def probs(self, history):
        if history not in self.estimated:
            lower = self.probs(history[1:]) if history else self.uniform
            counts = self.counts.get(history)
            self.estimated[history] = self.estimate(*columns(counts), lower, len(history)) if counts else lower
        return self.estimated[history]

    def logprobs(self, sequence):
        """Return the log-probability of each symbol of a sequence, (symbols,), in nats."""
        return np.log([self.probs(self.history(sequence, i))[symbol] for i, symbol in enumerate(sequence)])


def columns(counts):
    """Return the keys and the values of a counter as arrays."""
    return np.array(list(counts)), np.array(list(counts.values()), dtype=float)


def interpolate(seen, counts, lower, length):
    """Interpolate by Witten-Bell's method."""
    probs = lower * (len(seen) / (counts.sum() + len(seen)))
    probs[seen] += counts / (counts.sum() + len(seen))
    return probs


def back_off(seen, counts, lower, length):
    """Discount each count by 1/2, and give what this leaves to the unseen symbols, as the lower order weighs them."""
    if len(seen) == len(lower):
        return interpolate(seen, counts, lower, length)
    weight = 0.5 * len(seen) / counts.sum() / np.delete(lower, seen).sum()
    probs = weight * lower
    probs[seen] = (counts - 0.5) / counts.sum()
    return probs


class ByteNgram(LanguageModel):
    """A correct 5-gram model of bytes: a document is one sequence."""

    estimate = staticmethod(interpolate)

    def fit(self, data, progress=SILENT):
        self.followers = Followers(5, 256, self.estimate)
        for document in data.train.documents:
            self.followers.learn(self.read(document))

    def read(self, document):
        return document.encode()

    def costs(self, document):
        return self.followers.logprobs(self.read(document))

    def score(self, documents):
        return [as_score(self.costs(document)) for document in documents]

    def next_events(self, text):
        data = self.read(text)
        return NextEvents.of_bytes(np.log(self.followers.probs(self.followers.history(data, len(data)))))

    def signature(self):
        return Signature.of(tok="bytes")


class WordNgram(LanguageModel):
    """A correct 4-gram model of words with back-off weights: a line is one sequence."""

    Options = LexiconOptions
    estimate = staticmethod(back_off)

    def fit(self, data, progress=SILENT):
        self.lexicon = self.learn_lexicon(data)
        self.followers = Followers(4, len(self.lexicon), self.estimate)
        for line in self.lexicon.lines(data.train.documents):
            self.followers.learn(line.tolist())

    def learn_lexicon(self, data):
        return Lexicon.learn(data, self.options)

    def costs(self, line):
        return self.followers.logprobs(line.tolist())

    def score(self, documents):
        return self.lexicon.score(documents, lambda lines: [self.costs(line) for line in lines])

    def predict(self, history):
        return np.log(self.followers.probs(self.followers.history(history.tolist(), len(history))))

    def state_after(self, text):
        return LexiconState(self.lexicon, text, self.predict)

    def signature(self):
        return self.lexicon.signature()


class PieceOptions(LexiconOptions):
    tokenizer: str = "pieces"


class PieceNgram(WordNgram):
    """A correct 4-gram model of pieces."""

    Options = PieceOptions


class WordCache(Unigram):
    """A correct unigram model of words that also learns from the document while it scores."""

    share = 0.2

    def score(self, documents):
        return [encoded.score(self.costs(encoded.ids)) for encoded in self.lexicon.encode_each(documents)]

    def costs(self, ids):
        seen, costs = np.zeros(len(self.lexicon)), []
        for i, word in enumerate(ids.tolist()):
            costs.append(self.mix(self.logprobs[word], seen[word], i))
            seen[word] += 1
        return np.array(costs)

    def mix(self, logprobs, counts, total):
        """Mix log-probabilities with the shares of a document so far."""
        return np.log((1 - self.share) * np.exp(logprobs) + self.share * counts / total) if total else logprobs

    def predict(self, history):
        return self.mix(self.logprobs, np.bincount(history, minlength=len(self.lexicon)), len(history))

    def state_after(self, text):
        return LexiconState(self.lexicon, text, self.predict, across_lines=True)


class LineTopics(Unigram):
    """A correct mixture of two unigram models, one learned from short lines, one from long ones: one writes a line."""

    def fit(self, data, progress=SILENT):
        super().fit(data)
        lines = self.lexicon.lines(data.train.documents)
        halves = [[line for line in lines if (len(line) > 6) == is_long] for is_long in (False, True)]
        counts = np.array(
            [np.bincount(np.concatenate([*half, []]).astype(int), minlength=len(self.lexicon)) for half in halves]
        )
        self.topics = np.log((counts + 1) / (counts + 1).sum(axis=1, keepdims=True))

    def costs(self, line):
        """Return the log-probability of each word of a line, in nats."""
        so_far = np.cumsum(np.column_stack([[0.0, 0.0], self.topics[:, line]]), axis=1)
        return np.diff(np.logaddexp.reduce(so_far, axis=0))

    def score(self, documents):
        return self.lexicon.score(documents, lambda lines: [self.costs(line) for line in lines])

    def predict(self, history):
        weights = self.topics[:, history].sum(axis=1)
        return np.logaddexp.reduce(weights[:, None] + self.topics, axis=0) - np.logaddexp.reduce(weights)

    def state_after(self, text):
        return LexiconState(self.lexicon, text, self.predict)
