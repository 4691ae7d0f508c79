"""Deliberately wrong models, each with one bug that has been seen in practice, and the correct models behind them.

A mutant is a class with the attribute `caught_by`: the name of the check that is meant for its bug, or AUDIT if only
the audit on real text can find it. Its docstring is the bug.
"""

from tests.mutants import batches, folding, form, histories, learning, lifecycle, spelling, sums, units
from tests.mutants.base import (
    Adaptive,
    Bigram,
    ByteNgram,
    LineTopics,
    PieceNgram,
    Unigram,
    Windowed,
    WordCache,
    WordNgram,
)
from tests.mutants.form import JoinsLineEnds
from tests.mutants.sums import Unnormalized
from tests.mutants.units import Log10, Log10WithoutDistribution, Sentinel

__all__ = [
    "AUDIT",
    "CORRECT",
    "MUTANTS",
    "Bigram",
    "JoinsLineEnds",
    "Log10",
    "Log10WithoutDistribution",
    "Sentinel",
    "Unnormalized",
    "Windowed",
    "make_as_run",
    "make_checked",
]

AUDIT = "audit"
"""Says that the audit must catch a mutant, because the texts of the suite do not show its bug."""

CORRECT = (Bigram, Unigram, Windowed, Adaptive, ByteNgram, WordNgram, PieceNgram, WordCache, LineTopics)

KINDS = {
    "Units": units,
    "Form": form,
    "Sums": sums,
    "Histories": histories,
    "Folding": folding,
    "Spelling": spelling,
    "Batches": batches,
    "Learning": learning,
    "Lifecycle": lifecycle,
}


def mutants_of(module):
    """Return the mutants that a module defines."""
    defined = [value for value in vars(module).values() if getattr(value, "__module__", "") == module.__name__]
    return tuple(value for value in defined if "caught_by" in vars(value))


MUTANTS = tuple(mutant for module in KINDS.values() for mutant in mutants_of(module))


def make_checked(mutant):
    """Return a model as the suite builds it: with its quick options, and without the options that are not checked."""
    return mutant(mutant.Options.model_validate(dict(mutant.traits.quick_options)))


def make_as_run(mutant):
    """Return a model as a run builds it: with the options of `run_as`, if the mutant has any."""
    return mutant(mutant.Options.model_validate(dict(getattr(mutant, "run_as", ()))))
