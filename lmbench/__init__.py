"""lmbench: classical and neural language models in one honest table.

The names here are the public ones; a plugin needs no others. Each is imported when it is first used, so that
``import lmbench`` costs next to nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False  # means what typing's means; an import of typing would delay the first line of main()
if TYPE_CHECKING:
    from lmbench.api.results import Results
    from lmbench.api.running import run
    from lmbench.api.surprisal import surprisal
    from lmbench.corpora.loading import load_corpus
    from lmbench.corpus import Corpus, Split, TaggedWord, TrainingText
    from lmbench.errors import LmbenchError, NotFittedError
    from lmbench.exhibit import Exhibit
    from lmbench.generation import Sampler, generate
    from lmbench.model import (
        Exportable,
        Fitted,
        Footprint,
        LanguageModel,
        ModelOptions,
        ModelSpec,
        Saveable,
        Traits,
    )
    from lmbench.ngrams.ids import LINE_END_ID, UNKNOWN_ID
    from lmbench.progress import SILENT, Progress
    from lmbench.registry import build
    from lmbench.runs.evaluation import evaluate
    from lmbench.saved import SavedFacts, open_saved, write_saved
    from lmbench.score import Score
    from lmbench.signature import Signature
    from lmbench.state import ModelState, NextEvents
    from lmbench.tasks.cloze import Cloze
    from lmbench.tasks.conformance import check_task
    from lmbench.tasks.loading import load_task
    from lmbench.tasks.minimal_pairs import MinimalPairs
    from lmbench.tasks.multiple_choice import MultipleChoice
    from lmbench.tasks.question_answering import QuestionAnswering
    from lmbench.tasks.summarization import Summarization
    from lmbench.tasks.task import Completion, Continuation, Item, Likelihood, Metric, Task, Written
    from lmbench.tasks.translation import Translation
    from lmbench.text.lexicon import EncodedDocument, Lexicon, LexiconOptions, StoredLexicon
    from lmbench.text.lexicon_state import LexiconState

_HOMES = {
    "api.results": ("Results",),
    "api.running": ("run",),
    "api.surprisal": ("surprisal",),
    "corpora.loading": ("load_corpus",),
    "corpus": ("Corpus", "Split", "TaggedWord", "TrainingText"),
    "errors": ("LmbenchError", "NotFittedError"),
    "exhibit": ("Exhibit",),
    "generation": ("Sampler", "generate"),
    "model": (
        "Exportable",
        "Fitted",
        "Footprint",
        "LanguageModel",
        "ModelOptions",
        "ModelSpec",
        "Saveable",
        "Traits",
    ),
    "ngrams.ids": ("LINE_END_ID", "UNKNOWN_ID"),
    "progress": ("SILENT", "Progress"),
    "registry": ("build",),
    "runs.evaluation": ("evaluate",),
    "saved": ("SavedFacts", "open_saved", "write_saved"),
    "score": ("Score",),
    "signature": ("Signature",),
    "state": ("ModelState", "NextEvents"),
    "tasks.cloze": ("Cloze",),
    "tasks.conformance": ("check_task",),
    "tasks.loading": ("load_task",),
    "tasks.minimal_pairs": ("MinimalPairs",),
    "tasks.multiple_choice": ("MultipleChoice",),
    "tasks.question_answering": ("QuestionAnswering",),
    "tasks.summarization": ("Summarization",),
    "tasks.task": ("Completion", "Continuation", "Item", "Likelihood", "Metric", "Task", "Written"),
    "tasks.translation": ("Translation",),
    "text.lexicon": ("EncodedDocument", "Lexicon", "LexiconOptions", "StoredLexicon"),
    "text.lexicon_state": ("LexiconState",),
}

__all__ = [
    "LINE_END_ID",
    "SILENT",
    "UNKNOWN_ID",
    "Cloze",
    "Completion",
    "Continuation",
    "Corpus",
    "EncodedDocument",
    "Exhibit",
    "Exportable",
    "Fitted",
    "Footprint",
    "Item",
    "LanguageModel",
    "Lexicon",
    "LexiconOptions",
    "LexiconState",
    "Likelihood",
    "LmbenchError",
    "Metric",
    "MinimalPairs",
    "ModelOptions",
    "ModelSpec",
    "ModelState",
    "MultipleChoice",
    "NextEvents",
    "NotFittedError",
    "Progress",
    "QuestionAnswering",
    "Results",
    "Sampler",
    "Saveable",
    "SavedFacts",
    "Score",
    "Signature",
    "Split",
    "StoredLexicon",
    "Summarization",
    "TaggedWord",
    "Task",
    "TrainingText",
    "Traits",
    "Translation",
    "Written",
    "build",
    "check_task",
    "evaluate",
    "generate",
    "load_corpus",
    "load_task",
    "open_saved",
    "run",
    "surprisal",
    "write_saved",
]


_MODULES = ("checks", "errors", "metrics", "statistics")
"""Modules whose names are public too."""


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name == "__version__":
        return import_module("lmbench.about").own_version()
    if name in _MODULES:
        return import_module(f"lmbench.{name}")
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"lmbench.{module}"), name)
    raise AttributeError(f"module 'lmbench' has no attribute '{name}'")


def __dir__() -> list[str]:
    return [*__all__, *_MODULES, "__version__"]
