"""Lossless tokenizers: a document becomes lines, a line becomes event types, and types spell the line again.

A line end is always one event of its own, the type ``"\\n"``; no other event contains one. Only ``"\\n"`` ends a
line: ``"\\r"`` and Unicode's separators are characters of the line.
"""

from __future__ import annotations

import logging
import re
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence

import numpy as np
import regex
from numpy.typing import NDArray

from lmbench.errors import SpecError, UnavailableError

LINE_END = "\n"
_DEFAULT_BPE_SIZE = 4096


class Tokenizer(ABC):
    """Splits lines into event types and spells types as bytes.

    For every line, ``b"".join(t.spell(types)) == line.encode()`` where ``types = t.types([line])[0]``.
    """

    name: str

    def learn(self, lines: Iterable[str]) -> None:  # noqa: B027  (most tokenizers learn nothing)
        """Learn from the training split's lines, where the tokenizer is a learned one."""

    def state(self) -> str:
        """What was learned, as text; empty where nothing is."""
        return ""

    def restore(self, state: str) -> None:  # noqa: B027  (most tokenizers have nothing to restore)
        """Be as the tokenizer was that gave this state. Raises ValueError for what is no state."""

    def events(self, text: str) -> list[str]:
        """The event types of a text, its line ends among them."""
        [first, *others] = self.types(text.split("\n"))
        for types in others:
            first.append(LINE_END)
            first += types
        return first

    def cut(self, text: str) -> tuple[list[str], NDArray[np.int64]]:
        """The event types of a text, and the byte offsets at which they end, (events,)."""
        events = self.events(text)
        return events, _in_bytes(text, np.cumsum(_lengths(events)))

    @abstractmethod
    def types(self, lines: Sequence[str]) -> list[list[str]]:
        """The event types of each line; the lines do not hold their line ends."""

    @abstractmethod
    def spell(self, types: Sequence[str]) -> list[bytes]:
        """The bytes that each type adds when a line is made of these types."""

    def letters(self, kind: str) -> bytes:
        """The bytes by which a letter model spells this type when it is unknown."""
        return kind.encode()

    def beginnings(self, start: bytes, after_word: bool) -> list[bytes]:
        """How the letters of a type may begin, so that the bytes that it adds to a line begin with `start`."""
        return [start]

    def split(self, document: str) -> list[bytes]:
        """The bytes of each event of a document; joined, they are the document."""
        events: list[bytes] = []
        lines = document.split("\n")
        for number, types in enumerate(self.types(lines)):
            events += self.spell(types)
            if number < len(lines) - 1:
                events.append(b"\n")
        return events


class Words(Tokenizer):
    """White-space words, for text that is tokenized already.

    A word's type is the word itself; the one space between two words belongs to the second. White space that is
    anything else (two spaces, a tab, a space that starts or ends the line) is a type of its own.
    """

    name = "words"
    _space = re.compile(r"\s")
    _runs = re.compile(r"\s+|\S+")
    _unusual = tuple(chr(code) for code in range(0x3001) if chr(code).isspace() and chr(code) not in " \n")

    def events(self, text: str) -> list[str]:
        return self._cut(text)[0]

    def cut(self, text: str) -> tuple[list[str], NDArray[np.int64]]:
        events, ends = self._cut(text)
        if ends is not None:
            return events, ends
        is_word = ~np.fromiter(map(str.isspace, events), np.bool_, len(events))
        lengths = _lengths(events)
        lengths[1:] += is_word[1:] & is_word[:-1]
        return events, _in_bytes(text, np.cumsum(lengths))

    def _cut(self, text: str) -> tuple[list[str], NDArray[np.int64] | None]:
        """The event types, and where they end: several times as fast, and not line by line, where the text is usual.

        Its white space is line ends and single spaces between two words then.
        """
        data = np.frombuffer(f"\n{text}\n".encode(), dtype=np.uint8)
        line_ends, spaces = data == ord("\n"), data == ord(" ")
        white = line_ends | spaces
        if (spaces[1:-1] & (white[:-2] | white[2:])).any() or any(white in text for white in self._unusual):
            return super().events(text), None
        ends = white[1:] & ~white[:-1]  # white space stands where a word has ended, and
        ends[1:] |= line_ends[1:-1]  # a line end before where it has
        return list(filter(None, text.replace("\n", " \n ").split(" "))), np.flatnonzero(ends)

    def types(self, lines: Sequence[str]) -> list[list[str]]:
        return [self._line(line) for line in lines]

    def _line(self, line: str) -> list[str]:
        types = line.split(" ")
        if all(types) and not any(map(self._space.search, types)):
            return types
        runs = self._runs.findall(line)
        last = len(runs) - 1
        return [run for i, run in enumerate(runs) if run != " " or i in (0, last)]

    def spell(self, types: Sequence[str]) -> list[bytes]:
        spelled = []
        after_word = False
        for kind in types:
            is_word = not kind.isspace()
            spelled.append((" " + kind if is_word and after_word else kind).encode())
            after_word = is_word
        return spelled

    def beginnings(self, start: bytes, after_word: bool) -> list[bytes]:
        """After a word, a space is no letter of the next one; or it begins a run of white space."""
        if not (after_word and start.startswith(b" ")):
            return [start]
        return [start[1:], start] if start.isspace() else [start[1:]]


