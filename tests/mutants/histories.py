"""Mutants that predict events from another history, or in another place, than the text before them."""

import numpy as np

from lmbench import ModelState, NextEvents
from tests.mutants.base import START, Bigram, ByteNgram, LineTopics, Unigram, Windowed, WordCache


class OffByOne(Bigram):
    """each byte is scored given the byte before the last one"""

    caught_by = "chain-rule"

    def costs(self, document):
        symbols = np.array([START, START, *document.encode()])
        return self.table[symbols[:-2], symbols[2:]]


class LongDiscount(Bigram):
    """events far into a document cost half"""

    caught_by = "chain-rule"

    def costs(self, document):
        costs = super().costs(document)
        return np.where(np.arange(len(costs)) > 120, costs / 2, costs)


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


class PeeksLater(ByteNgram):
    """the causal mask is wrong from byte 320 on: each byte is scored with a look at the next one"""

    caught_by = "cuts"

    def costs(self, document):
        costs, following = super().costs(document), np.array([*document.encode()[1:], 0][: len(document.encode())])
        return np.where((np.arange(len(costs)) >= 320) & (following > 96), 0.5 * costs, costs)


class PeeksLaterAtWords(WordCache):
    """the causal mask is wrong from event 512 on: the cache contains the whole document"""

    caught_by = "cuts"

    def costs(self, ids):
        whole = [self.mix(self.logprobs[word], np.count_nonzero(ids == word), len(ids)) for word in ids[512:]]
        return np.append(super().costs(ids[:512]), whole)


class PeeksAtNeighbors(WordCache):
    """the cache contains the 20 words on both sides of a word from event 128 on"""

    caught_by = "cuts"

    def costs(self, ids):
        costs = super().costs(ids)
        for i in range(128, len(ids)):
            near = np.append(ids[i - 20 : i], ids[i + 1 : i + 20])
            costs[i] = self.mix(self.logprobs[ids[i]], np.count_nonzero(near == ids[i]), len(near))
        return costs


class PeeksAtTopics(LineTopics):
    """the topic of a line is inferred from the whole line"""

    caught_by = "causality"

    def costs(self, line):
        return self.topics[np.argmax(self.topics[:, line].sum(axis=1)), line]


class PeeksAtLengths(LineTopics):
    """the topic of a line is chosen by its length"""

    caught_by = "causality"

    def costs(self, line):
        return self.topics[int(len(line) > 6), line]


class FreeRepeats(ByteNgram):
    """a line that occurred before in its document costs nothing"""

    caught_by = "chain-rule"

    def costs(self, document):
        lines = document.splitlines(keepends=True)
        repeated = [line in lines[:i] for i, line in enumerate(lines) for _ in line.encode()]
        return np.where(repeated, 0.0, super().costs(document))


class FreeRepeatsAtADistance(ByteNgram):
    """a byte costs a tenth if it and the 12 bytes before it also occur at least 400 bytes earlier"""

    caught_by = "deep"

    def costs(self, document):
        data, costs = document.encode(), super().costs(document)
        for i in range(412, len(data)):
            costs[i] /= 10 if data.rfind(data[i - 12 : i + 1], 0, i - 400) >= 0 else 1
        return costs
