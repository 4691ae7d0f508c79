"""Linear interpolation of models that cut the text into the same events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from pydantic import Field, model_validator

from lmbench.arrays import Floats
from lmbench.backends.mixture import mixed, tuned_weights
from lmbench.corpus import TrainingText
from lmbench.errors import SpecError
from lmbench.model import Fitted, Footprint, LanguageModel, ModelOptions, ModelSpec, Traits
from lmbench.progress import SILENT, Progress
from lmbench.registry import ResolvedModel, resolve
from lmbench.score import Score
from lmbench.signature import Signature
from lmbench.state import ModelState, NextEvents


class MixOptions(ModelOptions):
    """Options of the mix model."""

    positional: ClassVar[str | None] = "models"

    models: str = Field(
        "kenlm+cache",
        description="models with + between them, and ; between the options of each: kenlm:order=5;min_count=1+cache; "
        "where one names its tokenizer, it is that of the others",
    )
    weight: float | None = Field(
        None, gt=0, lt=1, description="of the first of two models; without it all are tuned on the validation split"
    )

    @cached_property
    def parts(self) -> tuple[ResolvedModel, ...]:
        """The mixed models, resolved; if one names its tokenizer, those that leave theirs open get the same."""
        parts = [resolve(spec) for spec in parse_models(self.models)]
        named = next((name for name in map(_tokenizer, parts) if name != "auto"), "auto")
        return tuple(
            part.with_arguments(("tokenizer", named)) if _leaves_open(part) and named != "auto" else part
            for part in parts
        )

    def files(self) -> tuple[Path, ...]:
        return tuple(path for part in self.parts for path in part.options.files())

    @classmethod
    def hint(cls, name: str, value: str) -> str:
        """Explain how an option of a mixed model is written: it follows a semicolon, not a comma."""
        return "write ; between the options of a mixed model, as in kenlm:order=5;min_count=1+cache"

    @model_validator(mode="after")
    def _can_be_mixed(self) -> Self:
        if len(self.parts) < 2:
            raise ValueError("a mixture has two models or more, with + between them, as in kenlm:order=5+cache")
        if any(part.spec.name == "mix" for part in self.parts):
            raise ValueError("a mixture of mixtures is one mixture; name its models side by side")
        tokenizers = dict.fromkeys(map(_tokenizer, self.parts))
        if len(named := [name for name in tokenizers if name != "auto"]) > 1:
            raise ValueError(
                f"the models cut the text into different events, tokenizer={' and '.join(named)}; choose one"
            )
        if any(getattr(part.options, "smoothing", "") == "mle" for part in self.parts):
            raise ValueError(
                "smoothing=mle gives no probability to what was not seen, so that a mixture with it would not sum to "
                "1; choose another smoothing"
            )
        return self

    @model_validator(mode="after")
    def _has_weights(self) -> Self:
        models = len(self.parts)
        if self.weight is not None and models > 2:
            raise ValueError(f"one weight is given for {models} models; leave it out to have them tuned")
        return self


def parse_models(text: str) -> list[ModelSpec]:
    """The specs that ``kenlm:order=5;min_count=1+cache`` names. Raises SpecError."""
    specs = [ModelSpec.parse(part.replace(";", ",")) for part in text.split("+")]
    for spec in specs:
        if "," in spec.name:
            name = spec.name.split(",")[0]
            raise SpecError(f"write : before the first option of a mixed model, and ; between them: {name}:order=5;…")
    return specs


def _tokenizer(part: ResolvedModel) -> str:
    return str(getattr(part.options, "tokenizer", "auto"))


def _leaves_open(part: ResolvedModel) -> bool:
    """Whether the model has a tokenizer, and its spec does not name one."""
    given = any(key == "tokenizer" for key, _ in part.spec.arguments)
    return getattr(part.options, "tokenizer", None) == "auto" and not given


class Mix(LanguageModel):
    """Linear interpolation: the weighted sum of what two or more models say of each event."""

    Options: ClassVar[type[ModelOptions]] = MixOptions
    options: MixOptions
    _weights = Fitted[Floats]()

    def __init__(self, options: ModelOptions | None = None) -> None:
        super().__init__(options)
        self._models = [part.build() for part in self.options.parts]
        if any(model.traits.weights != "fitted" for model in self._models):
            self.traits = Traits(weights="partly pretrained")

    def fit(self, data: TrainingText, progress: Progress = SILENT) -> None:
        """Fit or load the models, then tune their weights on the validation split.

        Raises:
            SpecError: The models cut the text into different events.
        """
        steps = len(self._models) + 1
        for number, (part, model) in enumerate(zip(self.options.parts, self._models, strict=True)):
            model.prepare(data, progress.part(str(part.spec), number / steps, (number + 1) / steps))
        progress("tuning the weights", 1 - 1 / steps)
        if self.options.weight is not None:
            self._weights = np.array([self.options.weight, 1 - self.options.weight])
        else:
            stacked = [_stacked(scores) for scores in self._scores(data.valid.documents)]
            self._weights = tuned_weights(np.concatenate([np.zeros((len(self._models), 0)), *stacked], axis=1))

    def score(self, documents: Sequence[str]) -> list[Score]:
        return [self._mixed(scores) for scores in self._scores(documents)]

    def state_after(self, text: str) -> ModelState:
        """NotImplementedError where the models have different events, or one offers no distribution."""
        states = [model.state_after(text) for model in self._models]
        names = [state.next_events().names for state in states]
        if any(others != names[0] for others in names):
            raise NotImplementedError("the mixed models know different words, so they have no common list of events")
        return _MixState(states, self._weights)

    def signature(self) -> Signature:
        parts = [
            f"{weight:.4g}*({str(model.signature()).replace('|', ';')})"
            for weight, model in zip(self._weights, self._models, strict=True)
        ]
        tuned = "given" if self.options.weight is not None else "tuned-on-valid"
        return Signature.of(mix="+".join(parts), weights=tuned)

    def footprint(self) -> Footprint:
        sizes = [model.footprint().parameters for model in self._models]
        known = [size for size in sizes if size is not None]
        return Footprint(sum(known) + len(sizes) if len(known) == len(sizes) else None)

    @property
    def score_tolerance(self) -> float:
        return max(model.score_tolerance for model in self._models)

    def _scores(self, documents: Sequence[str]) -> list[list[Score]]:
        """What each model says of each document."""
        by_document = [list(scores) for scores in zip(*(m.score(documents) for m in self._models), strict=True)]
        for scores in by_document:
            if any(not np.array_equal(score.ends, scores[0].ends) for score in scores):
                raise SpecError(f"mix: {self.options.models} cut the text into different events; use one tokenizer")
        return by_document

    def _mixed(self, scores: Sequence[Score]) -> Score:
        """The mixture's score; what it pays for spelling is what it would not pay if the spellings were free."""
        logprobs = mixed(_stacked(scores), self._weights)
        known = mixed(np.stack([score.logprobs - score.spelling for score in scores]), self._weights)
        spelled = np.any([score.spelling < 0 for score in scores], axis=0)
        return Score(scores[0].ends, logprobs, np.where(spelled, np.minimum(logprobs - known, 0), 0.0))


class _MixState(ModelState):
    """What several models say after the same text. Args: weights, (models,)."""

    def __init__(self, states: Sequence[ModelState], weights: Floats) -> None:
        self._states, self._weights = states, weights

    def next_events(self) -> NextEvents:
        parts = [state.next_events() for state in self._states]
        return replace(parts[0], logprobs=mixed(np.stack([part.logprobs for part in parts]), self._weights))

    def prefix_logprob(self, prefix: bytes) -> float:
        return float(mixed(np.array([[state.prefix_logprob(prefix)] for state in self._states]), self._weights)[0])

    def advance(self, event: int) -> None:
        for state in self._states:
            state.advance(event)


def _stacked(scores: Sequence[Score]) -> Floats:
    return np.stack([score.logprobs for score in scores])
