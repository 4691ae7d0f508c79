"""Lossless tokenizers: they split text into tokens, and spell tokens as the bytes of the text again.

A token is a type of the vocabulary, written as a string; each token of a text is one event. A line end is always an
event of its own, ``"\\n"``, and no other event contains one. Only ``"\\n"`` ends a line: ``"\\r"`` and the line
separators of Unicode are characters of the line.
"""

from __future__ import annotations

import logging
import marshal
import re
import tempfile
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import regex

from lmbench.arrays import Ints
from lmbench.corpus import WORD_SEPARATORS
from lmbench.errors import SpecError, UnavailableError

if TYPE_CHECKING:
    import jieba

LINE_END = "\n"
_DEFAULT_BPE_SIZE = 4096


class Tokenizer(ABC):
    """Splits lines into tokens, and spells tokens as bytes.

    For every line, ``b"".join(t.spell(tokens)) == line.encode()`` if ``tokens = t.tokenize_lines([line])[0]``.
    """

    name: str

    def learn(self, lines: Iterable[str]) -> None:  # noqa: B027  (most tokenizers learn nothing)
        """Learn from the lines of the training split, if the tokenizer is a learned one."""

    def state(self) -> str:
        """Return what was learned, as text; "" if the tokenizer learns nothing."""
        return ""

    def restore(self, state: str) -> None:  # noqa: B027  (most tokenizers have nothing to restore)
        """Restore the tokenizer from its state.

        Raises:
            ValueError: The text is not a state of this tokenizer.
        """

    def tokenize(self, text: str) -> list[str]:
        """Return the tokens of a text, line ends included."""
        [tokens, *others] = self.tokenize_lines(text.split("\n"))
        for line in others:
            tokens.append(LINE_END)
            tokens += line
        return tokens

    def tokenize_with_ends(self, text: str) -> tuple[list[str], Ints]:
        """Return the tokens of a text, and the byte offsets at which their events end, (events,)."""
        tokens = self.tokenize(text)
        return tokens, _byte_offsets(text, np.cumsum(_lengths(tokens)))

    @abstractmethod
    def tokenize_lines(self, lines: Sequence[str]) -> list[list[str]]:
        """Return the tokens of each line. The lines come without their line ends."""

    @abstractmethod
    def spell(self, tokens: Sequence[str]) -> list[bytes]:
        """Return the bytes that each token adds to a line made of these tokens."""

    def letters(self, token: str) -> bytes:
        """Return the bytes by which a letter model spells this token if it is unknown."""
        return token.encode()

    def letter_prefixes(self, prefix: bytes, after_word: bool) -> list[bytes]:
        """Return how the letters of a token begin if the bytes that it adds to a line begin with `prefix`.

        Args:
            prefix: The first bytes of an event.
            after_word: Whether the event before is a word.
        """
        return [prefix]


