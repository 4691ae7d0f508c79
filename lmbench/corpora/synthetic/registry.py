"""Sources whose entropy is known: they generate a corpus from a seed, and say what no model can beat on it.

docs/sources.md has their formulas.
"""

from __future__ import annotations

from lmbench.corpora.synthetic.base import Source, SourceOptions, corpus
from lmbench.corpora.synthetic.grammar import GrammarOptions
from lmbench.corpora.synthetic.hidden_markov import HiddenMarkovOptions
from lmbench.corpora.synthetic.markov import MarkovOptions
from lmbench.corpora.synthetic.recall import RecallOptions
from lmbench.corpus import Corpus
from lmbench.spec import Spec

SOURCES: dict[str, type[SourceOptions]] = {
    "markov": MarkovOptions,
    "hidden-markov": HiddenMarkovOptions,
    "grammar": GrammarOptions,
    "recall": RecallOptions,
}

__all__ = ["SOURCES", "Source", "SourceOptions", "is_source", "source_corpus"]


def is_source(name: str) -> bool:
    """Whether a source has this name, options or not: ``markov``, ``markov:order=3``."""
    return name.partition(":")[0].strip() in SOURCES


def source_corpus(spec: str) -> Corpus:
    """The corpus of a source, named by its spec. Raises SpecError, UnknownNameError or CorpusError."""
    parsed = Spec.parse(spec)
    return corpus(str(parsed), parsed.name, parsed.options(SOURCES[parsed.name]))
