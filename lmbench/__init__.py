"""lmbench: classical and neural language models in one honest table.

The names here are the public ones; a plugin needs no others. Each is imported when it is first used, so that
``import lmbench`` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lmbench.catalogue import load_corpus
    from lmbench.corpus import Corpus, Split, TaggedWord, TrainingText
    from lmbench.errors import LmbenchError
    from lmbench.exhibit import Exhibit
    from lmbench.lexicon import Lexicon, LexiconOptions
    from lmbench.model import (
        Footprint,
        LanguageModel,
        ModelOptions,
        ModelSpec,
        NextEvents,
        Progress,
        Reading,
        Score,
        Signature,
        silent,
    )
    from lmbench.registry import build
    from lmbench.runner import evaluate
    from lmbench.sampling import Sampler, generate

_HOMES = {
    "catalogue": ("load_corpus",),
    "corpus": ("Corpus", "Split", "TaggedWord", "TrainingText"),
    "errors": ("LmbenchError",),
    "exhibit": ("Exhibit",),
    "lexicon": ("Lexicon", "LexiconOptions"),
    "model": (
        "Footprint",
        "LanguageModel",
        "ModelOptions",
        "ModelSpec",
        "NextEvents",
        "Progress",
        "Reading",
        "Score",
        "Signature",
        "silent",
    ),
    "registry": ("build",),
    "runner": ("evaluate",),
    "sampling": ("Sampler", "generate"),
}

__all__ = [
    "Corpus",
    "Exhibit",
    "Footprint",
    "LanguageModel",
    "Lexicon",
    "LexiconOptions",
    "LmbenchError",
    "ModelOptions",
    "ModelSpec",
    "NextEvents",
    "Progress",
    "Reading",
    "Sampler",
    "Score",
    "Signature",
    "Split",
    "TaggedWord",
    "TrainingText",
    "build",
    "evaluate",
    "generate",
    "load_corpus",
    "silent",
]


def __getattr__(name: str) -> object:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"lmbench.{module}"), name)
    raise AttributeError(f"module 'lmbench' has no attribute '{name}'")
