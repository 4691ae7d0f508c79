"""Mutants whose fitting, saving or signature is wrong."""

import numpy as np

from lmbench import LexiconOptions, ModelOptions, NextEvents, Signature, Traits
from tests.mutants.base import Bigram, ByteNgram
from tests.mutants.folding import FoldsWords


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


class NoSignature(Bigram):
    """the signature is a string"""

    caught_by = "signature"

    def signature(self):
        return "tok:bytes"


class SavesHalfOfItsPrecision(Bigram):
    """what was learned is saved in float16"""

    caught_by = "save"

    def save(self, folder):
        np.save(folder / "table.npy", self.table.astype(np.float16))


class CountsItsCalls(Bigram):
    """the signature contains how often the model has scored"""

    caught_by = "signature"
    calls = 0

    def score(self, documents):
        self.calls += 1
        return super().score(documents)

    def signature(self):
        return Signature.of(tok="bytes", calls=self.calls)


class BonusOptions(ModelOptions):
    bonus: float = 0.5


class QuickWithoutBonus(ByteNgram):
    """each event is cheaper by an option that the quick options switch off"""

    caught_by = "audit"
    Options = BonusOptions
    traits = Traits(quick_options=(("bonus", "0"),))

    def costs(self, document):
        return super().costs(document) * (1 - self.options.bonus)


class CaselessOptions(LexiconOptions):
    caseless: bool = True


class QuickWithCase(FoldsWords):
    """case is folded, except with the quick options"""

    caught_by = "audit"
    Options = CaselessOptions
    traits = Traits(quick_options=(("caseless", "false"),))

    def fold(self, word):
        return word.lower() if self.options.caseless else word


class CheckpointOptions(ModelOptions):
    checkpoint: str = ""


class UncheckedCheckpoint(ByteNgram):
    """the weights of a checkpoint, an option that the suite leaves out, are not normalized"""

    caught_by = "audit"
    Options = CheckpointOptions
    traits = Traits(unchecked_options=("checkpoint",))
    run_as = (("checkpoint", "folder"),)

    def costs(self, document):
        return super().costs(document) * (0.5 if self.options.checkpoint else 1)

    def next_events(self, text):
        nexts = super().next_events(text)
        return NextEvents(nexts.names, nexts.logprobs * (0.5 if self.options.checkpoint else 1), nexts.spellings)
