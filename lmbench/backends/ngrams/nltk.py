"""The nltk model: n-grams as NLTK computes them, each distinct (history, word) once."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import nltk
import numpy as np
from nltk.lm import MLE, KneserNeyInterpolated, Laplace, Lidstone, NgramCounter, Vocabulary, WittenBellInterpolated
from nltk.lm.smoothing import KneserNey
from pydantic import Field, field_validator, model_validator

from lmbench.arrays import Floats, Ids, Int32s
from lmbench.backends.ngrams.nltk_counts import Context, CountsAfter, CountTable, TabulatedCounter
from lmbench.corpus import TrainingText
from lmbench.model import Fitted, Footprint, LanguageModel, ModelOptions, Saveable, Traits
from lmbench.ngrams.ids import LINE_END_ID, UNKNOWN_ID
from lmbench.ngrams.smoothing import refuse_stupid_backoff
from lmbench.progress import SILENT, Progress
from lmbench.saved import Saved, SavedFacts, open_saved, write_saved
from lmbench.score import Score
from lmbench.signature import Signature
from lmbench.spec import refuse_idle
from lmbench.state import ModelState
from lmbench.text.lexicon import Lexicon, LexiconOptions, StoredLexicon
from lmbench.text.lexicon_state import LexiconState

_START = -1  # <s>, which is conditioned on and never predicted
_UNKNOWN_LINE = np.array([UNKNOWN_ID, LINE_END_ID], dtype=np.int32)
_LINES_PER_REPORT = 200


class NltkOptions(LexiconOptions):
    """Options of the nltk model."""

    order: int = Field(3, ge=1, le=10, description="length of the longest n-gram")
    smoothing: Literal["kneser-ney", "witten-bell", "lidstone", "laplace", "mle"] = Field(
        "kneser-ney", description="kneser-ney, witten-bell, lidstone, laplace or mle"
    )
    discount: float = Field(0.75, gt=0, lt=1, description="absolute discount of kneser-ney")
    gamma: float = Field(0.1, gt=0, allow_inf_nan=False, description="pseudo-count of lidstone")

    _smoothing_is_a_distribution = field_validator("smoothing", mode="before")(refuse_stupid_backoff)

    @model_validator(mode="after")
    def _options_have_an_effect(self) -> Self:
        refuse_idle(self, "smoothing", {"discount": ("kneser-ney",), "gamma": ("lidstone",)})
        return self

    @model_validator(mode="after")
    def _order_has_continuations(self) -> Self:
        if self.smoothing == "kneser-ney" and self.order < 2:
            raise ValueError("kneser-ney counts continuations and needs order 2 or more; use lidstone for order 1")
        return self


@dataclass(frozen=True, slots=True)
class FittedNltk:
    """An NLTK model whose words are the ids of a lexicon.

    Attributes:
        lexicon: The words.
        tables: The counts of n-grams of each length, from unigrams up.
        model: NLTK's model with these counts.
        cache: Log-probabilities, in nats, of the n-grams scored so far.
    """

    lexicon: Lexicon
    tables: Sequence[CountTable]
    model: Any
    cache: dict[tuple[int, ...], float] = field(default_factory=dict)

    def score_line(self, line: Ids) -> Floats:
        """Return the log-probability of each event of a line, (events,), in nats."""
        order, padded = self.model.order, _pad(line, self.model.order)
        ngrams = (tuple(padded[end - order : end]) for end in range(order, len(padded) + 1))
        return np.array([self._look_up(ngram) for ngram in ngrams])

    def next_logprobs(self, history: Ids) -> Floats:
        """Return the log-probability of each type, (types,), in nats. They are not cached: they would fill memory."""
        padded = _pad(history, self.model.order)
        context = tuple(padded[len(history) :])
        return np.array([self._compute((*context, word)) for word in range(len(self.lexicon))])

    def _look_up(self, ngram: tuple[int, ...]) -> float:
        if ngram not in self.cache:
            self.cache[ngram] = self._compute(ngram)
        return self.cache[ngram]

    def _compute(self, ngram: tuple[int, ...]) -> float:
        """Ask NLTK, which recurses over shorter contexts."""
        probability = self.model.unmasked_score(ngram[-1], ngram[:-1])
        return math.log(probability) if probability > 0 else -math.inf


class _NltkFacts(SavedFacts):
    lexicon: StoredLexicon


class NltkNgram(LanguageModel, Saveable):
    """N-grams of nltk.lm: interpolated Kneser-Ney, Witten-Bell, Lidstone, Laplace or maximum likelihood.

    An event is a type of the tokenizer or a line end. Lines are padded with order - 1 ``<s>`` and ended by exactly one
    ``</s>``. N-grams that end in ``<s>`` are not counted, since ``<s>`` is never predicted. Everything else, including
    scoring, is NLTK's own.
    """

    Options: ClassVar[type[ModelOptions]] = NltkOptions
    options: NltkOptions
    traits = Traits(
        batch_characters=1 << 13,  # a batch takes about a second
        grid=(("order", ("2", "3", "4", "5")),),
        threads=1,
        libraries=("nltk",),
    )
    _fitted = Fitted[FittedNltk]()

    def fit(self, data: TrainingText, progress: Progress = SILENT) -> None:
        progress("reading", 0.0)
        lexicon = Lexicon.learn(data, self.options)
        counter = NgramCounter()
        _count(counter, _with_unknown(lexicon.lines(data.train.documents)), self.options.order, progress)
        progress("tabulating counts", 0.95)
        self._use(lexicon, [CountTable.of(counter, length) for length in range(1, self.options.order + 1)])

    def score(self, documents: Sequence[str]) -> list[Score]:
        fitted = self._fitted
        return fitted.lexicon.score(documents, lambda lines: [fitted.score_line(line) for line in lines])

    def state_after(self, text: str) -> ModelState:
        return LexiconState(self._fitted.lexicon, text, self._fitted.next_logprobs)

    def signature(self) -> Signature:
        options = self.options
        parameter = {"kneser-ney": f",discount={options.discount:g}", "lidstone": f",gamma={options.gamma:g}"}
        smoothing = options.smoothing + parameter.get(options.smoothing, "")
        own = Signature.of(order=options.order, smoothing=smoothing, bos="line", nltk=nltk.__version__)
        return own + self._fitted.lexicon.signature()

    def save(self, folder: Path) -> None:
        arrays: dict[str, Int32s] = {}
        for length, table in enumerate(self._fitted.tables, start=1):
            arrays |= {f"ngrams{length}": table.ngrams, f"counts{length}": table.counts}
        write_saved(folder, self, arrays, _NltkFacts(lexicon=self._fitted.lexicon.stored()))

    def restore(self, folder: Path) -> None:
        with open_saved(folder, self) as saved:
            lexicon = saved.facts(_NltkFacts).lexicon.restore(self.options)
            self._use(lexicon, [_restore_table(saved, length) for length in range(1, self.options.order + 1)])

    def footprint(self) -> Footprint:
        """Return the number of counts. NLTK writes no files."""
        return Footprint(parameters=sum(len(table.counts) for table in self._fitted.tables))

    def _use(self, lexicon: Lexicon, tables: Sequence[CountTable]) -> None:
        self._fitted = FittedNltk(lexicon, tables, self._make_model(len(lexicon), tables))

    def _make_model(self, types: int, tables: Sequence[CountTable]) -> Any:
        order, discount, gamma = self.options.order, self.options.discount, self.options.gamma
        vocabulary = Vocabulary(range(1, types), unk_label=UNKNOWN_ID)  # NLTK adds the label itself
        counter = TabulatedCounter(tables)
        match self.options.smoothing:
            case "kneser-ney":
                model = KneserNeyInterpolated(order, discount=discount, vocabulary=vocabulary, counter=counter)
                model.estimator = TabulatedKneserNey(model, discount, tables)
                return model
            case "witten-bell":
                return WittenBellInterpolated(order, vocabulary=vocabulary, counter=counter)
            case "lidstone":
                return Lidstone(gamma, order, vocabulary=vocabulary, counter=counter)
            case "laplace":
                return Laplace(order, vocabulary=vocabulary, counter=counter)
            case "mle":
                return MLE(order, vocabulary=vocabulary, counter=counter)


def _restore_table(saved: Saved, length: int) -> CountTable:
    ngrams, counts = saved.array(f"ngrams{length}", np.int32, 2), saved.array(f"counts{length}", np.int32)
    if ngrams.shape != (len(counts), length):
        raise ValueError(f"the n-grams of length {length} are not complete")
    return CountTable(ngrams, counts)


def _with_unknown(lines: list[Ids]) -> list[Ids]:
    """Add a line that holds only ``<unk>`` if no line has one: NLTK gives an unseen ``<unk>`` no probability."""
    return lines if any((line == UNKNOWN_ID).any() for line in lines) else [*lines, _UNKNOWN_LINE]


def _count(counter: NgramCounter, lines: Sequence[Ids], order: int, progress: Progress) -> None:
    for number, line in enumerate(lines):
        counter.update([_ngrams(line, order)])
        if number % _LINES_PER_REPORT == 0:
            progress(f"counting n-grams, line {number:,} of {len(lines):,}", 0.95 * number / len(lines))


def _ngrams(line: Ids, order: int) -> Iterator[tuple[int, ...]]:
    """Yield the n-grams of all orders that end in a word of the line."""
    padded = _pad(line, order)
    for end in range(order, len(padded) + 1):
        for start in range(end - order, end):
            yield tuple(padded[start:end])


def _pad(line: Ids, order: int) -> list[int]:
    return [*[_START] * (order - 1), *line.tolist()]


class TabulatedKneserNey(KneserNey):  # type: ignore[misc]  # nltk has no types
    """NLTK's Kneser-Ney with tabulated continuation counts; NLTK walks over all n-grams for each of them."""

    def __init__(self, model: KneserNeyInterpolated, discount: float, tables: Sequence[CountTable]) -> None:
        super().__init__(model.vocab, model.counts, model.order, discount=discount)
        self._after = [CountsAfter(table.count_continuations()) for table in tables[1:]]

    def _continuation_counts(self, word: int, context: Context = ()) -> tuple[int, int]:
        counts = self._after[len(context)][context]
        return counts[word], counts.N()
