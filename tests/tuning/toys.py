"""A plugin whose bits per byte are an option, and short names for what tests of tuning do."""

from lmbench import build

TEXTS = ("the cat sat on the log\n", "a dog saw zebras\n\n  odd\t汉 é", "", "\n")

PLUGIN = """
import weakref
import numpy as np
from typing import Literal
from lmbench import Exportable, LanguageModel, ModelOptions, Score, Signature, Traits
from lmbench.errors import CorpusError, SpecError, UnavailableError


class ToyOptions(ModelOptions):
    cost: int = 8
    shape: Literal["flat", "odd", "short", "absent"] = "flat"
    other: int = 0


class Toy(LanguageModel):
    '''A model whose bits per byte are an option.'''

    Options = ToyOptions
    traits = Traits(grid=(("cost", ("9", "7", "8", "7")), ("shape", ("odd", "flat"))), libraries=("json",))
    alive, most = weakref.WeakSet(), [0]

    def fit(self, data, progress):
        if self.options.shape == "short":
            raise CorpusError(f"the text is too short for cost {self.options.cost}")
        if self.options.shape == "absent":
            raise UnavailableError("the weights are elsewhere")
        self.fitted = True
        self.alive.add(self)
        self.most[0] = max(self.most[0], len(self.alive))

    def score(self, documents):
        bits = self.options.cost + (self.options.shape == "odd")
        sizes = [len(document.encode()) for document in documents]
        return [Score(np.arange(1, n + 1), np.full(n, -bits * np.log(2)), np.zeros(n)) for n in sizes]

    def signature(self):
        return Signature.of(cost=self.options.cost)

    def suspect_histories(self):
        return [str(self.options.cost)]


class Exports(Toy, Exportable):
    def check_exportable(self):
        if self.options.shape == "odd":
            raise SpecError("odd shapes do not have a format")

    def export(self, path):
        path.write_text(str(self.options.cost))
"""


def fit(spec, data, progress=None):
    model = build(spec)
    model.fit(data, *[progress] if progress else [])
    return model


def search(model):
    """Return the exhibit of a search as its columns and its rows."""
    exhibit = model.exhibits()[-1]
    assert exhibit.title == "Tuning"
    return exhibit.columns, exhibit.rows
