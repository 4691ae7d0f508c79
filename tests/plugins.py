"""A context manager that installs a plugin package: a folder on sys.path with the metadata that pip would write."""

import sys
from contextlib import contextmanager


@contextmanager
def installed(folder, models, module="", name="lmbench-plugin", group="lmbench.models"):
    """Install a distribution that registers models, or corpora.

    Args:
        folder: Where to write it.
        models: The entry points, {model: "module:Class"}.
        module: The code of plugin_module.py.
        name: The distribution's name.
        group: The group of the entry points.
    """
    info = folder / f"{name.replace('-', '_')}-1.2.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
    points = "".join(f"{model} = {target}\n" for model, target in models.items())
    (info / "entry_points.txt").write_text(f"[{group}]\n{points}")
    (folder / "plugin_module.py").write_text(module)
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        sys.modules.pop("plugin_module", None)


MODELS = '''
import os, signal
import numpy as np
from lmbench import Exhibit, LanguageModel, Score, Signature
from lmbench.errors import UnavailableError


class Good(LanguageModel):
    """All bytes are equally likely."""

    def fit(self, data, progress):
        progress("counting", 0.5)

    def score(self, documents):
        sizes = [len(document.encode()) for document in documents]
        return [Score(np.arange(1, n + 1), np.full(n, -np.log(256)), np.zeros(n)) for n in sizes]

    def signature(self):
        return Signature.of(own="yes")


class Raises(Good):
    def score(self, documents):
        print("some noise")
        raise RuntimeError("the scorer broke")


class Dies(Good):
    def score(self, documents):
        os.kill(os.getpid(), signal.SIGKILL)


class TooLikely(Good):
    def score(self, documents):
        return [Score(score.ends, -score.logprobs, score.spelling) for score in super().score(documents)]


class Absent(Good):
    def fit(self, data, progress):
        raise UnavailableError("the weights are elsewhere")


class Shows(Good):
    def exhibits(self):
        return (Exhibit(title="Bytes", shows="how many there are", kind="table", columns=("bytes",), rows=((256,),)),)


class Hungry(Good):
    def fit(self, data, progress):
        np.ones(30_000_000).sum()
'''
