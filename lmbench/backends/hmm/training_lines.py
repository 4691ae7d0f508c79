"""The lines that a hidden Markov model learns from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lmbench.arrays import Ids
from lmbench.corpus import TrainingText
from lmbench.errors import CorpusError
from lmbench.text.lexicon import Lexicon, LexiconOptions, lines_of_ids

_SCORED_EVENTS = 1 << 16


@dataclass(frozen=True, slots=True)
class TrainingLines:
    """A training text as lines of type ids.

    Attributes:
        lexicon: The types.
        train: The training split's lines.
        valid: The validation split's lines.
        scored: The first 65,536 events of `valid`, on which EM iterations and smoothing weights are compared.
    """

    lexicon: Lexicon
    train: list[Ids]
    valid: list[Ids]
    scored: list[Ids]

    @classmethod
    def read(cls, data: TrainingText, options: LexiconOptions) -> TrainingLines:
        """Learn the lexicon and encode both splits.

        Raises:
            CorpusError: The training split is empty.
        """
        lexicon, ids = Lexicon.learn_and_encode(data, options)
        train = lines_of_ids(ids)
        if not train:
            raise CorpusError("the training split is empty: there is nothing to learn from")
        valid = lexicon.lines(data.valid.documents)
        return cls(lexicon, train, valid, first_events(valid, _SCORED_EVENTS))

    @property
    def symbols(self) -> int:
        """The number of types."""
        return len(self.lexicon)

    @property
    def events(self) -> int:
        """The number of events of the training split."""
        return sum(map(len, self.train))


def first_events(lines: Sequence[Ids], number: int) -> list[Ids]:
    """Return the lines' first `number` events; the last line may be cut off."""
    kept, left = list[Ids](), number
    for line in lines:
        if left <= 0:
            break
        kept.append(line[:left])
        left -= len(line)
    return kept
