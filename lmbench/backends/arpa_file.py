"""N-gram models that were trained elsewhere: ARPA files and KenLM's binaries, queried with KenLM."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from lmbench.arpa import (
    SENTENCE_END,
    SENTENCE_START,
    UNKNOWN_WORD,
    escape,
    is_binary,
    is_word,
    read_counts,
    read_words,
    unescape,
)
from lmbench.arpa_reader import read_arpa
from lmbench.backends.kenlm_ngram import Ngrams
from lmbench.backoff import next_probabilities, probabilities
from lmbench.errors import UnavailableError
from lmbench.lexicon import Lexicon, Line
from lmbench.model import Footprint, LanguageModel, ModelOptions, Progress, Reading, Score, Signature, silent
from lmbench.ngram_counts import open_lines
from lmbench.tokens import make_tokenizer

_ABSENT = -200  # nats; log(1e-100) lies below it, and the probability of anything that was estimated above


class ArpaFileOptions(ModelOptions):
    """Options of the arpa model."""

    positional: ClassVar[str | None] = "path"

    path: str = Field(min_length=1, description="an ARPA file, plain, .gz, .bz2 or .xz, or KenLM's binary")
    tokenizer: Literal["words", "pieces", "bytes"] = Field(
        "words", description="words; pieces where the file's words are Han characters; bytes where they are bytes"
    )
    escaped: bool = Field(
        False, description="true for a file of `lmbench export`: white space and <unk> in words are escaped"
    )

    def files(self) -> tuple[Path, ...]:
        return (Path(self.path).expanduser(),)


class TextNgrams:
    """N-grams, in nats, of ARPA files that KenLM does not read: a preamble, unigrams alone, orders above 6."""

    def __init__(self, path: Path) -> None:
        text = read_arpa(path)
        self._ids, self._orders = text.words, text.orders

    def __contains__(self, word: str) -> bool:
        return word in self._ids

    @property
    def order(self) -> int:
        """Length of the longest n-gram."""
        return len(self._orders)

    @property
    def unknown(self) -> float:
        """Nats: log P(<unk>) without history."""
        return float(np.log(self._orders[0].probs[self._ids[UNKNOWN_WORD]]))

    def score_lines(self, lines: Sequence[Line], words: Sequence[str]) -> list[NDArray[np.float64]]:
        """Each line's log-probabilities, (events,): a line is ids of `words`; ``<s>`` stands before it."""
        ids = np.array([self._id(word) for word in words], dtype=np.int32)
        text = open_lines([ids[line] for line in lines], self._ids[SENTENCE_START])
        logprobs = np.log(probabilities(self._orders, text))
        ends = np.cumsum([len(line) + 1 for line in lines])
        return [logprobs[end - len(line) : end] for line, end in zip(lines, ends, strict=True)]

    def next_words(self, history: Iterable[str], words: Iterable[str]) -> NDArray[np.float64]:
        """log P(word | <s>, history) of each word, (words,)."""
        ids = [self._ids[SENTENCE_START], *map(self._id, history)]
        return np.log(next_probabilities(self._orders, ids)[[self._id(word) for word in words]])

    def _id(self, word: str) -> int:
        return self._ids.get(word, self._ids[UNKNOWN_WORD])


class ArpaFile(LanguageModel):
    """An n-gram model that was trained elsewhere: an ARPA file or KenLM's binary.

    A type that the file does not have, or cannot have (white space, ``<s>``, ``<unk>``), pays the file's
    P(<unk> | history), and for its spelling an untrained letter model: log 257 nats for each byte and for their end. A
    file without ``<unk>`` gives such a type no probability; KenLM takes 1e-100, and the signature says so. Whether what
    the file gives after each history sums to 1 is not looked at here; `lmbench check` asks.
    """

    Options: ClassVar[type[ModelOptions]] = ArpaFileOptions
    options: ArpaFileOptions
    pretrained: ClassVar[bool] = True

    def load(self, progress: Progress = silent) -> None:
        """Raises UnavailableError where there is no such file, or, naming the line, where it is malformed."""
        progress(f"loading '{self.options.path}' into KenLM", 0.0)
        self._ngrams  # noqa: B018  (is loaded when it is first needed)

    def score(self, documents: Sequence[str]) -> list[Score]:
        """Raises UnavailableError as `load` does."""
        lexicon = self._lexicon(documents)
        return lexicon.score(documents, lambda lines: self._ngrams.score_lines(lines, self._words(lexicon)))

    def reading(self, text: str) -> Reading:
        """Over the file's unigrams but ``<s>``. NotImplementedError for a binary, which does not list its words."""
        words = self._words(self._all)
        return self._all.reading(text, lambda history: self._ngrams.next_words([words[i] for i in history], words))

    def signature(self) -> Signature:
        ngrams = self._ngrams
        with self._path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return Signature.of(
            file=self._path.name,
            sha256=digest[:12],
            order=ngrams.order,
            bos="line",
            **({"kenlm": version("kenlm")} if isinstance(ngrams, Ngrams) else {"engine": "arrays"}),
            tok=self.options.tokenizer,
            unk=f"{'absent(1e-100)' if ngrams.unknown < _ABSENT else 'file'}+letters-uniform",
        )

    def footprint(self) -> Footprint:
        """Parameters are the n-grams, and the back-offs below the highest order, that the head of an ARPA names."""
        counts = read_counts(self._path)
        return Footprint(sum(counts) + sum(counts[:-1]) if counts else None, self._path.stat().st_size)

    @property
    def _path(self) -> Path:
        [path] = self.options.files()
        return path

    @cached_property
    def _ngrams(self) -> Ngrams | TextNgrams:
        if not self._path.is_file():
            raise UnavailableError(f"there is no file '{self._path}'")
        try:
            return Ngrams(self._path)
        except UnavailableError:
            if is_binary(self._path):
                raise
            return TextNgrams(self._path)

    @cached_property
    def _all(self) -> Lexicon:
        """All types of the file."""
        if not read_counts(self._path):
            raise NotImplementedError(f"'{self._path}' is KenLM's binary: its words, the next events, are not known")
        try:
            words = dict.fromkeys(read_words(self._path))
        except UnicodeDecodeError as error:
            raise UnavailableError(f"the words of '{self._path}' are not UTF-8: {error.reason}") from error
        own = (UNKNOWN_WORD, UNKNOWN_WORD.upper(), SENTENCE_END, SENTENCE_START)  # <UNK> is the unknown word, too
        types = [word for word in words if word not in own]
        types = list(map(unescape, types)) if self.options.escaped else types
        return Lexicon(make_tokenizer(self.options.tokenizer), types, spelled=(), min_count=1)

    def _lexicon(self, documents: Sequence[str]) -> Lexicon:
        """The types of these documents that the file has; a binary could not list all that it has."""
        tokenizer = make_tokenizer(self.options.tokenizer)
        lines = [line for document in documents for line in document.split("\n")]
        kinds = {kind for types in tokenizer.types(lines) for kind in types}
        known = [kind for kind in kinds if (self.options.escaped or is_word(kind)) and self._word(kind) in self._ngrams]
        return Lexicon(tokenizer, known, spelled=(), min_count=1)

    def _words(self, lexicon: Lexicon) -> list[str]:
        """The ARPA word of each id."""
        return [UNKNOWN_WORD, SENTENCE_END, *map(self._word, lexicon.types[2:])]

    def _word(self, kind: str) -> str:
        return escape(kind) if self.options.escaped else kind
