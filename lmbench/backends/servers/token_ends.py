"""Where the tokens that a server names end in a text, in bytes.

Servers name tokens in several ways. OpenAI writes the bytes of a part of a character as ``bytes:\\xe4``. vLLM decodes
each token alone, so that a part of a character becomes U+FFFD; or it gives the whole character to its last token, and
nothing to the others. Old versions give the names of the vocabulary: GPT-2's ``Ġthe``, SentencePiece's ``▁the`` and
``<0xE4>``. The character offsets that come with the names are not used, because they count these names. A reading
counts only if the names spell the text exactly.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from lmbench.arrays import Ints
from lmbench.text.tokenizers import UNPRINTABLE

Reading = Callable[[str, bytes, int], Iterator[int]]
"""``reading(name, text, at)`` yields how many bytes of the text, from byte `at` on, a token of this name may spell."""

_LONGEST_CHARACTER = 4  # bytes
_ESCAPE = re.compile(r"\\x([0-9a-f]{2})|([^\\]+|\\)")
_PIECE_BYTE = re.compile(r"<0x([0-9A-F]{2})>")
_META_SPACE = "\u2581"  # SentencePiece's space


def spell(names: Sequence[str | None], text: bytes) -> Ints | None:
    """Return the ends of the tokens that spell a text, in bytes.

    A token without text ends with the next one that has some. If the names of parts of characters do not tell
    in which byte a token ends, it ends with the character, or with the first one if several are possible.

    Args:
        names: The server's names of the tokens; None if it does not name one.
        text: Valid UTF-8.

    Returns:
        (tokens,) the ends of the tokens; None if they do not spell the text.
    """
    known = [name for name in names if name is not None]
    if len(known) < len(names):
        return None
    ends = _read_plainly(known, text)
    if ends is None:
        ends = next((found for reading in _READINGS if (found := _read(known, text, reading)) is not None), None)
    return None if ends is None else _move_empty(known, ends)


def _read_plainly(names: Sequence[str], text: bytes) -> Ints | None:
    """Return the ends of tokens whose names join to the text, as nearly all do; None for others."""
    joined = "".join(names)
    if "\ufffd" in joined or joined.encode(errors="surrogatepass") != text:
        return None
    return np.cumsum([len(name.encode()) for name in names])


def _read(names: Sequence[str], text: bytes, reading: Reading) -> Ints | None:
    """Return the ends of the tokens in one reading; None if they do not spell the text."""
    begins = [{0}]  # the bytes at which each token may begin
    for name in names:
        begins.append({at + length for at in begins[-1] for length in reading(name, text, at)})
    if len(text) not in begins[-1]:
        return None
    ends, possible = np.full(len(names), len(text)), {len(text)}
    for i in range(len(names) - 2, -1, -1):
        following = names[i + 1]
        possible = {at for at in begins[i + 1] if any(at + n in possible for n in reading(following, text, at))}
        end = min(possible) if len(possible) == 1 else _character_end(text, min(possible))
        ends[i] = min(end, ends[i + 1])
    return ends


def _move_empty(names: Sequence[str], ends: Ints) -> Ints:
    """Return the ends of tokens, in which those without a name end with the next token that has one."""
    for i in range(len(names) - 2, -1, -1):
        if not names[i]:
            ends[i] = ends[i + 1]
    return ends


def _character_end(text: bytes, at: int) -> int:
    """Return the first byte from `at` on with which a character begins, or the end of the text."""
    while at < len(text) and text[at] & 0xC0 == 0x80:
        at += 1
    return at


def _read_text(name: str, text: bytes, at: int) -> Iterator[int]:
    """Read a name as text, in which U+FFFD is a part of a character, or as OpenAI's bytes."""
    yield from _match(name.encode(errors="surrogatepass"), text, at)
    if name.startswith("bytes:"):
        parts = _ESCAPE.findall(name.removeprefix("bytes:"))
        yield from _match(b"".join(bytes.fromhex(byte) or other.encode() for byte, other in parts), text, at)
    if "\ufffd" in name:
        for length in range(1, _LONGEST_CHARACTER * len(name) + 1):
            found = text[at : at + length]
            if (
                len(found) == length
                and found != name.encode(errors="surrogatepass")
                and found.decode(errors="replace") == name
            ):
                yield length


def _read_byte_level(name: str, text: bytes, at: int) -> Iterator[int]:
    """Read a name in GPT-2's alphabet of bytes."""
    if name and all(map(UNPRINTABLE.__contains__, name)):
        yield from _match(bytes(map(UNPRINTABLE.__getitem__, name)), text, at)


def _read_piece(name: str, text: bytes, at: int) -> Iterator[int]:
    """Read a name of a SentencePiece vocabulary."""
    byte = _PIECE_BYTE.fullmatch(name)
    spelled = bytes.fromhex(byte[1]) if byte else name.replace(_META_SPACE, " ").encode(errors="surrogatepass")
    yield from _match(spelled, text, at)


def _match(spelled: bytes, text: bytes, at: int) -> Iterator[int]:
    if text.startswith(spelled, at):
        yield len(spelled)


_READINGS: tuple[Reading, ...] = (_read_text, _read_byte_level, _read_piece)
