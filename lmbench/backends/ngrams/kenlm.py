"""Interpolated modified Kneser-Ney n-grams, estimated here as lmplz does, looked up in sorted arrays or with KenLM."""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator, model_validator

from lmbench.backends.ngrams.arpa import ArpaFile, ArpaFileOptions, Ngrams
from lmbench.backends.ngrams.fitted import FittedNgrams, read_lines
from lmbench.corpus import TrainingText
from lmbench.errors import SpecError, UnavailableError
from lmbench.model import Exportable, Footprint, LanguageModel, ModelOptions
from lmbench.ngrams.kneser_ney import Settings, estimate
from lmbench.ngrams.workspace import Workspace, parse_size
from lmbench.progress import SILENT, Progress
from lmbench.score import Score
from lmbench.signature import Signature
from lmbench.state import ModelState
from lmbench.text.lexicon import Lexicon, LexiconOptions, Line

_MOST_OF_KENLM = 6  # the order that the package from PyPI is compiled for


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

    path: str = Field(
        "", description="an ARPA file or KenLM's binary that was trained elsewhere; beside it, tokenizer and escaped"
    )
    escaped: bool = Field(False, description="with path, true for a file of `lmbench export`")

    def files(self) -> tuple[Path, ...]:
        if self.path:
            return self.of_file().files()
        return (Path(self.limit_vocab).expanduser(),) if self.limit_vocab else ()

    def delegate(self) -> tuple[type[LanguageModel], ModelOptions] | None:
        return (ArpaFile, self.of_file()) if self.path else None

    def of_file(self) -> ArpaFileOptions:
        """The options of the model that `path` names."""
        tokenizer = "words" if self.tokenizer == "auto" else self.tokenizer.partition(":")[0]
        return ArpaFileOptions.model_validate({"path": self.path, "tokenizer": tokenizer, "escaped": self.escaped})

    @classmethod
    def hint(cls, name: str, value: str) -> str:
        """prune with commas, and a model that was trained elsewhere."""
        if not name and value.isdecimal():
            return "commas separate options; the counts of prune have hyphens between them: prune=0-0-1"
        return "a file that was trained elsewhere is kenlm:path=FILE" if not name and "." in value else ""

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
    def _is_of_a_file_or_of_none(self) -> Self:
        if "path" in self.model_fields_set and not self.path:
            raise ValueError("path= names no file; without path, n-grams are estimated")
        others = sorted(self.model_fields_set - {"path", "tokenizer", "escaped"})
        if self.path and others:
            raise ValueError(
                f"{others[0]}= says how n-grams are estimated, and those of path={self.path} are; leave it out"
            )
        if self.escaped and not self.path:
            raise ValueError("escaped= says how the words of a file are written; it goes with path=FILE")
        return self

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


class KenlmNgram(LanguageModel, Exportable):
    """Interpolated modified Kneser-Ney n-grams, estimated as KenLM's lmplz does."""

    Options: ClassVar[type[ModelOptions]] = KenlmOptions
    options: KenlmOptions

    def fit(self, data: TrainingText, progress: Progress = SILENT) -> None:
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

    def state_after(self, text: str) -> ModelState:
        if self.options.engine == "arrays":
            return self._fitted.state_after(text)
        words = self._fitted.words

        def after(history: Line) -> NDArray[np.float64]:
            return self._ngrams.next_words([words[word] for word in history], words)

        return self._fitted.lexicon.state_after(text, after)

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
