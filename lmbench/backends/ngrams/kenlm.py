"""The kenlm model: interpolated modified Kneser-Ney n-grams, estimated as KenLM's lmplz does."""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, Self

import numpy as np
from pydantic import Field, field_validator, model_validator

from lmbench.arrays import Flags, Floats, Ids
from lmbench.backends.ngrams.arpa import ArpaFile, ArpaFileOptions
from lmbench.backends.ngrams.exhibits import ngram_exhibits
from lmbench.backends.ngrams.fitted import FittedNgrams, NgramFacts, read_lines
from lmbench.backends.ngrams.kenlm_engine import MAX_ORDER, KenlmEngine, import_kenlm
from lmbench.corpus import WORD_SEPARATORS, TrainingText
from lmbench.errors import SpecError, UnavailableError
from lmbench.exhibit import Exhibit
from lmbench.model import Exportable, Fitted, Footprint, HistoryOptions, LanguageModel, ModelOptions, Saveable, Traits
from lmbench.ngrams.kneser_ney import CountsOfCounts, Discounts, KneserNeySettings, estimate
from lmbench.ngrams.workspace import Workspace, parse_size
from lmbench.progress import SILENT, Progress
from lmbench.saved import Saved, open_saved, write_saved
from lmbench.score import Score
from lmbench.signature import Signature
from lmbench.state import ModelState
from lmbench.text.lexicon import Lexicon, LexiconOptions
from lmbench.text.lexicon_state import LexiconState

_FILE_OPTIONS = {"path", "tokenizer", "escaped", "history"}
_ARPA = "model.arpa"


class KenlmOptions(HistoryOptions, LexiconOptions):
    """Options of the kenlm model. Options shared with lmplz have the same meaning."""

    incidental: ClassVar[frozenset[str]] = frozenset({"memory"})

    order: int = Field(
        5, ge=1, le=20, description=f"length of the longest n-gram; engine=kenlm reads up to {MAX_ORDER}"
    )
    prune: str = Field(
        "0", description="highest count that is pruned, for orders 1, 2, …; 0-0-1 prunes trigrams and longer seen once"
    )
    limit_vocab: str = Field("", description="file of words; all others are unknown, and n-grams with them are pruned")
    interpolate_unigrams: bool = Field(
        True, description="false: the discounts of unigrams go to the unknown word alone, as in SRILM"
    )
    engine: Literal["arrays", "kenlm"] = Field(
        "arrays", description="what looks n-grams up: sorted arrays, in batches, or KenLM itself, one by one"
    )
    memory: str = Field(
        "", description="approximate memory for counting, besides the text's ids, such as 512M; the rest is in files"
    )

    path: str = Field(
        "",
        description="ARPA file or KenLM binary that was estimated elsewhere; can be combined only with tokenizer, "
        "escaped and history",
    )
    escaped: bool = Field(False, description="with path: true if `lmbench export` wrote the file without a lexicon")

    def files(self) -> tuple[Path, ...]:
        if self.path:
            return self._file_options.files()
        return (Path(self.limit_vocab).expanduser(),) if self.limit_vocab else ()

    def delegate(self) -> tuple[type[LanguageModel], ModelOptions] | None:
        return (ArpaFile, self._file_options) if self.path else None

    @property
    def _file_options(self) -> ArpaFileOptions:
        tokenizer = self.tokenizer.partition(":")[0]
        return ArpaFileOptions.model_validate(
            {"path": self.path, "tokenizer": tokenizer, "escaped": self.escaped, "history": self.history}
        )

    @property
    def prune_thresholds(self) -> tuple[int, ...]:
        """The highest count that is pruned, for orders 1, 2, …; the last one holds for all longer n-grams."""
        return parse_prune(self.prune)

    @classmethod
    def hint(cls, name: str, value: str) -> str:
        """Explain how to write the counts of prune, and how to name a file."""
        if not name and value.isdecimal():
            return "commas separate options; write the counts of prune with hyphens: prune=0-0-1"
        return "write kenlm:path=FILE for a file that was estimated elsewhere" if not name and "." in value else ""

    @field_validator("prune")
    @classmethod
    def _prune_can_be_parsed(cls, prune: str) -> str:
        parse_prune(prune)
        return prune

    @field_validator("memory")
    @classmethod
    def _memory_can_be_parsed(cls, memory: str) -> str:
        if memory:
            parse_size(memory)
        return memory

    @model_validator(mode="after")
    def _options_fit_the_path(self) -> Self:
        if "path" in self.model_fields_set and not self.path:
            raise ValueError("path= does not name a file; leave it out to estimate n-grams")
        others = sorted(self.model_fields_set - _FILE_OPTIONS)
        if self.path and others:
            raise ValueError(
                f"{others[0]}= is for estimating n-grams, but path={self.path} names estimated ones; leave it out"
            )
        if self.escaped and not self.path:
            raise ValueError("escaped= says how the words of a file are written; set path=FILE")
        return self

    @model_validator(mode="after")
    def _engine_can_cut_history(self) -> Self:
        if self.engine == "kenlm" and self.history is not None:
            raise ValueError("engine=kenlm looks up all orders; leave it out to use history")
        return self

    @model_validator(mode="after")
    def _options_fit_the_order(self) -> Self:
        thresholds = len(self.prune_thresholds)
        if thresholds > self.order:
            raise ValueError(f"prune={self.prune} has {thresholds} numbers for the orders 1 to {self.order}")
        if self.engine == "kenlm" and self.order > MAX_ORDER:
            raise ValueError(
                f"the package kenlm reads up to order {MAX_ORDER}; leave out engine=kenlm for order {self.order}"
            )
        return self


