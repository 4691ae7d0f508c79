"""Models that no entry point registers."""

import numpy as np

from lmbench import LanguageModel, ModelOptions, Score, Signature, Traits


class ByteOptions(ModelOptions):
    added: float = 1.0
    seed: int = 0


class Bytes(LanguageModel):
    """Relative frequencies of bytes. Its options count, so that another process can build it."""

    Options = ByteOptions
    traits = Traits(quick_options=(("added", "2"),))

    def fit(self, data, progress=None):
        text = "".join(data.train.documents).encode()
        counts = self.options.added + np.bincount(np.frombuffer(text, np.uint8), minlength=256)
        self.logprobs = np.log(counts / counts.sum())

    def score(self, documents):
        arrays = [np.frombuffer(document.encode(), np.uint8) for document in documents]
        return [Score(np.arange(1, len(data) + 1), self.logprobs[data], np.zeros(len(data))) for data in arrays]

    def signature(self):
        return Signature.of(added=self.options.added)


class Stubborn(Bytes):
    """Takes something else than options."""

    def __init__(self, added):
        super().__init__(ByteOptions(added=added))
        self.weights = [added]
