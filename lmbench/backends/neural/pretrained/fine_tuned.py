"""A pretrained causal model that is trained further on the training split: `finetune=` of hf and its relatives."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from lmbench.backends.neural.pretrained.causal import HuggingFace
from lmbench.backends.neural.pretrained.causal_scorer import CausalScorer
from lmbench.backends.neural.pretrained.fine_tuning import (
    PATIENCE,
    STEP_TOKENS,
    VALIDATION_BYTES,
    FineTuningPlan,
    fine_tune,
)
from lmbench.backends.neural.transformer.training_history import TrainingHistory, learning_curve
from lmbench.corpus import TrainingText
from lmbench.exhibit import Exhibit
from lmbench.model import Fitted, ModelOptions, Saveable
from lmbench.progress import SILENT, Progress
from lmbench.saved import SavedFacts, open_saved, write_saved
from lmbench.signature import Signature


@dataclass(frozen=True, slots=True)
class TunedScorer:
    """A scorer whose network is trained.

    Attributes:
        scorer: The scorer. Its network has its best weights.
        history: The course of the training.
        threads: The threads of the CPU that it had; their number changes how sums are rounded.
    """

    scorer: CausalScorer
    history: TrainingHistory
    threads: int


class _Facts(SavedFacts):
    """The part of a trained scorer that is saved besides its weights; see TunedScorer."""

    history: TrainingHistory
    threads: int


class FineTuned(HuggingFace, Saveable):
    """A pretrained causal model whose weights are all trained further on the training split."""

    traits = replace(
        HuggingFace.traits,
        weights="partly pretrained",
        unchecked_options=("finetune",),
        quick_options=(("finetune", "steps:2"),),
    )
    _tuned = Fitted[TunedScorer]()

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
        self._loader.allow_downloads(progress)
        scorer, options = self._load_pretrained(), self.options
        plan = FineTuningPlan(options.steps, options.learning_rate, options.seed)
        history = fine_tune(replace(scorer, history=None), data, plan, progress)
        self._tuned = TunedScorer(scorer, history, torch.get_num_threads())

    def signature(self) -> Signature:
        options, history, threads = self.options, self._tuned.history, self._tuned.threads
        return super().signature() + Signature.of(
            finetune=options.finetune,
            optimizer="adamw",
            lr=f"{options.learning_rate:g}",
            batch=STEP_TOKENS,
            patience=PATIENCE,
            valid=f"first{VALIDATION_BYTES}bytes",
            steps=history.points[-1].steps,
            best=history.best.steps,
            threads=threads,
            seed=options.seed,
        )

    def exhibits(self) -> tuple[Exhibit, ...]:
        """Return the learning curve."""
        return learning_curve(self._tuned.history, f"the validation split's first {VALIDATION_BYTES:,} bytes")

    def remarks(self) -> tuple[str, ...]:
        history = self._tuned.history
        if history.best.steps == 0:
            return ("has the pretrained weights: training did not improve them",)
        return ("undertrained",) if history.is_still_improving else ()

    def save(self, folder: Path) -> None:
        """Write all weights, which take 4 bytes each."""
        tuned = self._tuned
        arrays = {name: weight.detach().cpu().numpy() for name, weight in tuned.scorer.network.model.named_parameters()}
        write_saved(folder, self, arrays, _Facts(history=tuned.history, threads=tuned.threads))

    def restore(self, folder: Path) -> None:
        """Read what `save` wrote; the device and the history may differ.

        Raises:
            UnavailableError: The pretrained model, whose tokenizer and configuration are needed too, is missing.
            SpecError: The folder does not hold a complete model with these options.
        """
        with open_saved(folder, self) as saved:
            facts, scorer = saved.facts(_Facts), self._load_pretrained()
            with torch.no_grad():
                for name, weight in scorer.network.model.named_parameters():
                    array = saved.array(name, np.float32, weight.dim())
                    if array.shape != weight.shape:  # which copy_ might repeat
                        raise ValueError(f"{name} has the shape {array.shape}, not {tuple(weight.shape)}")
                    weight.copy_(torch.from_numpy(array))
        self._tuned = TunedScorer(scorer, facts.history, facts.threads)

    def _load_pretrained(self) -> CausalScorer:
        """Load the pretrained model, even if an earlier training has changed its weights."""
        self._loaded = None
        return super()._load_scorer()

    def _load_scorer(self) -> CausalScorer:
        """Return the scorer of the trained network."""
        return self._tuned.scorer
