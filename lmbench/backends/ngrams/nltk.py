"""The nltk model: n-grams as NLTK computes them, each distinct (history, word) once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, field_validator, model_validator

from lmbench.arrays import Int32s
from lmbench.corpus import TrainingText
from lmbench.model import Fitted, Footprint, LanguageModel, ModelOptions, Saveable, Traits
from lmbench.ngrams.smoothing import refuse_stupid_backoff
from lmbench.progress import SILENT, Progress
from lmbench.saved import Saved, SavedFacts, open_saved, write_saved
from lmbench.score import Score
from lmbench.signature import Signature
from lmbench.spec import refuse_idle
from lmbench.state import ModelState
from lmbench.text.lexicon import Lexicon, LexiconOptions, StoredLexicon
from lmbench.text.lexicon_state import LexiconState

if TYPE_CHECKING:
    from lmbench.backends.ngrams.nltk_counts import CountTable
    from lmbench.backends.ngrams.nltk_fitted import FittedNltk


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
    _fitted: Fitted[FittedNltk] = Fitted()

    def fit(self, data: TrainingText, progress: Progress = SILENT) -> None:
        from lmbench.backends.ngrams.nltk_fitted import count_ngrams  # not at the top: NLTK takes seconds to import

        progress("reading", 0.0)
        lexicon = Lexicon.learn(data, self.options)
        self._use(lexicon, count_ngrams(lexicon.lines(data.train.documents), self.options.order, progress))

    def score(self, documents: Sequence[str]) -> list[Score]:
        fitted = self._fitted
        return fitted.lexicon.score(documents, lambda lines: [fitted.score_line(line) for line in lines])

    def state_after(self, text: str) -> ModelState:
        return LexiconState(self._fitted.lexicon, text, self._fitted.next_logprobs)

    def signature(self) -> Signature:
        import nltk

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
        from lmbench.backends.ngrams.nltk_fitted import FittedNltk, make_model

        self._fitted = FittedNltk(lexicon, tables, make_model(self.options, len(lexicon), tables))


def _restore_table(saved: Saved, length: int) -> CountTable:
    from lmbench.backends.ngrams.nltk_counts import CountTable

    ngrams, counts = saved.array(f"ngrams{length}", np.int32, 2), saved.array(f"counts{length}", np.int32)
    if ngrams.shape != (len(counts), length):
        raise ValueError(f"the n-grams of length {length} are not complete")
    return CountTable(ngrams, counts)
