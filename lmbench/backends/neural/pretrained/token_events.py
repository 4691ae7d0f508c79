"""The rows of a causal model's output, named and spelled as events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

from lmbench.backends.neural.pretrained.hub_tokenizer import HubTokenizer


@dataclass(frozen=True)
class TokenEvents:
    """Names and spellings of a model's events.

    Attributes:
        names: (V,) the tokens' texts, or the tokenizer's names of tokens whose text is uncertain; ``<50257>`` for a row
            without a token.
        spellings: (V,) the bytes that each event adds to a text; b"" for events that end it; None for special tokens
            and rows without a token. Empty if the tokenizer's spellings are uncertain.
    """

    names: tuple[str, ...]
    spellings: tuple[bytes | None, ...]

    @classmethod
    def of_rows(cls, rows: int, tokenizer: HubTokenizer, ends: Sequence[int]) -> Self:
        """Return the events of a model's output.

        Args:
            rows: V, the number of events.
            tokenizer: The model's tokenizer, which may have more or fewer tokens.
            ends: The ids that end a text. Ids that the model does not have are ignored.
        """
        names = tokenizer.texts[:rows]
        names += [f"<{row}>" for row in range(len(names), rows)]
        spellings = tokenizer.event_spellings[:rows]
        if spellings:
            spellings += [None] * (rows - len(spellings))
            for end in ends:
                if 0 <= end < rows:
                    spellings[end] = b""
        return cls(tuple(names), tuple(spellings))

    def find(self, spelling: bytes) -> Sequence[int]:
        """Return the indices of the events with a spelling."""
        return self._indices.get(spelling, ())

    def without_space(self) -> TokenEvents:
        """Return the events that begin a text, if the tokenizer adds a space before it that is not part of it.

        The event that spells this space alone adds nothing to the text and cannot be generated.
        """
        names = tuple(name.removeprefix(" ") or name for name in self.names)
        return TokenEvents(names, tuple(map(_without_space, self.spellings)))

    @cached_property
    def _indices(self) -> dict[bytes, list[int]]:
        indices: dict[bytes, list[int]] = {}
        for index, spelling in enumerate(self.spellings):
            if spelling is not None:
                indices.setdefault(spelling, []).append(index)
        return indices


def _without_space(spelling: bytes | None) -> bytes | None:
    if not spelling:
        return spelling  # the end of the text, or uncertain
    return spelling[1:] or None if spelling.startswith(b" ") else None
