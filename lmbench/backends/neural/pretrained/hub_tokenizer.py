"""Tokenizers of Hugging Face's transformers, with proof for each document that its tokens spell it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from lmbench.arrays import Ints
from lmbench.errors import ScoreError
from lmbench.printable import printable
from lmbench.text.tokenizers import UNPRINTABLE

_META_SPACE = "\u2581"  # SentencePiece's space
_BYTE_NAME = re.compile(r"<0x([0-9A-F]{2})>")  # SentencePiece's tokens of single bytes
_BYTE_NAMES = frozenset(f"<0x{byte:02X}>" for byte in range(256))


@dataclass(frozen=True, slots=True)
class TokenizedText:
    """A document as tokens.

    Attributes:
        ids: (events,) the tokens.
        ends: (events,) the byte offsets at which they end.
    """

    ids: Ints
    ends: Ints


class HubTokenizer:
    """A transformers tokenizer that refuses a document if its tokens do not spell it.

    Attributes:
        tokenizer: The tokenizer of the library.
        names: The tokenizer's own name of each token, by id; ``<17>`` if it does not name the id 17.
    """

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        ids: dict[str, int] = tokenizer.get_vocab()
        self.names = [f"<{i}>" for i in range(1 + max(ids.values()))]
        for name, i in ids.items():
            self.names[i] = name
        added = tokenizer.get_added_vocab()
        self._spellings = [name.encode() if name in added else _spell_byte_level(name) for name in self.names]
        if ids.keys() >= _BYTE_NAMES:
            for name in _BYTE_NAMES:  # "<0x41>" is the byte, never a text that reads "<0x41>"
                self._spellings[ids[name]] = None

    @cached_property
    def texts(self) -> list[str]:
        """The text of each token, or its name if the text is uncertain or ends inside a character."""
        spellings = map(_spell_piece, self.names) if self._is_sentencepiece else self._spellings
        return [_decode(spelling) or name for name, spelling in zip(self.names, spellings, strict=True)]

    @cached_property
    def event_spellings(self) -> list[bytes | None]:
        """The bytes that each token adds to a text; None for special tokens.

        Empty if the vocabulary is of another kind than byte-level or SentencePiece, so that the bytes are uncertain.
        """
        if self._is_byte_level:
            spellings = self._spellings
        elif self._is_sentencepiece:
            spellings = [_spell_piece(name) for name in self.names]
        else:
            return []
        special = set(self.tokenizer.all_special_ids)
        return [None if i in special else spelling for i, spelling in enumerate(spellings)]

    @cached_property
    def adds_space(self) -> bool:
        """Whether the tokenizer puts a space, which is not part of the document, before it.

        SentencePiece's tokenizers often do, and byte-level ones with add_prefix_space, as RoBERTa's and BART's.
        """
        first = tokenize(self.tokenizer, "a")["input_ids"][:1]
        if self._is_sentencepiece:
            return any(self.names[i].startswith(_META_SPACE) for i in first)
        return any((self._spellings[i] or b"").startswith(b" ") for i in first)

    def encode(self, document: str) -> TokenizedText:
        """Return the tokens of a document.

        Raises:
            ScoreError: They do not spell the document, or the tokenizer does not report their ends.
        """
        encoding = tokenize(self.tokenizer, self._with_own_space(document))
        ids = np.array(encoding["input_ids"], dtype=np.int64)
        if (ends := self._byte_level_ends(document, ids)) is not None:
            return TokenizedText(ids, ends)
        self._check_decoded(document, ids)
        if (ends := self._piece_ends(document, ids)) is not None:
            return TokenizedText(ids, ends)
        if not self.tokenizer.is_fast:
            raise ScoreError(
                f"{type(self.tokenizer).__name__} does not report the ends of its tokens; use a fast tokenizer"
            )
        return TokenizedText(ids, byte_ends(document, encoding["offset_mapping"]))

    @cached_property
    def _is_byte_level(self) -> bool:
        return UNPRINTABLE.keys() <= set(self.names)

    @cached_property
    def _is_sentencepiece(self) -> bool:
        return not self._is_byte_level and any(name.startswith(_META_SPACE) for name in self.names)

    def _with_own_space(self, document: str) -> str:
        """Return a document with another space if it begins with one and a byte-level tokenizer would not add its own.

        Otherwise, it would have the tokens of the document without the space.
        """
        doubles = document.startswith(" ") and not self._is_sentencepiece and self.adds_space
        return f" {document}" if doubles else document

    def _byte_level_ends(self, document: str, ids: Ints) -> Ints | None:
        """Return the ends of tokens whose spellings join to the document; None for other tokens.

        This proves that they are byte-level, whatever the tokenizer's class. A space before the document may be added.
        """
        spellings = [spelling for i in ids if (spelling := self._spellings[i]) is not None]
        if len(spellings) < len(ids):
            return None
        joined, text = b"".join(spellings), document.encode()
        if joined != text and not (self.adds_space and joined == b" " + text):
            return None
        return _ends_of(spellings, len(joined) - len(text))

    def _piece_ends(self, document: str, ids: Ints) -> Ints | None:
        """Return the ends of SentencePiece's tokens, which may be single bytes of a character; None for other tokens.

        Many tokenizers of this kind put a space before every document, which is not part of it.
        """
        pieces, text = [_spell_piece(self.names[i]) for i in ids], document.encode()
        added = sum(map(len, pieces)) - len(text)
        if added > 1 or b"".join(pieces) != b" " * added + text:
            return None
        return _ends_of(pieces, added)

    def _check_decoded(self, document: str, ids: Ints) -> None:
        """Check that the tokenizer decodes the ids to the document. Otherwise, two texts would share a probability."""
        decoded = self.tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        if decoded != document:
            at = _first_difference(decoded, document)
            raise ScoreError(
                f"{type(self.tokenizer).__name__} changes {document[at : at + 20]!r} to {decoded[at : at + 20]!r} at "
                f"character {at}; use a tokenizer that preserves the text, so that models can be compared"
            )


def tokenize(tokenizer: Any, document: str) -> Any:
    """Return a transformers tokenizer's encoding of a document, with offsets if it is a fast one.

    Special tokens are not added, and those in the document ("<|endoftext|>", "[MASK]") are read as text.

    Raises:
        ScoreError: The tokenizer fails.
    """
    try:
        return tokenizer(
            document,
            add_special_tokens=False,
            split_special_tokens=True,
            return_offsets_mapping=tokenizer.is_fast,
            verbose=False,
        )
    except Exception as error:
        if type(error) is not Exception:  # tokenizers raises it, for example for a letter that it does not know
            raise
        raise ScoreError(f"{type(tokenizer).__name__} cannot read a document: {printable(str(error))}") from error


def byte_ends(document: str, offsets: Sequence[tuple[int, int]]) -> Ints:
    """Return the byte offsets at which tokens end, given their (start, end) in characters.

    Several tokens of one character all end with it. The last one ends the document, whatever its trimmed offset says.
    """
    before = np.cumsum([0, *(len(character.encode()) for character in document)])
    ends = before[np.maximum.accumulate([end for _, end in offsets])]
    ends[-1] = before[-1]
    return ends


def _spell_byte_level(name: str) -> bytes | None:
    """Return the bytes of a byte-level token; None if its name is not written in GPT-2's byte alphabet."""
    return bytes(map(UNPRINTABLE.__getitem__, name)) if all(map(UNPRINTABLE.__contains__, name)) else None


def _spell_piece(name: str) -> bytes:
    """Return the bytes of a SentencePiece token."""
    if byte := _BYTE_NAME.fullmatch(name):
        return bytes.fromhex(byte[1])
    return name.replace(_META_SPACE, " ").encode()


def _ends_of(spellings: Sequence[bytes], added: int) -> Ints:
    """Return the ends of tokens in a document before which some bytes, which the first tokens spell, are added."""
    return np.maximum(np.cumsum([len(spelling) for spelling in spellings], dtype=np.int64) - added, 0)


def _decode(spelling: bytes | None) -> str | None:
    try:
        return None if spelling is None else spelling.decode()
    except UnicodeDecodeError:
        return None


def _first_difference(one: str, other: str) -> int:
    pairs = zip(one, other, strict=False)
    return next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
