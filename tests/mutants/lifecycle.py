"""Mutants whose fitting, saving or signature is wrong."""

import numpy as np

from tests.mutants.base import Bigram


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