def parse_prune(text: str) -> tuple[int, ...]:
    """Return the thresholds that a text such as ``0-0-1`` means.

    Raises:
        SpecError: They cannot be read, or one is lower than the one before it.
    """
    if not re.fullmatch(r"\d{1,9}(-\d{1,9})*", text):
        raise SpecError(f"prune={text} is not a list of counts; write, for example, 0-0-1")
    thresholds = tuple(map(int, text.split("-")))
    if list(thresholds) != sorted(thresholds):
        raise SpecError(
            f"prune={text} decreases, but a longer n-gram needs the shorter ones; write, for example, 0-0-1"
        )
    return thresholds


@dataclass(frozen=True, slots=True)
class FittedKenlm:
    """The result of fitting.

    Attributes:
        ngrams: The estimated n-grams.
        discounts: The discounts of each order.
        counts_of_counts: The counts of counts of each order.
        fallback_orders: The orders whose discounts could not be estimated.
        engine: KenLM with these n-grams, if it looks them up.
        workspace: Owns the files that the n-grams may be mapped to, and must exist as long as they do.
    """

    ngrams: FittedNgrams
    discounts: tuple[Discounts, ...]
    counts_of_counts: tuple[CountsOfCounts, ...]
    fallback_orders: tuple[int, ...]
    engine: KenlmEngine | None
    workspace: Workspace

    def score(self, documents: Sequence[str], history: int | None) -> list[Score]:
        """Return one Score for each document, with a history of at most this many words if it is cut."""
        if (engine := self.engine) is None:
            return self.ngrams.cut(history).score(documents)
        words = self.ngrams.words
        return self.ngrams.lexicon.score(documents, lambda lines: engine.score_lines(lines, words))

    def state_after(self, text: str, history: int | None) -> ModelState:
        """Return the state after `text`, with a history of at most this many words if it is cut."""
        if (engine := self.engine) is None:
            return self.ngrams.cut(history).state_after(text)
        words = self.ngrams.words

        def predict(history: Ids) -> Floats:
            return engine.next_words([words[word] for word in history], words)

        return LexiconState(self.ngrams.lexicon, text, predict)


class _KenlmFacts(NgramFacts):
    discounts: tuple[Discounts, ...]
    counts_of_counts: tuple[CountsOfCounts, ...]
    fallback_orders: tuple[int, ...]


