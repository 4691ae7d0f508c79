"""A fitted hidden Markov model: its probabilities, the lexicon that names its symbols, and how it was fitted."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lmbench.arrays import AnyInts, Floats
from lmbench.backends.hmm.baum_welch import EmPoint
from lmbench.backends.hmm.forward_backward import ForwardBackward
from lmbench.backends.hmm.parameters import Parameters
from lmbench.compression import open_regular
from lmbench.errors import SpecError
from lmbench.text.lexicon import Lexicon, LexiconOptions

_FILE = "hmm.npz"
_READ_ERRORS = (  # raised by NumPy for a damaged file, or one of another kind
    OSError, EOFError, KeyError, TypeError, ValueError, MemoryError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip


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

    def logprobs(self, lines: Sequence[AnyInts]) -> list[Floats]:
        """Return log P(event | the line's events before it) of each line's events, in nats."""
        symbols, states = self.parameters.emissions.shape
        return ForwardBackward(lines, symbols, states, "float64").logprobs(self.parameters)

    def save(self, folder: Path, options: LexiconOptions) -> None:
        """Write the lexicon with the model's options, and hmm.npz."""
        self.lexicon.save(folder, options)
        np.savez(
            folder / _FILE,
            start=self.parameters.start,
            transitions=self.parameters.transitions,
            emissions=self.parameters.emissions,
            iteration=self.iteration,
            unigrams=self.unigram_share,
            tags=np.array(self.tags, dtype=np.str_),
            hits=[(hits.words, hits.correct, hits.by_most_frequent) for hits in self.hits],
            points=[(point.iteration, point.train_nats, _nan_if_none(point.valid_nats)) for point in self.points],
        )

    @classmethod
    def restore(cls, folder: Path, options: LexiconOptions) -> FittedHmm:
        """Read what `save` wrote.

        Raises:
            SpecError: The folder does not hold a model with these options.
        """
        lexicon = Lexicon.restore(folder, options)
        try:
            return cls._read(folder / _FILE, lexicon)
        except _READ_ERRORS as error:
            raise SpecError(f"{folder} does not hold a saved model: {_FILE} cannot be read") from error

    @classmethod
    def _read(cls, file: Path, lexicon: Lexicon) -> FittedHmm:
        with open_regular(file) as opened, np.load(opened) as arrays:
            return cls(
                lexicon=lexicon,
                parameters=Parameters(arrays["start"], arrays["transitions"], arrays["emissions"]),
                unigram_share=float(arrays["unigrams"]),
                iteration=int(arrays["iteration"]),
                points=tuple(
                    EmPoint(int(iteration), train, None if np.isnan(valid) else valid)
                    for iteration, train, valid in arrays["points"].tolist()
                ),
                tags=tuple(arrays["tags"].tolist()),
                hits=tuple(TagHits(*numbers) for numbers in arrays["hits"].tolist()),
            )


def _nan_if_none(value: float | None) -> float:
    return float("nan") if value is None else value
