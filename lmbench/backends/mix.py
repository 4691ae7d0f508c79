"""Linear interpolation of models that cut the text into the same events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator, model_validator

from lmbench.backends.mixture import mixed, tuned_weights
from lmbench.corpus import TrainingText
from lmbench.errors import SpecError
from lmbench.model import (
    Footprint,
    LanguageModel,
    ModelOptions,
    ModelSpec,
    NextEvents,
    Progress,
    Reading,
    Score,
    Signature,
    silent,
)
from lmbench.registry import build

Floats = NDArray[np.float64]


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

    def files(self) -> tuple[Path, ...]:
        return tuple(path for spec in parse_models(self.models) for path in build(spec).options.files())

    @classmethod
    def hint(cls, name: str, value: str) -> str:
        """An option of a mixed model, after a comma."""
        return "write ; between the options of a mixed model, as in kenlm:order=5;min_count=1+cache"

    @field_validator("models")
    @classmethod
    def _can_be_built(cls, models: str) -> str:
        specs = parse_models(models)
        if len(specs) < 2:
            raise ValueError("a mixture has two models or more, with + between them, as in kenlm:order=5+cache")
        if any(spec.name == "mix" for spec in specs):
            raise ValueError("a mixture of mixtures is one mixture; name its models side by side")
        options = [build(spec).options for spec in specs]
        tokenizers = dict.fromkeys(getattr(each, "tokenizer", "auto") for each in options)
        if len(named := [name for name in tokenizers if name != "auto"]) > 1:
            raise ValueError(
                f"the models cut the text into different events, tokenizer={' and '.join(named)}; choose one"
            )
        if any(getattr(each, "smoothing", "") == "mle" for each in options):
            raise ValueError(
                "smoothing=mle gives nothing any probability after what was not seen, so that a mixture with it would "
                "not sum to 1; choose another smoothing"
            )
        return models

    @model_validator(mode="after")
    def _has_weights(self) -> Self:
        models = len(parse_models(self.models))
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


def _cut_alike(specs: Sequence[ModelSpec]) -> list[ModelSpec]:
    """Where one model names its tokenizer, the others that leave theirs open have the same."""
    tokenizers = [getattr(build(spec).options, "tokenizer", None) for spec in specs]
    named = next((name for name in tokenizers if name not in (None, "auto")), "auto")
    return [
        replace(spec, arguments=(*spec.arguments, ("tokenizer", named)))
        if tokenizer == "auto" and all(key != "tokenizer" for key, _ in spec.arguments)
        else spec
        for spec, tokenizer in zip(specs, tokenizers, strict=True)
    ]


class Mix(LanguageModel):
    """Linear interpolation: the weighted sum of what two or more models say of each event."""

    Options: ClassVar[type[ModelOptions]] = MixOptions
    options: MixOptions

    def fit(self, data: TrainingText, progress: Progress = silent) -> None:
        """Raises SpecError where the models cut the text into different events."""
        specs = _cut_alike(parse_models(self.options.models))
        self._models = [build(spec) for spec in specs]
        for number, model in enumerate(self._models):

            def part(message: str, share: float, name: str = str(specs[number]), before: int = number) -> None:
                progress(f"{name}: {message}", (before + share) / (len(specs) + 1))

            if model.pretrained:
                model.load(part)
            else:
                model.fit(data, part)
        progress("tuning the weights", len(specs) / (len(specs) + 1))
        if self.options.weight is not None:
            self._weights = np.array([self.options.weight, 1 - self.options.weight])
        else:
            stacked = [_stacked(scores) for scores in self._scores(data.valid.documents)]
            self._weights = tuned_weights(np.concatenate([np.zeros((len(specs), 0)), *stacked], axis=1))

    def score(self, documents: Sequence[str]) -> list[Score]:
        return [self._mixed(scores) for scores in self._scores(documents)]

    def reading(self, text: str) -> Reading:
        """NotImplementedError where the models have different events, or one offers no distribution."""
        readings = [model.reading(text) for model in self._models]
        names = [reading.next_events().names for reading in readings]
        if any(others != names[0] for others in names):
            raise NotImplementedError("the mixed models know different words, so they have no common list of events")
        return _MixReading(readings, self._weights)

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
    def learned_elsewhere(self) -> bool:
        return any(build(spec).learned_elsewhere for spec in parse_models(self.options.models))

    @property
    def precision(self) -> float:
        return max(model.precision for model in self._models) if hasattr(self, "_models") else super().precision

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


class _MixReading(Reading):
    """What several models say after the same text. Args: weights, (models,)."""

    def __init__(self, readings: Sequence[Reading], weights: Floats) -> None:
        self._readings, self._weights = readings, weights

    def next_events(self) -> NextEvents:
        parts = [reading.next_events() for reading in self._readings]
        return replace(parts[0], logprobs=mixed(np.stack([part.logprobs for part in parts]), self._weights))

    def begins(self, start: bytes) -> float:
        return float(mixed(np.array([[reading.begins(start)] for reading in self._readings]), self._weights)[0])

    def read(self, event: int) -> None:
        for reading in self._readings:
            reading.read(event)


def _stacked(scores: Sequence[Score]) -> Floats:
    return np.stack([score.logprobs for score in scores])