class KenlmNgram(LanguageModel, Saveable, Exportable):
    """Interpolated modified Kneser-Ney n-grams, estimated as KenLM's lmplz does.

    An event is a type of the tokenizer or a line end. Its history is its line, which ``<s>`` precedes.
    """

    Options: ClassVar[type[ModelOptions]] = KenlmOptions
    traits = Traits(threads=1, grid=(("order", ("1", "2", "3", "4", "5", "6")),))
    options: KenlmOptions
    _fitted = Fitted[FittedKenlm]()

    def fit(self, data: TrainingText, progress: Progress = SILENT) -> None:
        """Count and estimate n-grams.

        Raises:
            UnavailableError: The file of limit_vocab cannot be read, or engine=kenlm lacks the package.
        """
        options = self.options
        if options.engine == "kenlm":
            import_kenlm()  # before the long part of the work
        words = read_vocabulary(Path(options.limit_vocab)) if options.limit_vocab else None
        progress("reading", 0.0)
        lexicon, text = read_lines(data, options)
        progress("estimating", 0.5)
        settings = KneserNeySettings(options.order, options.prune_thresholds, options.interpolate_unigrams, np.float32)
        allowed = None if words is None else _allowed_ids(lexicon, words)
        workspace = self._make_workspace()
        estimated = estimate(text, len(lexicon), settings, allowed, workspace)
        ngrams = FittedNgrams.of(lexicon, estimated.orders, estimated.kept)
        engine = None
        if options.engine == "kenlm":
            with _arpa_file(ngrams, progress) as path:
                progress("loading into KenLM", 0.9)
                engine = KenlmEngine(path)
        self._fitted = FittedKenlm(
            ngrams,
            tuple(estimated.discounts),
            tuple(estimated.counts_of_counts),
            tuple(estimated.fallback),
            engine,
            workspace,
        )

    def score(self, documents: Sequence[str]) -> list[Score]:
        return self._fitted.score(documents, self.options.history)

    def state_after(self, text: str) -> ModelState:
        return self._fitted.state_after(text, self.options.history)

    def save(self, folder: Path) -> None:
        fitted, ngrams = self._fitted, self._fitted.ngrams
        facts = _KenlmFacts(
            **ngrams.facts,
            discounts=fitted.discounts,
            counts_of_counts=fitted.counts_of_counts,
            fallback_orders=fitted.fallback_orders,
        )
        if fitted.engine is None:
            write_saved(folder, self, ngrams.arrays(), facts)
        else:
            with _arpa_file(ngrams) as path:  # KenLM reads a file three times as fast as it is written
                write_saved(folder, self, ngrams.arrays(), facts, [path])

    def restore(self, folder: Path) -> None:
        """Read what `save` wrote; the memory for counting and the history may differ.

        Raises:
            SpecError: The folder does not hold a model with these options.
            UnavailableError: engine=kenlm lacks the package.
        """
        workspace = self._make_workspace()
        with open_saved(folder, self) as saved:
            facts = saved.facts(_KenlmFacts)
            ngrams = FittedNgrams.restore(saved, facts, self.options, workspace)
            engine = _restore_engine(saved) if self.options.engine == "kenlm" else None
            self._fitted = FittedKenlm(
                ngrams, facts.discounts, facts.counts_of_counts, facts.fallback_orders, engine, workspace
            )

    def export(self, path: Path) -> None:
        """Write an ARPA file, and the lexicon next to it."""
        self._fitted.ngrams.cut(self.options.history).export(path)

    def signature(self) -> Signature:
        options, fitted = self.options, self._fitted
        lexicon = fitted.ngrams.lexicon
        own = Signature.of(order=options.order, smoothing=self._smoothing())
        if options.prune_thresholds[-1]:
            own += Signature.of(prune=options.prune)
        if options.limit_vocab:
            own += Signature.of(limit=hashlib.sha256("\n".join(lexicon.types).encode()).hexdigest()[:12])
        own += options.sign_history() + Signature.of(bos="line", engine=options.engine)
        if fitted.engine is not None:
            own += fitted.engine.signature()
        return own + lexicon.signature()

    def footprint(self) -> Footprint:
        return self._fitted.ngrams.footprint()

    def exhibits(self) -> tuple[Exhibit, ...]:
        """Return the counts of counts and discounts of each order, and what is likely after frequent histories."""
        fitted = self._fitted
        counts = zip(*fitted.counts_of_counts, strict=True)
        discounts = zip(*fitted.discounts, strict=True)
        columns = dict(zip(("n1", "n2", "n3", "n4"), counts, strict=True))
        return ngram_exhibits(
            fitted.ngrams,
            columns | dict(zip(("D1", "D2", "D3+"), discounts, strict=True)),
            "n1 to n4 count the n-grams seen once to four times (below the highest order: before one to four distinct "
            "words), before pruning; D1 to D3+ are subtracted from counts of 1, 2, and 3 or more",
        )

    def _make_workspace(self) -> Workspace:
        return Workspace(parse_size(self.options.memory) if self.options.memory else None)

    def _smoothing(self) -> str:
        smoothing = "interpolated-modified-kneser-ney"
        if orders := self._fitted.fallback_orders:
            smoothing += f",fallback-discounts-at-order={'+'.join(map(str, orders))}"
        if not self.options.interpolate_unigrams:
            smoothing += ",unigrams-not-interpolated"
        return smoothing


def read_vocabulary(path: Path) -> set[str]:
    """Read the words of a file, which are separated as in the text that lmplz reads.

    Raises:
        UnavailableError: The file cannot be read.
    """
    try:
        return set(re.split(f"[{WORD_SEPARATORS}]+", path.expanduser().read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise UnavailableError(f"cannot read the words of '{path}': {error}") from error


def _allowed_ids(lexicon: Lexicon, words: set[str]) -> Flags:
    """Return which ids may occur in n-grams; the last one is ``<s>``.

    The separators of words always may: a file of words cannot list them.
    """
    letters = (lexicon.tokenizer.letters(kind) for kind in lexicon.types[2:])
    spelled = (spelling.decode(errors="surrogateescape").strip(WORD_SEPARATORS) for spelling in letters)
    return np.array([True, True, *(not kind or kind in words for kind in spelled), True])


@contextmanager
def _arpa_file(ngrams: FittedNgrams, progress: Progress = SILENT) -> Iterator[Path]:
    """Write the n-grams into a file that exists as long as the context."""
    with tempfile.TemporaryDirectory(prefix="lmbench-") as folder:
        path = Path(folder) / _ARPA
        progress("writing ARPA", 0.7)
        ngrams.export(path)
        yield path


def _restore_engine(saved: Saved) -> KenlmEngine:
    with tempfile.TemporaryDirectory(prefix="lmbench-") as folder:
        return KenlmEngine(saved.extract(_ARPA, Path(folder)))