class Words(Tokenizer):
    """White-space words, for text that is tokenized already.

    White space is what separates words for the classical programs, WORD_SEPARATORS. The token of a word is the word
    itself; the single space between two words belongs to the second. All other white space (two spaces, a tab, a space
    at the start or end of a line) is a token of its own.
    """

    name = "words"
    _runs = re.compile(f"[{WORD_SEPARATORS}]+|[^{WORD_SEPARATORS}]+")

    def tokenize(self, text: str) -> list[str]:
        return super().tokenize(text) if self._usual_ends(text) is None else self._split_usual(text)

    def tokenize_with_ends(self, text: str) -> tuple[list[str], Ints]:
        ends = self._usual_ends(text)
        if ends is not None:
            return self._split_usual(text), ends
        tokens = super().tokenize(text)
        is_word = ~np.fromiter(map(is_white, tokens), np.bool_, len(tokens))
        lengths = _lengths(tokens)
        lengths[1:] += is_word[1:] & is_word[:-1]
        return tokens, _byte_offsets(text, np.cumsum(lengths))

    def _usual_ends(self, text: str) -> Ints | None:
        """Return the byte offsets at which the events of a usual text end, (events,); None for any other text.

        The only white space of a usual text is line ends and single spaces between two words. It is split several times
        as fast as line by line.
        """
        data = np.frombuffer(f"\n{text}\n".encode(), dtype=np.uint8)
        line_ends, spaces = data == ord("\n"), data == ord(" ")
        white = line_ends | spaces
        if (spaces[1:-1] & (white[:-2] | white[2:])).any() or _has_tab_or_return(text):
            return None
        ends = white[1:] & ~white[:-1]  # the byte after a word is white space,
        ends[1:] |= line_ends[1:-1]  # and an event also ends after a line end
        return np.flatnonzero(ends)

    @staticmethod
    def _split_usual(text: str) -> list[str]:
        return list(filter(None, text.replace("\n", " \n ").split(" ")))

    def tokenize_lines(self, lines: Sequence[str]) -> list[list[str]]:
        return [self._tokenize_line(line) for line in lines]

    def _tokenize_line(self, line: str) -> list[str]:
        words = line.split(" ")
        if all(words) and not _has_tab_or_return(line):
            return words
        runs = self._runs.findall(line)
        last = len(runs) - 1
        return [run for i, run in enumerate(runs) if run != " " or i in (0, last)]

    def spell(self, tokens: Sequence[str]) -> list[bytes]:
        spelled = []
        after_word = False
        for token in tokens:
            is_word = not is_white(token)
            spelled.append((" " + token if is_word and after_word else token).encode())
            after_word = is_word
        return spelled

    def letter_prefixes(self, prefix: bytes, after_word: bool) -> list[bytes]:
        """After a word, a space either comes before the letters of the next word or begins a run of white space."""
        if not (after_word and prefix.startswith(b" ")):
            return [prefix]
        return [prefix[1:]] if prefix.strip(WORD_SEPARATORS.encode()) else [prefix[1:], prefix]


class Pieces(Tokenizer):
    """Runs of letters, of digits, of one punctuation mark, and of white space, for raw text.

    A single space belongs to the piece after it, which is a different token from the piece without the space. Every
    Han character is a piece of its own.
    """

    name = "pieces"
    pattern = regex.compile(
        r"\p{Han}| ?(?:(?!\p{Han})[\p{L}\p{M}])+| ?\p{N}+| ?([^\s\p{L}\p{M}\p{N}])\1*|[^\S\n]+(?= \S)|[^\S\n]+|\n"
    )

    def tokenize(self, text: str) -> list[str]:
        return [match.group() for match in self.pattern.finditer(text)]

    def tokenize_lines(self, lines: Sequence[str]) -> list[list[str]]:
        return [self.tokenize(line) for line in lines]

    def spell(self, tokens: Sequence[str]) -> list[bytes]:
        return [token.encode() for token in tokens]


class Jieba(Tokenizer):
    """Chinese words as the library jieba segments them, an optional dependency. White space is kept."""

    name = "jieba"

    def __init__(self) -> None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # jieba's source has invalid escapes, and it looks for setuptools
                import jieba
        except ImportError as error:
            raise UnavailableError(
                "tokenizer=jieba needs the package jieba: pip install 'lmbench-suite[jieba]'"
            ) from error
        jieba.setLogLevel(logging.WARNING)
        load_jieba_dictionary(jieba.dt)
        self._segment = jieba.lcut

    def tokenize_lines(self, lines: Sequence[str]) -> list[list[str]]:
        return [self._segment(line) for line in lines]

    def spell(self, tokens: Sequence[str]) -> list[bytes]:
        return [token.encode() for token in tokens]


def load_jieba_dictionary(segmenter: jieba.Tokenizer) -> None:
    """Load the dictionary of jieba, from its cache if there is one.

    Jieba itself reads its cache value by value, which takes three times as long.
    """
    if segmenter.initialized:
        return
    try:
        data = Path(tempfile.gettempdir(), "jieba.cache").read_bytes() if segmenter.dictionary is None else b""
        segmenter.FREQ, segmenter.total = marshal.loads(data)
        segmenter.initialized = True
    except (OSError, EOFError, TypeError, ValueError):
        segmenter.initialize()


