"""Tokenizers of Hugging Face's transformers, with proof for each document that its tokens spell it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lmbench.arrays import Ints
from lmbench.errors import ScoreError
from lmbench.text.tokenizers import UNPRINTABLE

_META_SPACE = "\u2581"  # SentencePiece's space
_BYTE_NAMES = frozenset(f"<0x{byte:02X}>" for byte in range(256))  # its names of bytes


@dataclass(frozen=True, slots=True)
class Encoded:
    """A document's tokens and the byte offsets at which they end, (events,) each."""

    ids: Ints
    ends: NDArray[np.int64]


class HubTokenizer:
    """A transformers tokenizer, with proof for each document that its tokens spell it."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        ids: dict[str, int] = tokenizer.get_vocab()
        self.names = [f"<{i}>" for i in range(1 + max(ids.values()))]
        for name, i in ids.items():
            self.names[i] = name
        added = tokenizer.get_added_vocab()
        self._spellings = [name.encode() if name in added else _spell(name) for name in self.names]
        if ids.keys() >= _BYTE_NAMES:
            for name in _BYTE_NAMES:  # it stands for the byte, and never for a text that looks like its name
                self._spellings[ids[name]] = None

    @cached_property
    def texts(self) -> list[str]:
        """Each token's text; the tokenizer's own name for it where it has no certain one or ends inside a character."""
        spelled = map(_spell_piece, self.names) if self._has_pieces else self._spellings
        return [_text(name, spelling) for name, spelling in zip(self.names, spelled, strict=True)]

    @cached_property
    def event_spellings(self) -> list[bytes | None]:
        """The bytes that each token adds to a text; None for special ones.

        Empty where the vocabulary is neither byte-level nor SentencePiece's, and its tokens have no certain text.
        """
        special = set(self.tokenizer.all_special_ids)
        if UNPRINTABLE.keys() <= set(self.names):
            spelled = self._spellings
        elif self._has_pieces:
            spelled = [_spell_piece(name) for name in self.names]
        else:
            return []
        return [None if i in special else spelling for i, spelling in enumerate(spelled)]

    @cached_property
    def adds_space(self) -> bool:
        """Whether a space that is no byte of it stands before every document, as SentencePiece has it."""
        return self._has_pieces and self.names[encoding_of(self.tokenizer, "a")["input_ids"][0]].startswith(_META_SPACE)

    def encode(self, document: str) -> Encoded:
        """The tokens of a document. Raises ScoreError where they do not give the document back."""
        data = document.encode()
        encoding = encoding_of(self.tokenizer, document)
        ids = np.array(encoding["input_ids"], dtype=np.int64)
        spelled = [self._spellings[i] for i in ids]
        # spellings that join to the document prove byte-level tokens, whatever the tokenizer's class
        if b"".join(filter(None, spelled)) == data and None not in spelled:
            return Encoded(ids, np.cumsum([len(token) for token in spelled if token is not None], dtype=np.int64))
        self._check_decoded(document, ids)
        if (ends := self._piece_ends(document, ids)) is not None:
            return Encoded(ids, ends)
        if not self.tokenizer.is_fast:
            raise ScoreError(f"{type(self.tokenizer).__name__} does not say where its tokens end in the text")
        return Encoded(ids, byte_ends(document, encoding["offset_mapping"]))

    @cached_property
    def _has_pieces(self) -> bool:
        """Whether the vocabulary is SentencePiece's."""
        is_byte_level = UNPRINTABLE.keys() <= set(self.names)
        return not is_byte_level and any(name.startswith(_META_SPACE) for name in self.names)

    def _piece_ends(self, document: str, ids: Ints) -> NDArray[np.int64] | None:
        """Where SentencePiece's tokens end, those that are single bytes of a character, too; None for other tokens.

        Many tokenizers of this kind put a space before every document, which is no byte of it.
        """
        pieces, text = [_spell_piece(self.names[i]) for i in ids], document.encode()
        added = sum(map(len, pieces)) - len(text)
        if added > 1 or b"".join(pieces) != b" " * added + text:
            return None
        return np.maximum(np.cumsum([len(piece) for piece in pieces], dtype=np.int64) - added, 0)

    def _check_decoded(self, document: str, ids: Ints) -> None:
        name = type(self.tokenizer).__name__
        decoded = self.tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        if decoded != document:
            at = _first_difference(decoded, document)
            raise ScoreError(
                f"{name} gives {decoded[at : at + 20]!r} back where the document has {document[at : at + 20]!r}, at "
                f"character {at}; no model can be compared through a tokenizer that changes the text"
            )


def encoding_of(tokenizer: Any, document: str) -> Any:
    """What a transformers tokenizer makes of a document alone, with offsets where it is a fast one."""
    return tokenizer(
        document,
        add_special_tokens=False,
        split_special_tokens=True,  # "<|endoftext|>" or "[MASK]" in a text is text
        return_offsets_mapping=tokenizer.is_fast,
        verbose=False,
    )


def _text(name: str, spelling: bytes | None) -> str:
    try:
        return name if spelling is None else spelling.decode()
    except UnicodeDecodeError:
        return name


def _first_difference(one: str, other: str) -> int:
    pairs = zip(one, other, strict=False)
    return next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def _spell(name: str) -> bytes | None:
    """The bytes of a byte-level token; None where the name is not written in GPT-2's byte alphabet."""
    return bytes(map(UNPRINTABLE.__getitem__, name)) if all(map(UNPRINTABLE.__contains__, name)) else None


def _spell_piece(name: str) -> bytes:
    """The bytes of a SentencePiece token."""
    if byte := re.fullmatch(r"<0x([0-9A-F]{2})>", name):
        return bytes.fromhex(byte[1])
    return name.replace(_META_SPACE, " ").encode()


def byte_ends(document: str, offsets: Sequence[tuple[int, int]]) -> NDArray[np.int64]:
    """Byte ends of tokens whose (start, end) are in characters.

    Several tokens of one character all end with it. The last one ends the document, whatever its trimmed offset says.
    """
    before = np.cumsum([0, *(len(character.encode()) for character in document)])
    ends = before[np.maximum.accumulate([end for _, end in offsets])]
    ends[-1] = before[-1]
    return ends
