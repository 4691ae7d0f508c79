"""A fitted hidden Markov model: its probabilities, the lexicon that names its symbols, and how it was fitted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lmbench.arrays import AnyInts, Floats
from lmbench.backends.hmm.baum_welch import EmPoint
from lmbench.backends.hmm.cut_history import CutHistory
from lmbench.backends.hmm.forward_backward import ForwardBackward
from lmbench.backends.hmm.parameters import Parameters
from lmbench.model import LanguageModel
from lmbench.saved import SavedFacts, open_saved, write_saved
from lmbench.text.lexicon import Lexicon, LexiconOptions, StoredLexicon

_SHAPES = {"start": 1, "transitions": 2, "emissions": 2}  # the arrays that are saved, and their dimensions


@dataclass(frozen=True, slots=True)
class TagHits:
    """How many words were tagged correctly.

    Attributes:
        words: The number of words.
        correct: How many of them got the right tag.
        by_most_frequent: How many would get the right tag if each word got its most frequent tag.
    """

    words: int
    correct: int
    by_most_frequent: int

    def __add__(self, other: TagHits) -> TagHits:
        return TagHits(
            self.words + other.words,
            self.correct + other.correct,
            self.by_most_frequent + other.by_most_frequent,
        )


class HmmFacts(SavedFacts):
    """The saved part of a FittedHmm that is not arrays."""

    lexicon: StoredLexicon
    unigram_share: float
    iteration: int
    points: tuple[EmPoint, ...]
    tags: tuple[str, ...]
    hits: tuple[TagHits, ...]


@dataclass(frozen=True, slots=True)
class FittedHmm:
    """The result of fitting.

    Attributes:
        lexicon: The types, which are the model's symbols.
        parameters: The probabilities, smoothed.
        unigram_share: The weight of the unigrams in the emissions.
        iteration: The EM iteration whose parameters were kept; 0 without EM.
        points: Progress of every EM iteration.
        tags: Each state's tag, if the model is supervised.
        hits: The tagging accuracy on known and on unknown words of the validation split, if the model is supervised.
    """

    lexicon: Lexicon
    parameters: Parameters
    unigram_share: float
    iteration: int = 0
    points: tuple[EmPoint, ...] = ()
    tags: tuple[str, ...] = ()
    hits: tuple[TagHits, ...] = ()

    def logprobs(self, lines: Sequence[AnyInts], history: int | None = None) -> list[Floats]:
        """Return log P(event | the line's events before it) of each line's events, in nats.

        Args:
            lines: The lines.
            history: How many events before it an event depends on; None: all.
        """
        if history is not None:
            return CutHistory(self.parameters, history).logprobs(lines)
        symbols, states = self.parameters.emissions.shape
        return ForwardBackward(lines, symbols, states, "float64").logprobs(self.parameters)

    def save(self, folder: Path, model: LanguageModel) -> None:
        """Write the fitted model into a folder, as `Saveable.save` does."""
        facts = HmmFacts(
            lexicon=self.lexicon.stored(),
            unigram_share=self.unigram_share,
            iteration=self.iteration,
            points=self.points,
            tags=self.tags,
            hits=self.hits,
        )
        arrays = {name: getattr(self.parameters, name) for name in _SHAPES}
        write_saved(folder, model, arrays, facts)

    @classmethod
    def restore(cls, folder: Path, model: LanguageModel, options: LexiconOptions) -> FittedHmm:
        """Read what `save` wrote.

        Raises:
            SpecError: The folder does not hold this model.
        """
        with open_saved(folder, model) as saved:
            facts = saved.facts(HmmFacts)
            arrays = {name: saved.array(name, np.float64, dimensions) for name, dimensions in _SHAPES.items()}
            return cls(
                lexicon=facts.lexicon.restore(options),
                parameters=Parameters(**arrays),
                unigram_share=facts.unigram_share,
                iteration=facts.iteration,
                points=facts.points,
                tags=facts.tags,
                hits=facts.hits,
            )
