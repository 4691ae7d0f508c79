"""A scorer whose network is trained further, and what of it is saved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
import torch

from lmbench.backends.neural.pretrained.causal import HuggingFaceOptions
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
from lmbench.model import LanguageModel
from lmbench.progress import Progress
from lmbench.saved import Saved, SavedFacts, write_saved
from lmbench.signature import Signature


class _Facts(SavedFacts):
    """The part of a trained scorer that is saved besides its weights; see TunedScorer."""

    history: TrainingHistory
    threads: int


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

    @classmethod
    def train(cls, scorer: CausalScorer, options: HuggingFaceOptions, data: TrainingText, progress: Progress) -> Self:
        """Train the network of a pretrained scorer, and leave it with the weights that are best on data.valid.

        Raises:
            CorpusError: A split is empty.
            LmbenchError: The weights cannot be trained.
        """
        plan = FineTuningPlan(options.steps, options.learning_rate, options.seed)
        history = fine_tune(replace(scorer, history=None), data, plan, progress)
        return cls(scorer, history, torch.get_num_threads())

    def sign(self, options: HuggingFaceOptions) -> Signature:
        """Return everything about the training that the scores depend on."""
        return Signature.of(
            finetune=options.finetune,
            optimizer="adamw",
            lr=f"{options.learning_rate:g}",
            batch=STEP_TOKENS,
            patience=PATIENCE,
            valid=f"first{VALIDATION_BYTES}bytes",
            steps=self.history.points[-1].steps,
            best=self.history.best.steps,
            threads=self.threads,
            seed=options.seed,
        )

    def exhibits(self) -> tuple[Exhibit, ...]:
        """Return the learning curve."""
        return learning_curve(self.history, f"the validation split's first {VALIDATION_BYTES:,} bytes")

    def save(self, folder: Path, model: LanguageModel) -> None:
        """Write all weights of the model's network, which take 4 bytes each."""
        arrays = {name: weight.detach().cpu().numpy() for name, weight in self.scorer.network.model.named_parameters()}
        write_saved(folder, model, arrays, _Facts(history=self.history, threads=self.threads))

    @classmethod
    def restore(cls, saved: Saved, load_pretrained: Callable[[], CausalScorer]) -> Self:
        """Read what `save` wrote.

        Args:
            saved: The open file.
            load_pretrained: Loads the scorer that gets the weights.

        Raises:
            UnavailableError: The pretrained model is missing.
            ValueError: The weights have other shapes.
        """
        facts, scorer = saved.facts(_Facts), load_pretrained()
        with torch.no_grad():
            for name, weight in scorer.network.model.named_parameters():
                array = saved.array(name, np.float32, weight.dim())
                if array.shape != weight.shape:  # which copy_ might repeat
                    raise ValueError(f"{name} has the shape {array.shape}, not {tuple(weight.shape)}")
                weight.copy_(torch.from_numpy(array))
        return cls(scorer, facts.history, facts.threads)
