"""The lexicon of a file of n-grams: how a text becomes the words of the file, and how other words are spelled."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict

from lmbench.compression import open_regular
from lmbench.errors import SpecError, UnavailableError, reason
from lmbench.ngrams.arpa_writer import escape, is_word, unescape
from lmbench.text.lexicon import Lexicon
from lmbench.text.tokenizers import Tokenizer, make_tokenizer

_COMPRESSED = (".gz", ".bz2", ".xz", ".zst")


def lexicon_file(path: Path) -> Path:
    """Return the path of the file with an exported model's lexicon, next to its ARPA file, compressed or not."""
    return _beside(path, "lexicon.json")


def tokenizer_file(path: Path) -> Path:
    """Return the path of the file with what a tokenizer learned, next to the ARPA file of its types."""
    return _beside(path, "tokenizer.json")


class ExportedLexicon(BaseModel):
    """The lexicon of an exported model: all that its ARPA file does not hold. The words of that file are escaped.

    Attributes:
        tokenizer: Name of the tokenizer. If it has learned anything, that is in `tokenizer_file`.
        spelled: The words that the letter model learned from.
        words_sha256: The hash of the words of the ARPA file, in any order.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    tokenizer: str
    spelled: tuple[str, ...]
    words_sha256: str

    @classmethod
    def of(cls, lexicon: Lexicon, words: Iterable[str]) -> Self:
        """Return what has to be written for a model with this lexicon, whose ARPA file has these words."""
        return cls(tokenizer=lexicon.tokenizer.name, spelled=lexicon.stored().spelled, words_sha256=_hash_words(words))

    def write(self, path: Path, tokenizer: Tokenizer) -> None:
        """Write it next to an ARPA file, and what the tokenizer learned."""
        lexicon_file(path).write_text(self.model_dump_json(), encoding="utf-8")
        if learned := tokenizer.state():
            tokenizer_file(path).write_text(learned, encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """Read what `write` wrote next to an ARPA file; None if there is nothing.

        Raises:
            UnavailableError: It is damaged.
        """
        place = lexicon_file(path)
        if not place.is_file():
            return None
        try:
            with open_regular(place) as file:
                return cls.model_validate_json(file.read())
        except (OSError, ValueError) as error:
            raise UnavailableError(
                f"'{place}' is not a lexicon that `lmbench export` wrote: {reason(error)}"
            ) from error


@dataclass(frozen=True, slots=True)
class ArpaLexicon:
    """How a document becomes words of a file, and what others cost.

    Attributes:
        tokenizer: Cuts documents into types.
        escaped: Whether the file's words are types that `lmbench export` escaped.
        spelled: The words that the letter model learned from; none for a model that was estimated elsewhere.
        words_sha256: The hash of the file's words; None for a model that was estimated elsewhere.
    """

    tokenizer: Tokenizer
    escaped: bool
    spelled: tuple[str, ...] = ()
    words_sha256: str | None = None

    @classmethod
    def find(cls, path: Path, tokenizer: str, escaped: bool) -> Self:
        """Return the lexicon of a file: that of the exported model, if it lies next to the file.

        Args:
            path: The file.
            tokenizer: Name of the tokenizer; auto: that of the exported model, else ``words``.
            escaped: Whether the words are escaped; those of an exported model always are.

        Raises:
            SpecError: The exported model has another tokenizer.
            UnavailableError: A file is missing or damaged.
        """
        exported = ExportedLexicon.read(path)
        if exported is None:
            return cls(_make_tokenizer("words" if tokenizer == "auto" else tokenizer, path), escaped)
        if tokenizer not in ("auto", exported.tokenizer.partition(":")[0]):
            raise SpecError(
                f"'{path}' was exported with tokenizer={exported.tokenizer}; leave out tokenizer={tokenizer}, or "
                f"remove '{lexicon_file(path)}'"
            )
        return cls(_make_tokenizer(exported.tokenizer, path), True, exported.spelled, exported.words_sha256)

    @property
    def is_exported(self) -> bool:
        """Whether the file is an exported model with its lexicon."""
        return self.words_sha256 is not None

    def make(self, types: Iterable[str]) -> Lexicon:
        """Return a lexicon of these types."""
        return Lexicon(self.tokenizer, list(types), self.spelled, min_count=1)

    def types(self, words: Iterable[str]) -> list[str]:
        """Return the type of each word of the file.

        Raises:
            UnavailableError: Two words are the same type.
        """
        types = list(map(unescape, words)) if self.escaped else list(words)
        if len(set(types)) < len(types):
            raise UnavailableError(
                "two words of the file unescape to the same text, so `lmbench export` did not write it; "
                "leave out escaped=true"
            )
        return types

    def word(self, kind: str) -> str:
        """Return the word of the file that a type is."""
        return escape(kind) if self.escaped else kind

    def may_have(self, kind: str) -> bool:
        """Return whether a file can hold this type as a word."""
        return self.escaped or is_word(kind)

    def require_words(self, path: Path, words: Iterable[str]) -> None:
        """Check that the file has the words of the model that was exported.

        Raises:
            UnavailableError: It does not, so the lexicon belongs to another file.
        """
        if self.words_sha256 not in (None, _hash_words(words)):
            raise UnavailableError(
                f"'{lexicon_file(path)}' belongs to a file with other words than '{path}'; remove it if the n-grams "
                "were estimated elsewhere"
            )


def _hash_words(words: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(sorted(words)).encode(errors="surrogatepass")).hexdigest()


def _beside(path: Path, ending: str) -> Path:
    name = path.stem if path.suffix in _COMPRESSED else path.name
    return path.with_name(f"{name}.{ending}")


def _make_tokenizer(name: str, path: Path) -> Tokenizer:
    """Return a tokenizer, with what it learned from the file next to the ARPA file."""
    try:
        tokenizer = make_tokenizer(name)
    except SpecError as error:
        raise UnavailableError(f"'{lexicon_file(path)}' names the tokenizer '{name}': {error}") from error
    if name.partition(":")[0] != "bpe":
        return tokenizer
    learned = tokenizer_file(path)
    if not learned.is_file():
        raise UnavailableError(f"'{learned}' does not exist")
    try:
        tokenizer.restore(learned.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UnavailableError(f"'{learned}' is not a tokenizer that `lmbench export` wrote: {error}") from error
    return tokenizer
