"""Interpolated modified Kneser-Ney n-grams, estimated here as lmplz does, looked up in sorted arrays or with KenLM."""

from __future__ import annotations

import hashlib
import math
import re
import tempfile
import textwrap
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import ClassVar, Literal, Self

import kenlm
import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator, model_validator

from lmbench.arpa import UNKNOWN_WORD
from lmbench.corpus import TrainingText
from lmbench.errors import SpecError, UnavailableError
from lmbench.fitted_ngrams import FittedNgrams, read_lines
from lmbench.kneser_ney import Settings, estimate
from lmbench.lexicon import LINE_END_ID, Lexicon, LexiconOptions, Line
from lmbench.model import (
    Footprint,
    LanguageModel,
    ModelOptions,
    Progress,
    Reading,
    Score,
    Signature,
    silent,
)
from lmbench.workspace import Workspace, parse_size

_NATS = math.log(10)  # KenLM speaks log10
_CPLUSPLUS = re.compile(r"^\S+\.(?:cc|hh):\d+ in .*? threw \w+(?: because `.*?')?\. ")  # file, function and condition
_MOST_OF_KENLM = 6  # the order that the package from PyPI is compiled for
_REASON = 200  # characters of a reason that may cite a whole line of the file


class KenlmOptions(LexiconOptions):
    """Options of the kenlm model; those that lmplz has too mean what they mean there."""

    order: int = Field(5, ge=1, le=20, description="length of the longest n-gram; engine=kenlm reads up to 6")
    prune: str = Field(
        "0",
        description="counts up to which n-grams are left out, for orders 1, 2, …; 0-0-1: trigrams seen once, and up",
    )
    limit_vocab: str = Field("", description="a file of words; others are unknown, and n-grams with them left out")
    interpolate_unigrams: bool = Field(
        True, description="false: what the unigrams' discounts free goes to the unknown word alone, as in SRILM"
    )
    engine: Literal["arrays", "kenlm"] = Field(
        "arrays", description="what looks n-grams up: sorted arrays, many at once, or KenLM itself, one by one"
    )
    memory: str = Field(
        "", description="about what counting takes beside the text's ids, as 512M; the rest is in files"
    )

    def files(self) -> tuple[Path, ...]:
        return (Path(self.limit_vocab).expanduser(),) if self.limit_vocab else ()

    @classmethod
    def hint(cls, name: str, value: str) -> str:
        """prune with commas, and a model that was trained elsewhere."""
        if not name and value.isdecimal():
            return "commas separate options; the counts of prune have hyphens between them: prune=0-0-1"
        is_file = name == "path" or (not name and "." in value)
        return "a file that was trained elsewhere is arpa:PATH" if is_file else ""

    @field_validator("prune")
    @classmethod
    def _never_falls(cls, prune: str) -> str:
        parse_prune(prune)
        return prune

    @field_validator("memory")
    @classmethod
    def _is_a_size(cls, memory: str) -> str:
        if memory:
            parse_size(memory)
        return memory

    @model_validator(mode="after")
    def _fits(self) -> Self:
        thresholds = parse_prune(self.prune)
        if len(thresholds) > self.order:
            raise ValueError(f"prune={self.prune} has {len(thresholds)} numbers for the orders 1 to {self.order}")
        if self.engine == "kenlm" and self.order > _MOST_OF_KENLM:
            raise ValueError(
                f"the kenlm package reads up to order {_MOST_OF_KENLM}; leave engine=kenlm out for order {self.order}"
            )
        return self


def parse_prune(text: str) -> tuple[int, ...]:
    """The thresholds that ``0-0-1`` stands for. Raises SpecError."""
    if not re.fullmatch(r"\d{1,9}(-\d{1,9})*", text):
        raise SpecError(f"prune={text} is no list of counts; write for example 0-0-1")
    thresholds = tuple(map(int, text.split("-")))
    if list(thresholds) != sorted(thresholds):
        raise SpecError(f"prune={text} falls: what a longer n-gram needs must be kept")
    return thresholds


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


