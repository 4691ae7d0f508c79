"""N-gram models that were trained elsewhere: ARPA files, read into sorted arrays; KenLM's binaries, queried by it."""

from __future__ import annotations

import hashlib
import math
import re
import textwrap
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import ClassVar, Literal

import kenlm
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from lmbench.backends.ngrams.fitted import FittedNgrams
from lmbench.errors import UnavailableError
from lmbench.model import Footprint, LanguageModel, ModelOptions, Traits
from lmbench.ngrams.arpa_reader import ArpaText, read_arpa
from lmbench.ngrams.arpa_writer import SENTENCE_END, UNKNOWN_WORD, escape, is_word, tokenizer_file, unescape
from lmbench.ngrams.history_sums import history_sums, ngram_words
from lmbench.ngrams.ids import LINE_END_ID, UNKNOWN_ID
from lmbench.progress import SILENT, Progress
from lmbench.score import Score
from lmbench.signature import Signature
from lmbench.state import ModelState
from lmbench.text.lexicon import Lexicon, Line
from lmbench.text.tokenizers import Tokenizer, make_tokenizer

_ABSENT = -200  # nats; log(1e-100) lies below it, and the probability of anything that was estimated above
_NATS = math.log(10)  # KenLM speaks log10
_CPLUSPLUS = re.compile(r"^\S+\.(?:cc|hh):\d+ in .*? threw \w+(?: because `.*?')?\. ")  # file, function and condition
_DOUBTFUL = 3  # histories of each order that are shown to the conformance suite
_REASON = 200  # characters of a reason that may cite a whole line of the file


class ArpaFileOptions(ModelOptions):
    """Options of the arpa model."""

    positional: ClassVar[str | None] = "path"

    path: str = Field(min_length=1, description="an ARPA file, plain or .gz, .bz2, .xz, .zst, or KenLM's binary")
    tokenizer: Literal["words", "pieces", "jieba", "bytes", "bpe"] = Field(
        "words",
        description="what the file's words are: words, pieces (Han characters are), jieba, bytes, or bpe, learned by "
        "lmbench and exported with the file",
    )
    escaped: bool = Field(
        False, description="true for a file of `lmbench export`: white space and <unk> in words are escaped"
    )

    def files(self) -> tuple[Path, ...]:
        path = Path(self.path).expanduser()
        return (path, tokenizer_file(path)) if self.tokenizer == "bpe" else (path,)


class Ngrams:
    """N-grams that KenLM has read, and what it says of them in nats.

    Raises UnavailableError, with KenLM's reason, for a file that it cannot read.
    """

    def __init__(self, path: Path) -> None:
        self._model = _load(path)

    def __contains__(self, word: str) -> bool:
        return word in self._model

    @property
    def order(self) -> int:
        """Length of the longest n-gram."""
        return int(self._model.order)

    @property
    def unknown(self) -> float:
        """Nats: log P(<unk>) without history. Where the file does not have it, KenLM takes 1e-100."""
        state = kenlm.State()
        self._model.NullContextWrite(state)
        return float(self._model.BaseScore(state, UNKNOWN_WORD, kenlm.State())) * _NATS

    def score_lines(self, lines: Iterable[Line], words: Sequence[str]) -> list[NDArray[np.float64]]:
        """Each line's log-probabilities, (events,): a line is ids of `words`; ``<s>`` stands before it."""
        return [self._score_line(line, words) for line in lines]

    def next_words(self, history: Iterable[str], words: Iterable[str]) -> NDArray[np.float64]:
        """log P(word | <s>, history) of each word, (words,)."""
        state, after = kenlm.State(), kenlm.State()
        self._model.BeginSentenceWrite(state)
        for word in history:
            self._model.BaseScore(state, word, after)
            state, after = after, state
        return np.array([self._model.BaseScore(state, word, after) for word in words]) * _NATS

    def _score_line(self, line: Line, words: Sequence[str]) -> NDArray[np.float64]:
        ended = bool(line[-1] == LINE_END_ID)
        sentence = " ".join([words[word] for word in line[: len(line) - ended]])
        log10s = [log10 for log10, _, _ in self._model.full_scores(sentence, bos=True, eos=ended)]
        return np.array(log10s) * _NATS


