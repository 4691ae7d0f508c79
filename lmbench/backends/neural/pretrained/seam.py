"""How a tokenizer spells the end of a text, depending on what follows it.

A tokenizer often spells the last bytes of a text in another way if more text follows: "The c" ends with the token " c",
but "The cat" contains " cat". The token sequences with which any longer text begins are the covers of a text. They
share all tokens but the last few: up to there, nothing that follows changes the tokens.

The covers are found by trial. Each token that begins with the last bytes of the text, and is longer, says how the text
may continue. The tokenizer splits the text with each of these endings. No token sequence that it would never produce
counts, such as a word in letters.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

from lmbench.backends.neural.pretrained.hub_tokenizer import HubTokenizer

_FOLLOWERS = (
    "",
    "a",
    "A",
    "1",
    ".",
    "'s",
    "_",
    " a",
    " 1",
    " .",
    "  a",
    "\n",
    "\na",
    "\n\n",
    "\r\n",
    "\t",
    "é",
    "我",
    "。",
    "\u0301",
)
"""What may follow a text: one of each kind of character that tokenizers tell apart."""

_CHARACTERS = 32  # of the end of a text that are split again and again; more if the tokens are not those of the text
_MARGIN = 3  # tokens before the seam that must be those of the whole text
_CONTINUATION_BYTES = [bytes((byte,)) for byte in range(0x80, 0xC0)]


@dataclass(frozen=True, slots=True)
class Cover:
    """Tokens that spell the end of a text and maybe the beginning of what follows.

    Attributes:
        ids: The tokens after those that all covers share.
        beyond: The bytes that the last one adds after the text; empty if it ends with the text.
    """

    ids: tuple[int, ...]
    beyond: bytes


_NOTHING = (Cover((), b""),)  # the only way to spell nothing


@dataclass(frozen=True, slots=True)
class Seam:
    """The end of a text, before anything follows it.

    Attributes:
        stable: The number of the text's tokens that nothing which follows changes.
        covers: The ways to spell the rest of the text; the first one is the text's own.
    """

    stable: int
    covers: tuple[Cover, ...]

    @classmethod
    def join(cls, covers: Iterable[Cover]) -> Self:
        """Return a seam of covers of a whole text, each of them once."""
        distinct = tuple(dict.fromkeys(covers))
        shared = [cover.ids[: len(cover.ids) - bool(cover.beyond)] for cover in distinct]
        stable = _count_shared(min(shared), max(shared))
        return cls(stable, tuple(Cover(cover.ids[stable:], cover.beyond) for cover in distinct))

    def including(self, cover: Cover, ids: Sequence[int]) -> Seam:
        """Return this seam with one more cover of the whole text, whose own tokens are `ids`, if it lacks it."""
        covers = [Cover((*ids[: self.stable], *known.ids), known.beyond) for known in self.covers]
        return self if cover in covers else Seam.join((*covers, cover))


class SeamFinder:
    """Finds the covers of texts.

    Attributes:
        tokenizer: The tokenizer, which says how its tokens are spelled.
    """

    def __init__(self, tokenizer: HubTokenizer) -> None:
        self.tokenizer = tokenizer

    def find(self, text: str) -> Seam:
        """Find the covers of a text whose tokens have spellings.

        Only the end of the text is split again and again, if its last tokens are then those of the whole text.

        Raises:
            ScoreError: The tokens do not spell the text.
        """
        whole, characters = self.tokenizer.encode(text).ids.tolist(), _CHARACTERS
        while characters < len(text):
            ids, seam = self._try_endings(text[-characters:], b"")
            changing = len(ids) - seam.stable + _MARGIN
            if changing <= len(ids) and ids[-changing:] == whole[-changing:]:
                return Seam(len(whole) - len(ids) + seam.stable, seam.covers)
            characters *= 4
        ids, seam = self._try_endings(text, b" " if self.tokenizer.adds_space else b"")
        return seam if ids else Seam(len(whole), _NOTHING)

    def cover_of(self, text: str, ids: Sequence[int]) -> Cover:
        """Return the cover of a text with which the tokens of a longer text begin."""
        size, start = len(text.encode()), -int(self.tokenizer.adds_space)
        for number, token in enumerate(ids):
            spelling = self.tokenizer.spellings[token] or b""
            if start < size < start + len(spelling):
                return Cover(tuple(ids[: number + 1]), spelling[size - start :])
            if start == size:
                return Cover(tuple(ids[:number]), b"")
            start += len(spelling)
        return Cover(tuple(ids), b"")

    def _try_endings(self, text: str, before: bytes) -> tuple[list[int], Seam]:
        """Return the tokens of a text, and its covers; no tokens if their spellings do not spell it.

        Many tokenizers do not spell a part of a text that begins with a space, because they would add one before it.

        Args:
            text: The text.
            before: What the tokenizer adds before the text.
        """
        endings = {ending for beyond in self._list_beyond(before + text.encode()) for ending in _complete(beyond)}
        trials = [text + ending for ending in dict.fromkeys((*_FOLLOWERS, *sorted(endings)))]
        own, *others = self.tokenizer.split(trials)
        if own is None:
            return [], Seam(0, _NOTHING)
        return own, Seam.join(self.cover_of(text, ids) for ids in (own, *others) if ids is not None)

    def _list_beyond(self, data: bytes) -> set[bytes]:
        """Return what tokens add after a text if they begin with its last bytes, any number of them."""
        found: set[bytes] = set()
        for start in range(max(0, len(data) - self._longest), len(data)):
            tail = data[start:]
            found.update(spelling[len(tail) :] for spelling in self._extend(tail))
        return found

    def _extend(self, tail: bytes) -> Sequence[bytes]:
        """Return the spellings that begin with these bytes and are longer."""
        first = bisect_left(self._sorted, tail + b"\x00")
        return self._sorted[first : bisect_left(self._sorted, tail + b"\xff", first)]

    @cached_property
    def _sorted(self) -> list[bytes]:
        return sorted({spelling for spelling in self.tokenizer.event_spellings if spelling})

    @cached_property
    def _longest(self) -> int:
        return max(map(len, self._sorted), default=0)


def _count_shared(first: Sequence[int], second: Sequence[int]) -> int:
    """Return how many ids two sequences share at their beginnings."""
    pairs = zip(first, second, strict=False)
    return next((i for i, (one, other) in enumerate(pairs) if one != other), min(len(first), len(second)))


def _complete(beyond: bytes) -> Iterator[str]:
    """Yield texts that begin with these bytes, and complete the last character if it is cut.

    A tokenizer reads characters, and whether it produces a token that ends inside of one may depend on the rest of it.
    """
    for missing in range(4):
        texts = [text for rest in _rests(missing) if (text := _decode(beyond + rest)) is not None]
        yield from texts
        if texts:
            return


def _rests(missing: int) -> Iterator[bytes]:
    """Yield the last bytes of a character: all single ones, and some of each beginning if there are more."""
    if missing == 0:
        yield b""
        return
    for byte in _CONTINUATION_BYTES:
        yield from (byte + rest * (missing - 1) for rest in (_CONTINUATION_BYTES[::21] if missing > 1 else [b""]))


def _decode(data: bytes) -> str | None:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None
