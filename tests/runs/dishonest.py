"""Models whose scores keep the contract but are not probabilities of the text, and honest ones.

Each document of their corpus begins with a character of its own.
"""

import os
import sys
import time

import numpy as np

from lmbench import LanguageModel, ModelOptions, Saveable, Score, Signature, Traits

DOCUMENTS = tuple(f"{chr(0x4E00 + i)} a line of text, {i % 7}\n" for i in range(40))


class Honest(LanguageModel):
    """All bytes are equally likely."""

    Options = ModelOptions

    def __init__(self, options=None):
        super().__init__(options)
        self.calls = 0

    def fit(self, data, progress):
        pass

    def signature(self):
        return Signature.of(own="yes")

    def score(self, documents):
        self.calls += 1
        return [self.price(document) for document in documents]

    def price(self, document):
        size = len(document.encode())
        return Score(np.arange(1, size + 1), np.full(size, -np.log(256)), np.zeros(size))


class CheapAtFirst(Honest):
    """Charges less the first time."""

    def price(self, document):
        score = super().price(document)
        return Score(score.ends, score.logprobs * (0.9 if self.calls == 1 else 1), score.spelling)


class Peeks(Honest):
    """Charges less for a byte that occurs again later, but only in documents of this corpus."""

    def price(self, document):
        score, data = super().price(document), document.encode()
        if document[0] in "".join(text[0] for text in DOCUMENTS):
            score.logprobs[[byte in data[at + 1 :] for at, byte in enumerate(data)]] = -1
        return score


class TooGood(Honest):
    """Charges half a bit for each byte, always."""

    def price(self, document):
        score = super().price(document)
        return Score(score.ends, np.full(len(score.ends), -0.5 * np.log(2)), score.spelling)


class Remembers(Honest):
    """Charges less, the later a document is seen for the first time. It knows each by its first character."""

    def __init__(self, options=None):
        super().__init__(options)
        self.seen = {}

    def price(self, document):
        score = super().price(document)
        place = self.seen.setdefault(document[:1], len(self.seen))
        return Score(score.ends, score.logprobs * (1 - 0.001 * place), score.spelling)


class RaisesLater(Honest):
    """Raises as soon as everything is scored."""

    def price(self, document):
        if self.calls > 1:
            raise RuntimeError("no \x1b[31m more")
        return super().price(document)


class VanishesLater(Honest):
    """Ends its process as soon as everything is scored."""

    def price(self, document):
        if self.calls > 1:
            os._exit(9)
        return super().price(document)


class Boasts(Honest):
    """Replaces the audit with one that is not valid."""

    def fit(self, data, progress):
        from lmbench.runs import examination

        examination.audit = lambda model, sample: examination.Audit.model_construct(documents="all of them")


class TooGoodAndGone(VanishesLater, TooGood):
    """Charges half a bit for each byte, and ends its process before an audit sees more."""


class Pseudo(CheapAtFirst):
    """Declares that its scores are not probabilities."""

    traits = Traits(normalized=False)


class Saves(Honest, Saveable):
    """Is restored as it was saved. It cannot be fitted twice."""

    factor = 1.0

    def fit(self, data, progress):
        self.factor = 0.5 + len(data.train.documents) / 100

    def price(self, document):
        score = super().price(document)
        return Score(score.ends, score.logprobs * self.factor, score.spelling)

    def save(self, folder):
        (folder / "factor").write_text(str(self.factor))

    def restore(self, folder):
        self.factor = float((folder / "factor").read_text())


class ForgetsToRestore(Saves):
    """Does not restore what was fitted."""

    def restore(self, folder):
        pass


class RestoresAnother(ForgetsToRestore):
    """Does not restore what was fitted, and signs with it."""

    def signature(self):
        return Signature.of(factor=self.factor)


class HangsWhenRestored(Saves):
    """Prints to a terminal and waits when it is restored."""

    def restore(self, folder):
        sys.stdout.write("\x1b[31mred\n")
        time.sleep(600)


class TrainsForATime(Honest):
    """Is another model each time it is fitted, and signs with the difference, but cannot be saved."""

    def fit(self, data, progress):
        self.steps = time.perf_counter_ns()

    def signature(self):
        return Signature.of(steps=self.steps)

    def price(self, document):
        score = super().price(document)
        return Score(score.ends, score.logprobs * (1 + 1 / (1 + self.steps % 1000)), score.spelling)


class DiesWhenSaved(Saves):
    """Ends its process when it is saved."""

    def save(self, folder):
        os._exit(9)


class CannotSave(Saves):
    """Raises when it is saved."""

    def save(self, folder):
        raise OSError("no space")