class _FileNgrams(ABC):
    """What a file says."""

    order: int
    """Length of the longest n-gram."""

    parameters: int | None
    """The n-grams, and the back-offs below the highest order; None where the file does not say."""

    opens: bool
    """Whether lines are opened by ``<s>``."""

    unknown: float
    """Nats: log P(<unk>) without history."""

    engine: Signature
    """What looks n-grams up."""

    @abstractmethod
    def score(self, documents: Sequence[str]) -> list[Score]:
        """One Score for each document."""

    @abstractmethod
    def state_after(self, text: str) -> ModelState:
        """The state after `text`. NotImplementedError where the file does not list its words."""

    def suspect_histories(self) -> list[str]:
        """Texts that end in histories after which the sum is furthest from 1; none where they are not known."""
        return []


class _TextNgrams(_FileNgrams):
    """N-grams of an ARPA file. Raises UnavailableError where two of its words are escapes of one."""

    def __init__(self, text: ArpaText, tokenizer: Tokenizer, escaped: bool) -> None:
        types = text.words[2:-1]
        types = list(map(unescape, types)) if escaped else types
        if len(set(types)) < len(types):
            raise UnavailableError(
                "two words of the file are escapes of one; it is none of `lmbench export`, so leave escaped=true out"
            )
        self._tokenizer = tokenizer
        lexicon = Lexicon(tokenizer, types, spelled=(), min_count=1)
        self._ngrams = FittedNgrams.of(lexicon, text.orders, np.ones(len(text.words), dtype=bool))
        self.order, self.opens = len(text.orders), text.opens
        self.parameters = sum(text.counts) + sum(text.counts[:-1])
        with np.errstate(divide="ignore"):
            self.unknown = float(np.log(text.orders[0].probs[UNKNOWN_ID]))
        self.engine = Signature.of(engine="arrays")

    def suspect_histories(self) -> list[str]:
        orders, texts = self._ngrams.orders, []
        for k in range(2, len(orders) + 1):
            histories, sums = history_sums(orders[:k])
            worst = histories[np.argsort(-np.abs(sums - 1))[:_DOUBTFUL]]
            texts += [self._text(words.tolist()) for words in ngram_words(orders[: k - 1], worst)]
        return [text for text in texts if text is not None]

    def _text(self, words: Sequence[int]) -> str | None:
        """These ids as a text, ``<s>`` left out; None where no text is spelled so."""
        types = self._ngrams.lexicon.types
        try:
            return b"".join(self._tokenizer.spell([types[word] for word in words if word < len(types)])).decode()
        except (KeyError, UnicodeDecodeError):
            return None

    def score(self, documents: Sequence[str]) -> list[Score]:
        return self._ngrams.score(documents)

    def state_after(self, text: str) -> ModelState:
        return self._ngrams.state_after(text)


class _BinaryNgrams(_FileNgrams):
    """N-grams of KenLM's binary. It knows whether it has a word, and could not list those that it has."""

    def __init__(self, path: Path, tokenizer: Tokenizer, escaped: bool) -> None:
        self._path, self._tokenizer, self._escaped = path, tokenizer, escaped
        self._ngrams = Ngrams(path)
        self.order, self.parameters, self.opens = self._ngrams.order, None, True
        self.unknown = self._ngrams.unknown
        self.engine = Signature.of(kenlm=version("kenlm"))

    def score(self, documents: Sequence[str]) -> list[Score]:
        lexicon = self._lexicon(documents)
        words = [UNKNOWN_WORD, SENTENCE_END, *map(self._word, lexicon.types[2:])]
        return lexicon.score(documents, lambda lines: self._ngrams.score_lines(lines, words))

    def state_after(self, text: str) -> ModelState:
        raise NotImplementedError(f"'{self._path}' is KenLM's binary: its words, the next events, are not known")

    def _lexicon(self, documents: Sequence[str]) -> Lexicon:
        """The types of these documents that the file has."""
        lines = [line for document in documents for line in document.split("\n")]
        kinds = {kind for types in self._tokenizer.types(lines) for kind in types}
        known = [kind for kind in kinds if (self._escaped or is_word(kind)) and self._word(kind) in self._ngrams]
        return Lexicon(self._tokenizer, known, spelled=(), min_count=1)

    def _word(self, kind: str) -> str:
        return escape(kind) if self._escaped else kind