class KenlmNgram(LanguageModel):
    """Interpolated modified Kneser-Ney n-grams, estimated as KenLM's lmplz does."""

    Options: ClassVar[type[ModelOptions]] = KenlmOptions
    options: KenlmOptions

    def fit(self, data: TrainingText, progress: Progress = silent) -> None:
        """Raises UnavailableError where the file of limit_vocab cannot be read."""
        options = self.options
        allowed_words = read_vocabulary(Path(options.limit_vocab)) if options.limit_vocab else None
        progress("reading", 0.0)
        lexicon, text = read_lines(data, options)
        progress("estimating", 0.5)
        settings = Settings(options.order, parse_prune(options.prune), options.interpolate_unigrams, np.float32)
        allowed = None if allowed_words is None else _allowed(lexicon, allowed_words)
        self._workspace = Workspace(parse_size(options.memory) if options.memory else None)
        self._estimate = estimate(text, len(lexicon), settings, allowed, self._workspace)
        self._fitted = FittedNgrams.of(lexicon, self._estimate.orders, self._estimate.kept)
        if options.engine == "kenlm":
            self._load_into_kenlm(progress)

    def score(self, documents: Sequence[str]) -> list[Score]:
        if self.options.engine == "arrays":
            return self._fitted.score(documents)
        words = self._fitted.words
        return self._fitted.lexicon.score(documents, lambda lines: self._ngrams.score_lines(lines, words))

    def reading(self, text: str) -> Reading:
        if self.options.engine == "arrays":
            return self._fitted.reading(text)
        words = self._fitted.words

        def after(history: Line) -> NDArray[np.float64]:
            return self._ngrams.next_words([words[word] for word in history], words)

        return self._fitted.lexicon.reading(text, after)

    def export(self, path: Path) -> None:
        """An ARPA file."""
        self._fitted.export(path)

    def signature(self) -> Signature:
        options, estimate = self.options, self._estimate
        smoothing = "interpolated-modified-kneser-ney"
        if estimate.fallback:
            smoothing += f",fallback-discounts-at-order={'+'.join(map(str, estimate.fallback))}"
        if not options.interpolate_unigrams:
            smoothing += ",unigrams-not-interpolated"
        own = Signature.of(order=options.order, smoothing=smoothing)
        if parse_prune(options.prune)[-1]:
            own += Signature.of(prune=options.prune)
        if options.limit_vocab:
            own += Signature.of(limit=hashlib.sha256("\n".join(self._fitted.lexicon.types).encode()).hexdigest()[:12])
        own += Signature.of(bos="line", engine=options.engine)
        if options.engine == "kenlm":
            own += Signature.of(kenlm=version("kenlm"))
        return own + self._fitted.lexicon.signature()

    def footprint(self) -> Footprint:
        return self._fitted.footprint()

    def _load_into_kenlm(self, progress: Progress) -> None:
        with tempfile.TemporaryDirectory(prefix="lmbench-") as folder:
            path = Path(folder) / "model.arpa"
            progress("writing ARPA", 0.7)
            self.export(path)
            progress("loading into KenLM", 0.9)
            self._ngrams = Ngrams(path)


def read_vocabulary(path: Path) -> set[str]:
    """The words of a file that white space separates. Raises UnavailableError."""
    try:
        return set(path.expanduser().read_text(encoding="utf-8").split())
    except (OSError, UnicodeDecodeError) as error:
        raise UnavailableError(f"cannot read the words of '{path}': {error}") from error


def _allowed(lexicon: Lexicon, words: set[str]) -> NDArray[np.bool_]:
    """Which ids' n-grams are kept, that of ``<s>`` the last; white space, which no list of words has, always is."""
    letters = (lexicon.tokenizer.letters(kind) for kind in lexicon.types[2:])
    spelled = (spelling.decode(errors="surrogateescape").strip() for spelling in letters)
    return np.array([True, True, *(not kind or kind in words for kind in spelled), True])


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
