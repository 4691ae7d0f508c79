"""Deliberately wrong models, each with one bug that has been seen in practice, and the correct models behind them."""

import inspect
import math

import numpy as np
from pydantic import Field

from lmbench import (
    SILENT,
    Corpus,
    LanguageModel,
    Lexicon,
    LexiconOptions,
    LexiconState,
    ModelOptions,
    ModelState,
    NextEvents,
    Saveable,
    Score,
    Signature,
)

START = 256


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


class LearnsFirst(Adaptive):
    """an adaptive model learns each byte before scoring it"""

    caught_by = "chain-rule"
    preview = 1


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


class OffByOne(Bigram):
    """each byte is scored given the byte before the last one"""

    caught_by = "chain-rule"

    def costs(self, document):
        symbols = np.array([START, START, *document.encode()])
        return self.table[symbols[:-2], symbols[2:]]


class FreeSpaces(Bigram):
    """white space costs nothing"""

    caught_by = "chain-rule"

    def costs(self, document):
        return np.where(np.isin(list(document.encode()), (9, 32)), 0.0, super().costs(document))


class FreeCase(Bigram):
    """text is lower-cased before scoring"""

    caught_by = "chain-rule"

    def costs(self, document):
        return super().costs("".join(c.lower() if c.isascii() else c for c in document))


class FreeInsides(Bigram):
    """the later bytes of a character cost nothing"""

    caught_by = "unknown-words"

    def costs(self, document):
        return np.where([128 <= byte < 192 for byte in document.encode()], 0.0, super().costs(document))


class LongDiscount(Bigram):
    """events far into a document cost half"""

    caught_by = "chain-rule"

    def costs(self, document):
        costs = super().costs(document)
        return np.where(np.arange(len(costs)) > 120, costs / 2, costs)


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


class Peeks(Bigram):
    """each byte is scored with a look at the next one (bidirectional attention)"""

    caught_by = "causality"

    def costs(self, document):
        costs, following = super().costs(document), [*document.encode()[1:], 0][: len(document.encode())]
        return costs * np.where(np.array(following) > 96, 0.5, 1.0)


class PerLength(Bigram):
    """every event costs the mean over the document"""

    caught_by = "causality"

    def costs(self, document):
        costs = super().costs(document)
        return np.full(len(costs), costs.mean()) if len(costs) else costs


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


class ScoresSeamsTwice(Windowed):
    """an event in the overlap of two windows is scored twice"""

    caught_by = "windows"
    overlap = 1


class FreeSeams(Windowed):
    """the first event of each later window costs nothing (shifted labels)"""

    caught_by = "windows"

    def costs(self, document):
        costs = super().costs(document).copy()
        costs[self.options.context :: self.options.stride or self.options.context] = 0.0
        return costs


class EmptyHistories(Windowed):
    """each window begins with an empty history"""

    caught_by = "windows"

    def costs(self, document):
        costs, data = super().costs(document).copy(), document.encode()
        for start in range(0, len(data), self.options.stride or self.options.context):
            costs[start] = self.table[START, data[start]]
        return costs


class ForgetsTheBeginning(Bigram):
    """continuations are scored without their context"""

    caught_by = "continuations"

    def score_continuation(self, context, continuation):
        return float(self.costs(continuation).sum())


class WritesNoSpaces(Unigram):
    """words are spelled without the space before them"""

    caught_by = "step-by-step"

    def state_after(self, text):
        return Spaceless(super().state_after(text))


class Spaceless(ModelState):
    def __init__(self, state):
        self.state = state

    def next_events(self):
        nexts = self.state.next_events()
        spellings = tuple(spelling and (spelling.strip(b" ") or spelling) for spelling in nexts.spellings)
        return NextEvents(nexts.names, nexts.logprobs, spellings)

    def advance(self, event):
        self.state.advance(event)


class ForgetsWhatItWrote(Bigram):
    """each event is drawn as if it were the first after the prompt"""

    caught_by = "step-by-step"

    def state_after(self, text):
        return Stuck(self.next_events(text))


class Stuck(ModelState):
    def __init__(self, nexts):
        self.nexts = nexts

    def next_events(self):
        return self.nexts

    def advance(self, event):
        pass


class Unseeded(Bigram):
    """the initialization is not seeded"""

    caught_by = "determinism"

    def smoothed(self, counts, unigram):
        noise = np.random.default_rng().random(counts.shape)
        return super().smoothed(counts + noise, (unigram + noise.mean(axis=0)) / (unigram + noise.mean(axis=0)).sum())


class ForgetsItsContext(Bigram):
    """a part of what was learned is not saved"""

    caught_by = "save"

    def save(self, folder):
        np.save(folder / "unigram.npy", np.log(np.exp(self.table).mean(axis=0)))

    def restore(self, folder):
        self.table = np.tile(np.load(folder / "unigram.npy"), (257, 1))


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


class NoSignature(Bigram):
    """the signature is a string"""

    caught_by = "signature"

    def signature(self):
        return "tok:bytes"


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


CORRECT = (Bigram, Unigram, Windowed, Adaptive)
MUTANTS = (
    Log10, Log2, Log10WithoutDistribution, OffByOne, LearnsFirst, FreeSpaces, FreeCase, FreeInsides, LongDiscount,
    Unnormalized, KeepsStart, Surprisals, Sentinel, SpellingApart, FreeUnknowns, FlatSpelling, Characters, DropsTheEnd,
    TwoLineEnds, JoinsLineEnds, Peeks, PerLength, ShuffledBatch, CountsPadding, CrossesDocuments,
    CarriesItsHistory, DropsTheLastDocument, Remembers,
    ScoresSeamsTwice, FreeSeams, EmptyHistories, ForgetsTheBeginning, WritesNoSpaces, ForgetsWhatItWrote, Unseeded,
    ForgetsItsContext, ReadsTheTest, NoSignature, CrashesOnNothing, ParsesSpecialTokens,
)  # fmt: skip