class ArpaFile(LanguageModel):
    """An n-gram model that was trained elsewhere: an ARPA file or KenLM's binary.

    A type that the file does not have, or cannot have (white space, ``<s>``, ``<unk>``), pays the file's
    P(<unk> | history), and for its spelling an untrained letter model: log 257 nats for each byte and for their end. A
    file without ``<unk>`` gives such a type no probability; as in KenLM it is 1e-100, and the signature says so.
    Whether what the file gives after each history sums to 1 is not looked at here; `lmbench check` asks.
    """

    Options: ClassVar[type[ModelOptions]] = ArpaFileOptions
    options: ArpaFileOptions
    traits = Traits(weights="pretrained")

    def load(self, progress: Progress = SILENT) -> None:
        """Raises UnavailableError where there is no such file, or, naming the line, where it is malformed."""
        self._ngrams = self._read(progress)

    def score(self, documents: Sequence[str]) -> list[Score]:
        """Raises UnavailableError as `load` does."""
        return self._ngrams.score(documents)

    def state_after(self, text: str) -> ModelState:
        """Over the file's unigrams but ``<s>``. NotImplementedError for a binary, which does not list its words."""
        return self._ngrams.state_after(text)

    def suspect_histories(self) -> list[str]:
        return self._ngrams.suspect_histories()

    def signature(self) -> Signature:
        ngrams, options = self._ngrams, self.options
        own = Signature.of(file=self._path.name, sha256=_digest(self._path), order=ngrams.order)
        own += (
            Signature.of(bos="line" if ngrams.opens else "absent") + ngrams.engine + Signature.of(tok=options.tokenizer)
        )
        if options.tokenizer == "bpe":
            own += Signature.of(merges=_digest(tokenizer_file(self._path)))
        return own + Signature.of(
            unk=f"{'absent(1e-100)' if ngrams.unknown < _ABSENT else 'file'}+letters-uniform",
        )

    def footprint(self) -> Footprint:
        """Parameters are the n-grams, and the back-offs below the highest order, that the head of an ARPA names."""
        return Footprint(self._ngrams.parameters, self._path.stat().st_size)

    @property
    def _path(self) -> Path:
        return self.options.files()[0]

    @cached_property
    def _ngrams(self) -> _FileNgrams:
        return self._read(SILENT)

    def _read(self, progress: Progress) -> _FileNgrams:
        for path in self.options.files():
            if not path.is_file():
                raise UnavailableError(f"'{path}' is a folder" if path.is_dir() else f"there is no file '{path}'")
        progress(f"reading '{self._path}'", 0.0)
        tokenizer = make_tokenizer(self.options.tokenizer)
        if self.options.tokenizer == "bpe":
            _restore(tokenizer, tokenizer_file(self._path))
        if is_binary(self._path):
            return _BinaryNgrams(self._path, tokenizer, self.options.escaped)
        return _TextNgrams(read_arpa(self._path, progress), tokenizer, self.options.escaped)


def is_binary(path: Path) -> bool:
    """Whether this is KenLM's binary, of whichever version, which begins so."""
    with path.open("rb") as file:
        return file.read(7) == b"mmap lm"


def _restore(tokenizer: Tokenizer, path: Path) -> None:
    try:
        tokenizer.restore(path.read_text(encoding="utf-8"))
    except Exception as error:  # the library tokenizers raises nothing narrower
        raise UnavailableError(f"'{path}' holds no tokenizer of `lmbench export`: {error}") from error


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:12]


def _load(path: Path) -> kenlm.Model:
    config = kenlm.Config()
    config.show_progress = False
    config.arpa_complain = kenlm.ARPALoadComplain.NONE
    try:
        return kenlm.Model(str(path), config)
    except OSError as error:
        where = f"Cannot read model '{path}' ("
        reason = _CPLUSPLUS.sub("", str(error).removeprefix(where).removesuffix(")"))
    except UnicodeDecodeError:  # of KenLM's message, which cites the file
        reason = "neither ARPA nor KenLM's binary"
    raise UnavailableError(f"KenLM cannot read '{path}': {textwrap.shorten(reason, _REASON, placeholder='…')}")