class Pieces(Tokenizer):
    """Runs of letters, of digits, of one punctuation mark, and of white space, for raw text.

    A single space belongs to the piece after it, which is another type than the piece without it; every Han
    character is a piece of its own.
    """

    name = "pieces"
    pattern = regex.compile(
        r"\p{Han}| ?(?:(?!\p{Han})[\p{L}\p{M}])+| ?\p{N}+| ?([^\s\p{L}\p{M}\p{N}])\1*|[^\S\n]+(?= \S)|[^\S\n]+|\n"
    )

    def events(self, text: str) -> list[str]:
        return [match.group() for match in self.pattern.finditer(text)]

    def types(self, lines: Sequence[str]) -> list[list[str]]:
        return [self.events(line) for line in lines]

    def spell(self, types: Sequence[str]) -> list[bytes]:
        return [kind.encode() for kind in types]


class Jieba(Tokenizer):
    """Chinese words, as the library jieba segments them (its extra must be installed); white space is kept."""

    name = "jieba"

    def __init__(self) -> None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # its source has invalid escapes, and it looks for setuptools
                import jieba
        except ImportError as error:
            raise UnavailableError(
                "tokenizer=jieba needs the package jieba: pip install 'lmbench-suite[jieba]'"
            ) from error
        jieba.setLogLevel(logging.WARNING)
        jieba.initialize()
        self._segment = jieba.lcut

    def types(self, lines: Sequence[str]) -> list[list[str]]:
        return [self._segment(line) for line in lines]

    def spell(self, types: Sequence[str]) -> list[bytes]:
        return [kind.encode() for kind in types]


class Bytes(Tokenizer):
    """One event a byte. A type is GPT-2's printable character for the byte."""

    name = "bytes"

    def events(self, text: str) -> list[str]:
        return list(map(_EVENTS.__getitem__, text.encode()))

    def cut(self, text: str) -> tuple[list[str], NDArray[np.int64]]:
        events = self.events(text)
        return events, np.cumsum(_lengths(events))

    def types(self, lines: Sequence[str]) -> list[list[str]]:
        return [[PRINTABLE[byte] for byte in line.encode()] for line in lines]

    def spell(self, types: Sequence[str]) -> list[bytes]:
        return [self.letters(kind) for kind in types]

    def letters(self, kind: str) -> bytes:
        return bytes(UNPRINTABLE[character] for character in kind)


class Bpe(Bytes):
    """Byte-level byte-pair encoding, learned on the training split with Hugging Face's tokenizers.

    Args: size, number of types (256 bytes and size - 256 merges, fewer where the text has not as many).
    """

    def __init__(self, size: int = _DEFAULT_BPE_SIZE) -> None:
        from tokenizers import Tokenizer as HuggingFaceTokenizer
        from tokenizers.models import BPE
        from tokenizers.pre_tokenizers import ByteLevel

        self.name = f"bpe:{size}"
        self._size = size
        self._tokenizer = HuggingFaceTokenizer(BPE())
        self._tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)

    def learn(self, lines: Iterable[str]) -> None:
        from tokenizers.pre_tokenizers import ByteLevel
        from tokenizers.trainers import BpeTrainer

        trainer = BpeTrainer(
            vocab_size=self._size,
            initial_alphabet=ByteLevel.alphabet(),
            special_tokens=[],
            show_progress=False,
        )
        self._tokenizer.train_from_iterator(lines, trainer)

    def state(self) -> str:
        return self._tokenizer.to_str()

    def restore(self, state: str) -> None:
        try:
            self._tokenizer = type(self._tokenizer).from_str(state)
        except Exception as error:  # the library raises nothing more particular
            raise ValueError(str(error)) from error

    def events(self, text: str) -> list[str]:
        return Tokenizer.events(self, text)

    def types(self, lines: Sequence[str]) -> list[list[str]]:
        return [encoding.tokens for encoding in self._tokenizer.encode_batch(list(lines))]


def _lengths(events: Sequence[str]) -> NDArray[np.int64]:
    return np.fromiter(map(len, events), np.int64, len(events))


def _in_bytes(text: str, characters: NDArray[np.int64]) -> NDArray[np.int64]:
    """The UTF-8 byte offsets at which so many characters of a text end."""
    if text.isascii():
        return characters
    data = np.frombuffer(text.encode(), dtype=np.uint8)
    begins = np.flatnonzero((data & 0xC0) != 0x80)  # all bytes within a character begin with the bits 10
    return np.append(begins, len(data))[characters]


def _byte_alphabet() -> dict[int, str]:
    """GPT-2's bijection from bytes to printable characters (openai/gpt-2, src/encoder.py)."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {byte: chr(byte) for byte in printable} | {byte: chr(256 + i) for i, byte in enumerate(others)}


PRINTABLE = _byte_alphabet()
_EVENTS = [LINE_END if byte == ord(LINE_END) else PRINTABLE[byte] for byte in range(256)]
UNPRINTABLE = {character: byte for byte, character in PRINTABLE.items()}


def make_tokenizer(spec: str) -> Tokenizer:
    """The tokenizer that `spec` names: ``words``, ``pieces``, ``jieba``, ``bytes``, ``bpe`` or ``bpe:N``.

    Raises SpecError, and UnavailableError where jieba is not installed.
    """
    name, _, size = spec.partition(":")
    simple: dict[str, type[Tokenizer]] = {"words": Words, "pieces": Pieces, "jieba": Jieba, "bytes": Bytes}
    if name in simple and not size:
        return simple[name]()
    if name == "bpe" and (not size or (re.fullmatch(r"\d{3,6}", size) and int(size) >= 256)):
        return Bpe(int(size) if size else _DEFAULT_BPE_SIZE)
    raise SpecError(f"unknown tokenizer '{spec}' (known: words, pieces, jieba, bytes, bpe:N with N from 256 to 999999)")
