"""N-grams as NLTK computes them, each distinct (history, word) once."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Literal, Self

import nltk
import numpy as np
from nltk.lm import MLE, KneserNeyInterpolated, Laplace, Lidstone, Vocabulary, WittenBellInterpolated
from nltk.lm.smoothing import KneserNey
from numpy.typing import NDArray
from pydantic import Field, field_validator, model_validator

from lmbench.corpus import TrainingText
from lmbench.model import Footprint, LanguageModel, ModelOptions, Traits
from lmbench.ngrams.ids import UNKNOWN_ID
from lmbench.ngrams.smoothing import refuse_stupid_backoff
from lmbench.progress import SILENT, Progress
from lmbench.score import Score
from lmbench.signature import Signature
from lmbench.spec import refuse_idle
from lmbench.state import ModelState
from lmbench.text.lexicon import Lexicon, LexiconOptions, Line

_START = -1  # <s>, which is conditioned on and never predicted
_UNKNOWN_LINE = np.array([UNKNOWN_ID, 1], dtype=np.int32)


class NltkOptions(LexiconOptions):
    """Options of the nltk model."""

    order: int = Field(3, ge=1, le=10, description="length of the longest n-gram")
    smoothing: Literal["kneser-ney", "witten-bell", "lidstone", "laplace", "mle"] = Field(
        "kneser-ney", description="kneser-ney, witten-bell, lidstone, laplace or mle"
    )
    discount: float = Field(0.75, gt=0, lt=1, description="absolute discount of kneser-ney")
    gamma: float = Field(0.1, gt=0, allow_inf_nan=False, description="pseudo-count of lidstone")

    _is_a_probability = field_validator("smoothing", mode="before")(refuse_stupid_backoff)

    @model_validator(mode="after")
    def _all_do_something(self) -> Self:
        refuse_idle(self, "smoothing", {"discount": ("kneser-ney",), "gamma": ("lidstone",)})
        return self

    @model_validator(mode="after")
    def _has_continuations(self) -> Self:
        if self.smoothing == "kneser-ney" and self.order < 2:
            raise ValueError("kneser-ney counts continuations and needs order 2 or more; for order 1 choose lidstone")
        return self


class NltkNgram(LanguageModel):
    """N-grams of nltk.lm: interpolated Kneser-Ney, Witten-Bell, Lidstone, Laplace or maximum likelihood.

    Lines are padded with order - 1 ``<s>`` and ended by exactly one ``</s>``. N-grams that end in ``<s>`` are not
    counted, since ``<s>`` is never predicted; the rest, scoring included, is NLTK's own.
    """

    Options: ClassVar[type[ModelOptions]] = NltkOptions
    options: NltkOptions
    traits = Traits(batch_characters=1 << 13)  # about a second's work

    def fit(self, data: TrainingText, progress: Progress = SILENT) -> None:
        progress("reading", 0.0)
        self._lexicon = Lexicon.learn(data, self.options)
        lines = self._lexicon.lines(data.train.documents)
        if not any((line == UNKNOWN_ID).any() for line in lines):
            # NLTK gives an unseen <unk> no probability: where no word is rare, one line that holds only <unk> is added
            lines.append(_UNKNOWN_LINE)
        self._model = self._make_model()
        counts = self._model.counts
        for number, line in enumerate(lines):
            counts.update([self._ngrams(line)])
            if number % 200 == 0:
                progress(f"counting n-grams, line {number:,} of {len(lines):,}", 0.95 * number / len(lines))
        if self.options.smoothing == "kneser-ney":
            progress("tabulating continuation counts", 0.95)
            vocabulary, order, discount = self._model.vocab, self.options.order, self.options.discount
            self._model.estimator = _TabulatedKneserNey(vocabulary, counts, order, discount=discount)
        self._cache: dict[tuple[int, ...], float] = {}

    def score(self, documents: Sequence[str]) -> list[Score]:
        return self._lexicon.score(documents, lambda lines: [self._line_logprobs(line) for line in lines])

    def state_after(self, text: str) -> ModelState:
        return self._lexicon.state_after(text, self._after)

    def signature(self) -> Signature:
        options = self.options
        parameter = {"kneser-ney": f",discount={options.discount:g}", "lidstone": f",gamma={options.gamma:g}"}
        smoothing = options.smoothing + parameter.get(options.smoothing, "")
        own = Signature.of(order=options.order, smoothing=smoothing, bos="line", nltk=nltk.__version__)
        return own + self._lexicon.signature()

    def footprint(self) -> Footprint:
        """Each count of an n-gram is a parameter; NLTK writes no files."""
        counts = self._model.counts
        longer = sum(len(words) for k in range(2, self.options.order + 1) for words in counts[k].values())
        return Footprint(parameters=len(counts.unigrams) + longer)

    def _make_model(self) -> Any:
        order, discount, gamma = self.options.order, self.options.discount, self.options.gamma
        vocabulary = Vocabulary(range(1, len(self._lexicon)), unk_label=UNKNOWN_ID)  # NLTK adds the label itself
        match self.options.smoothing:
            case "kneser-ney":
                return KneserNeyInterpolated(order, discount=discount, vocabulary=vocabulary)
            case "witten-bell":
                return WittenBellInterpolated(order, vocabulary=vocabulary)
            case "lidstone":
                return Lidstone(gamma, order, vocabulary=vocabulary)
            case "laplace":
                return Laplace(order, vocabulary=vocabulary)
            case "mle":
                return MLE(order, vocabulary=vocabulary)

    def _padded(self, line: Line) -> list[int]:
        return [*[_START] * (self.options.order - 1), *line.tolist()]

    def _ngrams(self, line: Line) -> Iterator[tuple[int, ...]]:
        padded = self._padded(line)
        for end in range(self.options.order, len(padded) + 1):
            for start in range(end - self.options.order, end):
                yield tuple(padded[start:end])

    def _after(self, history: Line) -> NDArray[np.float64]:
        padded = self._padded(history)
        context = tuple(padded[len(padded) - self.options.order + 1 :])
        return np.array([self._computed(word, context) for word in range(len(self._lexicon))])

    def _line_logprobs(self, line: Line) -> NDArray[np.float64]:
        order, padded = self.options.order, self._padded(line)
        contexts = (tuple(padded[i : i + order - 1]) for i in range(len(line)))
        return np.array([self._logprob(word, context) for word, context in zip(line.tolist(), contexts, strict=True)])

    def _logprob(self, word: int, context: tuple[int, ...]) -> float:
        """Nats, kept for the next time; those of whole vocabularies, which would fill memory, are not."""
        key = (*context, word)
        if key not in self._cache:
            self._cache[key] = self._computed(word, context)
        return self._cache[key]

    def _computed(self, word: int, context: tuple[int, ...]) -> float:
        """Nats. NLTK's probability, by NLTK's own recursion over shorter contexts."""
        probability = self._model.unmasked_score(word, context)
        return math.log(probability) if probability > 0 else -math.inf


class _TabulatedKneserNey(KneserNey):  # type: ignore[misc]  # nltk has no types
    """NLTK's Kneser-Ney with its continuation counts tabulated: NLTK walks all n-grams anew for each of them."""

    def __init__(self, vocabulary: Any, counter: Any, order: int, discount: float) -> None:
        super().__init__(vocabulary, counter, order, discount=discount)
        self._totals: defaultdict[tuple[int, ...], int] = defaultdict(int)
        self._of_word: defaultdict[tuple[int, ...], int] = defaultdict(int)
        for length in range(2, order + 1):
            for context, words in counter[length].items():
                self._totals[context[1:]] += len(words)
                for word in words:
                    self._of_word[(*context[1:], word)] += 1

    def _continuation_counts(self, word: int, context: tuple[int, ...] = ()) -> tuple[int, int]:
        return self._of_word.get((*context, word), 0), self._totals.get(context, 0)
