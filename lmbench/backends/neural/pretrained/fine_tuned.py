"""A pretrained causal model that is trained further on the training split: `finetune=` of hf and its relatives."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from lmbench.backends.neural.pretrained.causal import HuggingFace
from lmbench.corpus import TrainingText
from lmbench.exhibit import Exhibit
from lmbench.model import Fitted, ModelOptions, Saveable
from lmbench.progress import SILENT, Progress
from lmbench.saved import open_saved
from lmbench.signature import Signature

if TYPE_CHECKING:
    from lmbench.backends.neural.pretrained.causal_scorer import CausalScorer
    from lmbench.backends.neural.pretrained.tuned_scorer import TunedScorer


class FineTuned(HuggingFace, Saveable):
    """A pretrained causal model whose weights are all trained further on the training split."""

    traits = replace(
        HuggingFace.traits,
        weights="partly pretrained",
        unchecked_options=("finetune",),
        quick_options=(("finetune", "steps:2"),),
        libraries=(*HuggingFace.traits.libraries, "lmbench.backends.neural.pretrained.tuned_scorer"),
    )
    _tuned: Fitted[TunedScorer] = Fitted()

    def __init__(self, options: ModelOptions | None = None) -> None:
        super().__init__(options)
        self.traits = replace(type(self).traits, threads=getattr(self.options, "threads", None))  # smollm2 has some

    def fit(self, data: TrainingText, progress: Progress = SILENT) -> None:
        """Load the pretrained weights, train them on data.train, and keep those that are best on data.valid.

        Raises:
            UnavailableError: The weights are missing.
            CorpusError: A split is empty.
            LmbenchError: The weights cannot be trained.
        """
        from lmbench.backends.neural.pretrained.tuned_scorer import TunedScorer  # not at the top: it needs PyTorch

        self._loader.allow_downloads(progress)
        self._tuned = TunedScorer.train(self._load_pretrained(), self.options, data, progress)

    def signature(self) -> Signature:
        return super().signature() + self._tuned.sign(self.options)

    def exhibits(self) -> tuple[Exhibit, ...]:
        """Return the learning curve."""
        return self._tuned.exhibits()

    def remarks(self) -> tuple[str, ...]:
        history = self._tuned.history
        if history.best.steps == 0:
            return ("has the pretrained weights: training did not improve them",)
        return ("undertrained",) if history.is_still_improving else ()

    def save(self, folder: Path) -> None:
        """Write all weights, which take 4 bytes each."""
        self._tuned.save(folder, self)

    def restore(self, folder: Path) -> None:
        """Read what `save` wrote; the device and the history may differ.

        Raises:
            UnavailableError: The pretrained model, whose tokenizer and configuration are needed too, is missing.
            SpecError: The folder does not hold a complete model with these options.
        """
        from lmbench.backends.neural.pretrained.tuned_scorer import TunedScorer

        with open_saved(folder, self) as saved:
            self._tuned = TunedScorer.restore(saved, self._load_pretrained)

    def _load_pretrained(self) -> CausalScorer:
        """Load the pretrained model, even if an earlier training has changed its weights."""
        self._loaded = None
        return super()._load_scorer()

    def _load_scorer(self) -> CausalScorer:
        """Return the scorer of the trained network."""
        return self._tuned.scorer
