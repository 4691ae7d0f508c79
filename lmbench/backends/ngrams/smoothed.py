"""The ngram model: n-grams under each of the classical smoothing methods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, Self

import numpy as np
from pydantic import Field, field_validator, model_validator

from lmbench.arrays import Ids
from lmbench.backends.ngrams.exhibits import ngram_exhibits
from lmbench.backends.ngrams.fitted import FittedNgrams, NgramFacts, read_lines
from lmbench.corpus import Split, TrainingText
from lmbench.errors import SpecError
from lmbench.exhibit import Exhibit
from lmbench.model import Exportable, Fitted, Footprint, HistoryOptions, LanguageModel, ModelOptions, Saveable, Traits
from lmbench.ngrams.counts import count_ngrams, join_lines
from lmbench.ngrams.kneser_ney import KneserNeySettings, estimate
from lmbench.ngrams.smoothing import Smoothed, SmoothingSettings, refuse_stupid_backoff, smooth
from lmbench.ngrams.workspace import Workspace
from lmbench.progress import SILENT, Progress
from lmbench.saved import open_saved, write_saved
from lmbench.score import Score
from lmbench.signature import Signature
from lmbench.spec import refuse_idle
from lmbench.state import ModelState
from lmbench.text.lexicon import Lexicon, LexiconOptions

_METHODS_OF_OPTION = {
    "gamma": ("lidstone",),
    "discount": ("absolute", "kneser-ney"),
    "weight": ("jelinek-mercer",),
    "uniform": ("witten-bell", "absolute", "kneser-ney"),
}


class NgramOptions(HistoryOptions, LexiconOptions):
    """Options of the ngram model."""

    order: int = Field(5, ge=1, le=20, description="length of the longest n-gram")
    smoothing: Literal[
        "mle", "laplace", "lidstone", "good-turing", "jelinek-mercer", "witten-bell", "absolute", "kneser-ney",
        "modified-kneser-ney",
    ] = Field(
        "good-turing",
        description="mle, laplace, lidstone, good-turing, jelinek-mercer, witten-bell, absolute, kneser-ney or "
        "modified-kneser-ney",
    )  # fmt: skip
    gamma: float = Field(0.1, gt=0, allow_inf_nan=False, description="pseudo-count of lidstone")
    discount: float | None = Field(
        None, gt=0, lt=1, description="discount of absolute and kneser-ney; default: n1/(n1+2·n2) of each order"
    )
    weight: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="weight of the longer history in jelinek-mercer; default: tuned on the validation split",
    )
    uniform: bool = Field(
        True, description="false: unigrams of witten-bell, absolute and kneser-ney are not smoothed, as in NLTK"
    )

    _smoothing_is_a_distribution = field_validator("smoothing", mode="before")(refuse_stupid_backoff)

    @model_validator(mode="after")
    def _options_have_an_effect(self) -> Self:
        refuse_idle(self, "smoothing", _METHODS_OF_OPTION)
        return self


@dataclass(frozen=True, slots=True)
class FittedSmoothed:
    """The result of fitting.

    Attributes:
        ngrams: The smoothed n-grams.
        parameters: The parameters that smoothing estimated, for the signature.
    """

    ngrams: FittedNgrams
    parameters: str


class _NgramFacts(NgramFacts):
    parameters: str


class Ngram(LanguageModel, Saveable, Exportable):
    """N-grams under a classical smoothing method, from relative frequencies to modified Kneser-Ney.

    An event is a type of the tokenizer or a line end. Its history is its line, which ``<s>`` precedes. The default is
    Katz's back-off with Good-Turing discounts, the classic that differs most from the interpolated Kneser-Ney of the
    models kenlm and nltk.
    """

    Options: ClassVar[type[ModelOptions]] = NgramOptions
    traits = Traits(threads=1, grid=(("order", ("1", "2", "3", "4", "5")),))
    options: NgramOptions
    _fitted = Fitted[FittedSmoothed]()

    def fit(self, data: TrainingText, progress: Progress = SILENT) -> None:
        progress("reading", 0.0)
        lexicon, text = read_lines(data, self.options)
        progress("smoothing", 0.5)
        smoothed = self._smooth(lexicon, text, data.valid)
        ngrams = FittedNgrams.of(lexicon, smoothed.orders, np.ones(len(lexicon) + 1, dtype=bool))
        self._fitted = FittedSmoothed(ngrams, smoothed.found)

    def score(self, documents: Sequence[str]) -> list[Score]:
        return self._ngrams.score(documents)

    def state_after(self, text: str) -> ModelState:
        return self._ngrams.state_after(text)

    def save(self, folder: Path) -> None:
        ngrams = self._fitted.ngrams
        facts = _NgramFacts(**ngrams.facts, parameters=self._fitted.parameters)
        write_saved(folder, self, ngrams.arrays(), facts)

    def restore(self, folder: Path) -> None:
        with open_saved(folder, self) as saved:
            facts = saved.facts(_NgramFacts)
            ngrams = FittedNgrams.restore(saved, facts, self.options, Workspace())
            self._fitted = FittedSmoothed(ngrams, facts.parameters)

    def export(self, path: Path) -> None:
        """Write an ARPA file, and the lexicon next to it.

        Raises:
            SpecError: The probability of an event is 0, which ARPA cannot express.
        """
        for order in self._ngrams.orders:
            if not order.probs.all() or not order.backoffs.all():
                raise SpecError(f"smoothing={self.options.smoothing} leaves some events without probability")
        self._ngrams.export(path)

    def signature(self) -> Signature:
        options, parameters = self.options, self._fitted.parameters
        smoothing = options.smoothing + (f",{parameters}" if parameters else "")
        smoothing += "" if options.uniform else ",unigrams-not-smoothed"
        own = Signature.of(order=options.order, smoothing=smoothing) + options.sign_history() + Signature.of(bos="line")
        return own + self._fitted.ngrams.lexicon.signature()

    def footprint(self) -> Footprint:
        return self._fitted.ngrams.footprint()

    def exhibits(self) -> tuple[Exhibit, ...]:
        """Return the n-grams of each order, what smoothing estimated, and what is likely after frequent histories."""
        return ngram_exhibits(self._fitted.ngrams, {}, self._fitted.parameters)

    @property
    def _ngrams(self) -> FittedNgrams:
        """The n-grams with which events are scored."""
        return self._fitted.ngrams.cut(self.options.history)

    def _smooth(self, lexicon: Lexicon, text: Ids, valid: Split) -> Smoothed:
        options, start = self.options, len(lexicon)
        if options.smoothing == "modified-kneser-ney":
            return _smooth_as_lmplz(text, start, options.order)
        settings = SmoothingSettings(
            options.smoothing, options.gamma, options.discount, options.weight, options.uniform
        )
        tunes = options.smoothing == "jelinek-mercer" and options.weight is None
        held_out = join_lines(lexicon.lines(valid.documents), start) if tunes else np.zeros(0, dtype=np.int32)
        return smooth(count_ngrams(text, start, options.order, Workspace()), settings, held_out)


def _smooth_as_lmplz(text: Ids, start: int, order: int) -> Smoothed:
    estimated = estimate(text, start, KneserNeySettings(order))
    fallback = "+".join(map(str, estimated.fallback))
    return Smoothed(estimated.orders, f"fallback-discounts-at-order={fallback}" if fallback else "")
