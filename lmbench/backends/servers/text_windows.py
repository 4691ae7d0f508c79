"""Windows over the bytes of a text: how a server, whose tokens nobody knows before it answers, scores a long document.

A window begins and ends at places that depend on the text before its end alone. Two neighbors overlap, and are joined
at the last byte before the seam at which a token ends in both. Each event is scored once, in the first window whose
seam it does not cross.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from lmbench.arrays import Floats, Ints
from lmbench.errors import ScoreError

_MARGIN = 64  # bytes before the end of a window whose tokens the cut may have changed, and in which words are sought
SHORTEST_OVERLAP = 128
"""Bytes before the seam that two windows share at least, so that their tokens meet."""


@dataclass(frozen=True, slots=True)
class TextWindow:
    """A part of a document that is sent at once.

    Attributes:
        start: The first byte that is read.
        stop: The byte after the last one that is read.
        seam: Events that end after this byte are scored in the next window.
    """

    start: int
    stop: int
    seam: int


@dataclass(frozen=True, slots=True)
class ScoredTokens:
    """The tokens of a window.

    Attributes:
        ends: (tokens,) the byte offsets in the document at which they end; they never fall.
        logprobs: (tokens,) nats. The first one is NaN unless the window begins the document.
    """

    ends: Ints
    logprobs: Floats


def largest_stride(context: int) -> int:
    """Return the largest stride with which windows overlap enough."""
    return context - 2 * _MARGIN - SHORTEST_OVERLAP


def text_windows(text: bytes, context: int, stride: int) -> Iterator[TextWindow]:
    """Yield the windows of a document of valid UTF-8, at most `context` bytes each.

    Args:
        text: The document.
        context: The length of a window.
        stride: The distance of two windows, at most `largest_stride`.
    """
    start, offset = 0, 0
    while text:
        stop, seam = _character_start(text, offset + context), offset + context - _MARGIN
        if seam >= len(text):
            yield TextWindow(start, len(text), len(text))
            return
        yield TextWindow(start, stop, seam)
        offset += stride
        start = _word_start(text, offset + _MARGIN)


def join_windows(windows: Sequence[TextWindow], scored: Sequence[ScoredTokens]) -> ScoredTokens:
    """Return the tokens of a document, each from the window that scores it.

    Raises:
        ScoreError: Two windows have no token's end in common before their seam.
    """
    borders = [-1]
    for window, one, other in zip(windows, scored, scored[1:], strict=False):
        common = np.intersect1d(one.ends, other.ends)
        common = common[(common <= window.seam) & (common >= max(int(other.ends[0]), borders[-1]))]
        if not len(common):
            raise ScoreError(
                f"the server splits the text before byte {window.seam} in another way in the next request, so that no "
                "token ends at the same place; give a longer context= or a shorter stride="
            )
        borders.append(int(common[-1]))
    borders.append(windows[-1].stop)
    parts = [
        slice(*np.searchsorted(tokens.ends, pair, side="right"))
        for tokens, pair in zip(scored, pairwise(borders), strict=True)
    ]
    return ScoredTokens(
        np.concatenate([tokens.ends[part] for tokens, part in zip(scored, parts, strict=True)]),
        np.concatenate([tokens.logprobs[part] for tokens, part in zip(scored, parts, strict=True)]),
    )


def _character_start(text: bytes, at: int) -> int:
    """Return the start of the character at a byte, or the end of the text."""
    if at >= len(text):
        return len(text)
    while text[at] & 0xC0 == 0x80:
        at -= 1
    return at


def _word_start(text: bytes, at: int) -> int:
    """Return the last space or line end up to a byte and near it, with which tokens tend to begin; or a character."""
    near = max(text.rfind(b" ", at - _MARGIN, at + 1), text.rfind(b"\n", at - _MARGIN, at + 1))
    return near if near >= 0 else _character_start(text, at)
