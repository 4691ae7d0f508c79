"""Tokenizers of Hugging Face's transformers, with proof for each document that its tokens spell it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from lmbench.arrays import Ints
from lmbench.backends.neural.pretrained.token_notation import ByteLevel, Words, find_notation
from lmbench.errors import ScoreError
from lmbench.printable import printable


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
        spellings: The bytes that each token adds to a text; None if they are uncertain.
    """

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        ids: dict[str, int] = tokenizer.get_vocab()
        self.names = [f"<{i}>" for i in range(1 + max(ids.values()))]
        self.spellings: list[bytes | None] = [None] * len(self.names)
        self._notation, added = find_notation(tokenizer), tokenizer.get_added_vocab()
        for name, i in ids.items():
            self.names[i] = name
            if self._notation is not None:
                self.spellings[i] = (self._notation.spell_added if name in added else self._notation.spell)(name)

    @cached_property
    def texts(self) -> list[str]:
        """The text of each token, or its name if the text is uncertain or ends inside a character."""
        return [_decode(spelling) or name for name, spelling in zip(self.names, self.spellings, strict=True)]

    @cached_property
    def event_spellings(self) -> list[bytes | None]:
        """The bytes that each token adds to a text; None for special tokens.

        Empty if the tokenizer writes bytes in an unknown notation, so that all of them are uncertain.
        """
        if self._notation is None:
            return []
        special = set(self.tokenizer.all_special_ids)
        special |= {i for i, token in self.tokenizer.added_tokens_decoder.items() if token.special}
        return [None if i in special else spelling for i, spelling in enumerate(self.spellings)]

    @cached_property
    def adds_space(self) -> bool:
        """Whether the tokenizer puts a space, which is not part of the document, before it.

        SentencePiece's tokenizers often do, and byte-level ones with add_prefix_space, as RoBERTa's and BART's. A
        WordPiece token stands for a space and a word.
        """
        first = tokenize(self.tokenizer, "a")["input_ids"][:1]
        return isinstance(self._notation, Words) or any((self.spellings[i] or b"").startswith(b" ") for i in first)

    def encode(self, document: str) -> TokenizedText:
        """Return the tokens of a document.

        Raises:
            ScoreError: They do not spell the document, or the tokenizer does not report their ends.
        """
        encoding = tokenize(self.tokenizer, self._with_own_space(document))
        ids = np.array(encoding["input_ids"], dtype=np.int64)
        if (ends := self._spelled_ends(document, ids)) is not None:
            return TokenizedText(ids, ends)
        self._check_decoded(document, ids)
        if not self.tokenizer.is_fast:
            raise ScoreError(
                f"{type(self.tokenizer).__name__} does not report the ends of its tokens; use a fast tokenizer"
            )
        return TokenizedText(ids, byte_ends(document, encoding["offset_mapping"]))

    def split(self, documents: Sequence[str]) -> list[list[int] | None]:
        """Return the tokens of many documents; None for a document that the spellings of its tokens do not spell.

        Raises:
            ScoreError: The tokenizer fails.
        """
        texts = [self._with_own_space(document) for document in documents]
        return [
            ids if self._spells(document, ids) else None
            for document, ids in zip(documents, split_texts(self.tokenizer, texts), strict=True)
        ]

    def _with_own_space(self, document: str) -> str:
        """Return a document with another space if it begins with one and a byte-level tokenizer would not add its own.

        Otherwise, it would have the tokens of the document without the space.
        """
        doubles = document.startswith(" ") and isinstance(self._notation, ByteLevel) and self.adds_space
        return f" {document}" if doubles else document

    def _spelled_ends(self, document: str, ids: Ints) -> Ints | None:
        """Return the ends of tokens whose spellings join to the document; None for other tokens.

        They may be inside a character. A space that the tokenizer adds before the document is not part of it.
        """
        if not self._spells(document, ids.tolist()):
            return None
        sizes = [len(self.spellings[i] or b"") for i in ids.tolist()]
        return np.maximum(np.cumsum(sizes, dtype=np.int64) - self.adds_space, 0)

    def _spells(self, document: str, ids: Sequence[int]) -> bool:
        spellings = [spelling for i in ids if (spelling := self.spellings[i]) is not None]
        added = b" " if self.adds_space and ids else b""
        return len(spellings) == len(ids) and b"".join(spellings) == added + document.encode()

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
    with _naming_tokenizer(tokenizer):
        return tokenizer(
            document,
            add_special_tokens=False,
            split_special_tokens=True,
            return_offsets_mapping=tokenizer.is_fast,
            verbose=False,
        )


def split_texts(tokenizer: Any, texts: Sequence[str]) -> list[list[int]]:
    """Return the ids that `tokenize` gives many texts. This is ten times as fast as a call for each of them.

    Raises:
        ScoreError: The tokenizer fails.
    """
    if not tokenizer.is_fast:
        return [tokenize(tokenizer, text)["input_ids"] for text in texts]
    backend = tokenizer.backend_tokenizer
    backend.encode_special_tokens = True
    with _naming_tokenizer(tokenizer):
        return [encoding.ids for encoding in backend.encode_batch_fast(texts, add_special_tokens=False)]


@contextmanager
def _naming_tokenizer(tokenizer: Any) -> Iterator[None]:
    try:
        yield
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


def _decode(spelling: bytes | None) -> str | None:
    try:
        return None if spelling is None else spelling.decode()
    except UnicodeDecodeError:
        return None


def _first_difference(one: str, other: str) -> int:
    pairs = zip(one, other, strict=False)
    return next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