class Bytes(Tokenizer):
    """Single bytes. The token of a byte is GPT-2's printable character for it."""

    name = "bytes"

    def tokenize(self, text: str) -> list[str]:
        return list(map(_BYTE_TOKENS.__getitem__, text.encode()))

    def tokenize_with_ends(self, text: str) -> tuple[list[str], Ints]:
        tokens = self.tokenize(text)
        return tokens, np.cumsum(_lengths(tokens))

    def tokenize_lines(self, lines: Sequence[str]) -> list[list[str]]:
        return [[PRINTABLE[byte] for byte in line.encode()] for line in lines]

    def spell(self, tokens: Sequence[str]) -> list[bytes]:
        return [self.letters(token) for token in tokens]

    def letters(self, token: str) -> bytes:
        return bytes(UNPRINTABLE[character] for character in token)


class Bpe(Bytes):
    """Byte-level byte-pair encoding, learned on the training split with Hugging Face's tokenizers.

    Args:
        size: The number of types: 256 bytes and size - 256 merges, or fewer if the text is too small.
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
        except Exception as error:  # the library raises nothing more specific
            raise ValueError(str(error)) from error

    def tokenize(self, text: str) -> list[str]:
        return Tokenizer.tokenize(self, text)

    def tokenize_lines(self, lines: Sequence[str]) -> list[list[str]]:
        return [encoding.tokens for encoding in self._tokenizer.encode_batch(list(lines))]


def _lengths(tokens: Sequence[str]) -> Ints:
    return np.fromiter(map(len, tokens), np.int64, len(tokens))


def _has_tab_or_return(text: str) -> bool:
    return "\t" in text or "\r" in text


def is_white(token: str) -> bool:
    """Return whether a token consists of characters that separate words."""
    return not token.strip(WORD_SEPARATORS)


def _byte_offsets(text: str, characters: Ints) -> Ints:
    """Convert offsets in characters to offsets in UTF-8 bytes."""
    if text.isascii():
        return characters
    data = np.frombuffer(text.encode(), dtype=np.uint8)
    starts = np.flatnonzero((data & 0xC0) != 0x80)  # the later bytes of a character begin with the bits 10
    return np.append(starts, len(data))[characters]


def _byte_alphabet() -> dict[int, str]:
    """Return GPT-2's bijection from bytes to printable characters (openai/gpt-2, src/encoder.py)."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {byte: chr(byte) for byte in printable} | {byte: chr(256 + i) for i, byte in enumerate(others)}


PRINTABLE = _byte_alphabet()
"""GPT-2's printable character for each byte."""

UNPRINTABLE = {character: byte for byte, character in PRINTABLE.items()}
"""The byte for each of these characters."""

_BYTE_TOKENS = [LINE_END if byte == ord(LINE_END) else PRINTABLE[byte] for byte in range(256)]


def make_tokenizer(spec: str) -> Tokenizer:
    """Return the tokenizer that `spec` names: ``words``, ``pieces``, ``jieba``, ``bytes``, ``bpe`` or ``bpe:N``.

    Raises:
        SpecError: The tokenizer does not exist.
        UnavailableError: jieba is not installed.
    """
    name, _, size = spec.partition(":")
    simple: dict[str, type[Tokenizer]] = {"words": Words, "pieces": Pieces, "jieba": Jieba, "bytes": Bytes}
    if name in simple and not size:
        return simple[name]()
    if name == "bpe" and (not size or (re.fullmatch(r"\d{3,6}", size) and int(size) >= 256)):
        return Bpe(int(size) if size else _DEFAULT_BPE_SIZE)
    raise SpecError(f"unknown tokenizer '{spec}' (known: words, pieces, jieba, bytes, bpe:N with N from 256 to 999999)")
