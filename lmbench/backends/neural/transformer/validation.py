"""The part of the validation split that decides which weights of a training are the best."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

from lmbench.arrays import Ints
from lmbench.backends.neural.transformer.networks import Network
from lmbench.backends.neural.transformer.sequences import sequence_logprobs, sequences_of
from lmbench.corpus import Split
from lmbench.errors import CorpusError
from lmbench.text.lexicon import Lexicon

VALIDATION_EVENTS = 4096
"""Maximum number of events that an evaluation reads: they take a sixth of a `tiny` training."""


@dataclass(frozen=True, slots=True)
class ValidationText:
    """The first documents of a validation split.

    Attributes:
        sequences: The ids of each document, or of each line, after BOS.
        size: The number of bytes.
        spelling: The log-probability (nats) of the spelling of unknown words.
    """

    sequences: list[Ints]
    size: int
    spelling: float

    @classmethod
    def read(cls, lexicon: Lexicon, valid: Split, by_line: bool = False) -> ValidationText:
        """Return the first VALIDATION_EVENTS events of a split.

        Args:
            lexicon: The lexicon.
            valid: The split.
            by_line: Whether each line is a sequence of its own.

        Raises:
            CorpusError: The split is empty.
        """
        sequences, size, spelling, left = list[Ints](), 0, 0.0, VALIDATION_EVENTS
        for document in valid.documents:
            encoded = lexicon.encode(document)
            events = min(left, len(encoded.ends))
            if events:
                sequences += sequences_of(lexicon, encoded.ids[:events], by_line)
                size += int(encoded.ends[events - 1])
                spelling += float(encoded.spelling[:events].sum())
                left -= events
        if not sequences:
            raise CorpusError(
                "the validation split is empty, and the transformer needs one to know when to stop training"
            )
        return cls(sequences, size, spelling)

    def bits_per_byte(self, network: Network) -> float:
        """Return the cost of this text, read in windows without overlap to save time.

        This turns dropout off; a step of the optimizer turns it on again.
        """
        windowing = partial(network.windows, stride=network.shape.context)
        logprobs = sequence_logprobs(network.eval(), self.sequences, windowing)
        return -(sum(float(document.sum()) for document in logprobs) + self.spelling) / (self.size * math.log(2))
