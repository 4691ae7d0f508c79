"""How a tokenizer writes bytes in the names of its tokens, read from its own components."""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lmbench.text.tokenizers import UNPRINTABLE

META_SPACE = "\u2581"  # SentencePiece's space
_BYTE_NAME = re.compile(r"<0x([0-9A-F]{2})>")  # SentencePiece's tokens of single bytes
_JOINED_MARKS = frozenset(".?!,")  # the marks before which WordPiece's decoder drops the space


class Notation(ABC):
    """A way to write bytes in the names of tokens."""

    @abstractmethod
    def spell(self, name: str) -> bytes | None:
        """Return the bytes that a token of the vocabulary adds to a text; None if its name is not in this notation."""

    def spell_added(self, name: str) -> bytes | None:
        """Return the bytes of a token that was added to the vocabulary."""
        return name.encode()


class ByteLevel(Notation):
    """GPT-2's: each byte is a printable character."""

    def spell(self, name: str) -> bytes | None:
        return bytes(map(UNPRINTABLE.__getitem__, name)) if all(map(UNPRINTABLE.__contains__, name)) else None


@dataclass(frozen=True, slots=True)
class Pieces(Notation):
    """SentencePiece's: U+2581 is a space.

    Attributes:
        names_bytes: Whether "<0x41>" is the byte. Otherwise, it is a text.
    """

    names_bytes: bool

    def spell(self, name: str) -> bytes | None:
        if self.names_bytes and (byte := _BYTE_NAME.fullmatch(name)):
            return bytes.fromhex(byte[1])
        return name.replace(META_SPACE, " ").encode()

    def spell_added(self, name: str) -> bytes | None:
        return self.spell(name)


@dataclass(frozen=True, slots=True)
class Words(Notation):
    """WordPiece's: a space precedes each token, except one that continues a word, which has a prefix such as "##".

    Attributes:
        prefix: The prefix.
        joins_marks: Whether no space precedes a full stop, a comma, and some other marks.
    """

    prefix: str
    joins_marks: bool

    def spell(self, name: str) -> bytes | None:
        if name.startswith(self.prefix) and name != self.prefix:
            return name.removeprefix(self.prefix).encode()
        return (name if self.joins_marks and name in _JOINED_MARKS else f" {name}").encode()


def find_notation(tokenizer: Any) -> Notation | None:
    """Return the notation of a transformers tokenizer; None if it is another one, so that spellings are uncertain.

    The pre-tokenizer, the normalizer and the decoder of a fast tokenizer decide, whatever tokens its vocabulary has or
    lacks. A slow tokenizer does not show its components, so its vocabulary decides.
    """
    if not tokenizer.is_fast:
        return _guess_notation(tokenizer.get_vocab())
    stored = json.loads(tokenizer.backend_tokenizer.to_str())
    parts = {part["type"]: part for key in ("decoder", "pre_tokenizer", "normalizer") for part in _parts(stored[key])}
    if "ByteLevel" in parts:
        return ByteLevel()
    if "Metaspace" in parts or any(map(_replaces_spaces, _parts(stored["decoder"]))):
        return Pieces(names_bytes="ByteFallback" in parts or bool(stored["model"].get("byte_fallback")))
    if "WordPiece" in parts:
        return Words(parts["WordPiece"]["prefix"], parts["WordPiece"]["cleanup"])
    return None


def _guess_notation(vocabulary: Mapping[str, int]) -> Notation | None:
    if vocabulary.keys() >= UNPRINTABLE.keys():
        return ByteLevel()
    if any(name.startswith(META_SPACE) for name in vocabulary):
        return Pieces(names_bytes="<0x00>" in vocabulary)
    return None


def _parts(component: Mapping[str, Any] | None) -> Iterator[Mapping[str, Any]]:
    """Yield a component of a tokenizer, or those that it is a sequence of."""
    if component is None:
        return
    nested = [part for key in ("pretokenizers", "decoders", "normalizers") for part in component.get(key, ())]
    for part in nested:
        yield from _parts(part)
    if not nested:
        yield component


def _replaces_spaces(part: Mapping[str, Any]) -> bool:
    return bool(part["type"] == "Replace" and part["pattern"].get("String") == META_SPACE)
