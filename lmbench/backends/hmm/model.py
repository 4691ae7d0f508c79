"""The hmm model: a hidden Markov model over lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from lmbench.backends.hmm.cut_history import CutHistory
from lmbench.backends.hmm.exhibits import hmm_exhibits
from lmbench.backends.hmm.fitted import FittedHmm
from lmbench.backends.hmm.hmmlearn_engine import hmmlearn_version
from lmbench.backends.hmm.options import HmmOptions
from lmbench.backends.hmm.recursions import LineFilter
from lmbench.backends.hmm.tagging import best_paths, fit_tags
from lmbench.backends.hmm.training import fit_by_em
from lmbench.backends.hmm.training_lines import TrainingLines
from lmbench.corpus import TrainingText
from lmbench.errors import SpecError
from lmbench.exhibit import Exhibit
from lmbench.model import Fitted, Footprint, LanguageModel, ModelOptions, Saveable, Traits
from lmbench.progress import SILENT, Progress
from lmbench.score import Score
from lmbench.signature import Signature
from lmbench.state import ModelState
from lmbench.text.lexicon_state import LexiconState

_FEW_STATES = 128  # with no more, a second thread gains nothing; the numbers do not depend on threads


class Hmm(LanguageModel, Saveable):
    """A hidden Markov model over lines, with the line end as a symbol, trained by Baum and Welch's algorithm.

    Every line starts from the start distribution. The line end is emitted as words are; line lengths are not modeled.
    Training has a Dirichlet prior, starts from clusters of words, and keeps the iteration that predicts the validation
    split best. Then emissions are mixed with unigrams, by a weight that the validation split chooses.
    """

    Options: ClassVar[type[ModelOptions]] = HmmOptions
    traits = Traits(
        threads=1, libraries=("scipy.sparse",), gpu=True, grid=(("states", ("8", "16", "32", "64", "128")),)
    )
    options: HmmOptions
    _fitted = Fitted[FittedHmm]()

    def __init__(self, options: ModelOptions | None = None) -> None:
        super().__init__(options)
        if self.options.states > _FEW_STATES:
            self.traits = replace(type(self).traits, threads=None)

    def fit(self, data: TrainingText, progress: Progress = SILENT) -> None:
        progress("reading", 0.0)
        lines = TrainingLines.read(data, self.options)
        if self.options.supervised != "none":
            self._fitted = fit_tags(data, lines, self.options.supervised, self.options)
        else:
            self._fitted = fit_by_em(lines, self.options, progress)

    def score(self, documents: Sequence[str]) -> list[Score]:
        fitted, history = self._fitted, self.options.history
        return fitted.lexicon.score(documents, lambda lines: fitted.logprobs(lines, history))

    def state_after(self, text: str) -> ModelState:
        fitted, history = self._fitted, self.options.history
        reader = LineFilter(fitted.parameters) if history is None else CutHistory(fitted.parameters, history)
        return LexiconState(fitted.lexicon, text, reader.next_logprobs)

    def tags(self, lines: Sequence[str]) -> list[tuple[str, ...]]:
        """Return the most likely tags of each line's words.

        Args:
            lines: Lines of words, without line ends.

        Raises:
            SpecError: The model is not supervised.
        """
        fitted = self._fitted
        if not fitted.tags:
            raise SpecError("this hidden Markov model cannot tag; fit one with supervised=upos or supervised=xpos")
        paths = best_paths(fitted.parameters, fitted.lexicon.lines(lines))
        return [tuple(fitted.tags[state] for state in path[:-1]) for path in paths]

    def signature(self) -> Signature:
        fitted, options = self._fitted, self.options
        own = Signature.of(
            states=fitted.parameters.states,
            prior=f"{options.prior:g}",
            unigrams=f"{fitted.unigram_share:g}",
        )
        own += options.sign_history() + Signature.of(bos="line")
        training = Signature.of(supervised=options.supervised) if fitted.tags else self._em_signature()
        return own + training + fitted.lexicon.signature()

    def exhibits(self) -> tuple[Exhibit, ...]:
        return hmm_exhibits(self._fitted)

    def remarks(self) -> tuple[str, ...]:
        return ("time-limited",) if self.options.budget else ()

    def save(self, folder: Path) -> None:
        self._fitted.save(folder, self)

    def restore(self, folder: Path) -> None:
        self._fitted = FittedHmm.restore(folder, self, self.options)

    def footprint(self) -> Footprint:
        numbers = self._fitted.parameters.size
        return Footprint(parameters=numbers, disk_bytes=8 * numbers)

    def _em_signature(self) -> Signature:
        options = self.options
        by_hmmlearn = options.engine == "hmmlearn"
        return Signature.of(
            em=f"{self._fitted.iteration}of{options.iterations}",
            start=options.start,
            **({"budget": f"{options.budget:g}s"} if options.budget else {}),
            seed=options.seed,
            engine=f"hmmlearn-{hmmlearn_version()}" if by_hmmlearn else f"batched-{options.dtype}",
        )
