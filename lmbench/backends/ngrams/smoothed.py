"""N-grams under each of the classical smoothing methods."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Literal, Self

import numpy as np
from pydantic import Field, field_validator, model_validator

from lmbench.backends.ngrams.fitted import FittedNgrams, read_lines
from lmbench.corpus import Split, TrainingText
from lmbench.errors import SpecError
from lmbench.model import Exportable, Footprint, LanguageModel, ModelOptions
from lmbench.ngrams.counts import Rows, count, open_lines
from lmbench.ngrams.kneser_ney import Settings as KneserNeySettings
from lmbench.ngrams.kneser_ney import estimate
from lmbench.ngrams.smoothing import Settings, Smoothed, refuse_stupid_backoff, smooth
from lmbench.ngrams.workspace import Workspace
from lmbench.progress import SILENT, Progress
from lmbench.score import Score
from lmbench.signature import Signature
from lmbench.spec import refuse_idle
from lmbench.state import ModelState
from lmbench.text.lexicon import Lexicon, LexiconOptions

_USERS = {
    "gamma": ("lidstone",),
    "discount": ("absolute", "kneser-ney"),
    "weight": ("jelinek-mercer",),
    "uniform": ("witten-bell", "absolute", "kneser-ney"),
}
"""The smoothing methods that each of these options is of."""


class NgramOptions(LexiconOptions):
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
        None, gt=0, lt=1, description="of absolute and kneser-ney; without it n1/(n1+2·n2) of each order"
    )
    weight: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="of the longer history in jelinek-mercer; without it tuned on validation text",
    )
    uniform: bool = Field(
        True, description="false: unigrams of witten-bell, absolute and kneser-ney are not smoothed, as in NLTK"
    )

    _is_a_probability = field_validator("smoothing", mode="before")(refuse_stupid_backoff)

    @model_validator(mode="after")
    def _all_do_something(self) -> Self:
        refuse_idle(self, "smoothing", _USERS)
        return self


class Ngram(LanguageModel, Exportable):
    """N-grams under any of the classical smoothing methods, from relative frequencies to modified Kneser-Ney.

    Good and Turing's is the default: Katz's back-off is the classic that differs most from the interpolated Kneser-Ney
    of kenlm and nltk, beside which it stands in a table of all models.
    """

    Options: ClassVar[type[ModelOptions]] = NgramOptions
    options: NgramOptions

    def fit(self, data: TrainingText, progress: Progress = SILENT) -> None:
        progress("reading", 0.0)
        lexicon, text = read_lines(data, self.options)
        progress("smoothing", 0.5)
        smoothed = self._smoothed(lexicon, text, data.valid)
        self._found = smoothed.found
        self._fitted = FittedNgrams.of(lexicon, smoothed.orders, np.ones(len(lexicon) + 1, dtype=bool))

    def score(self, documents: Sequence[str]) -> list[Score]:
        return self._fitted.score(documents)

    def state_after(self, text: str) -> ModelState:
        return self._fitted.state_after(text)

    def export(self, path: Path) -> None:
        """An ARPA file. NotImplementedError where an event has no probability, which ARPA has no number for."""
        for order in self._fitted.orders:
            if not order.probs.all() or not order.backoffs.all():
                raise SpecError("some events have no probability under it")
        self._fitted.export(path)

    def signature(self) -> Signature:
        options = self.options
        found = f",{self._found}" if self._found else ""
        unsmoothed = ",unigrams-not-smoothed" if not options.uniform else ""
        own = Signature.of(order=options.order, smoothing=options.smoothing + found + unsmoothed, bos="line")
        return own + self._fitted.lexicon.signature()

    def footprint(self) -> Footprint:
        return self._fitted.footprint()

    def _smoothed(self, lexicon: Lexicon, text: Rows, valid: Split) -> Smoothed:
        options, start = self.options, len(lexicon)
        if options.smoothing == "modified-kneser-ney":
            model = estimate(text, start, KneserNeySettings(options.order))
            found = f"fallback-discounts-at-order={'+'.join(map(str, model.fallback))}" if model.fallback else ""
            return Smoothed(model.orders, found)
        settings = Settings(options.smoothing, options.gamma, options.discount, options.weight, options.uniform)
        tunes = options.smoothing == "jelinek-mercer" and options.weight is None
        held_out = open_lines(lexicon.lines(valid.documents), start) if tunes else np.zeros(0, dtype=np.int32)
        return smooth(count(text, start, options.order, Workspace()), settings, held_out)
