"""The mix model: linear interpolation of models that cut the text into the same events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from pydantic import Field, JsonValue, model_validator

from lmbench.arrays import Floats
from lmbench.backends.mixture import interpolate, tune_weights
from lmbench.corpus import TrainingText
from lmbench.errors import SpecError
from lmbench.model import Fitted, Footprint, LanguageModel, ModelOptions, ModelSpec, Saveable, Traits
from lmbench.progress import SILENT, Progress
from lmbench.registry import ResolvedModel, resolve
from lmbench.saved import FILE, open_saved, write_saved
from lmbench.score import Score
from lmbench.signature import Signature
from lmbench.state import ModelState, NextEvents


class MixOptions(ModelOptions):
    """Options of the mix model."""

    positional: ClassVar[str | None] = "models"

    models: str = Field(
        "kenlm+cache",
        description="models joined by +, with ; between the options of each: kenlm:order=5;min_count=1+cache; all use "
        "the tokenizer that one of them names",
    )
    weight: float | None = Field(
        None, gt=0, lt=1, description="weight of the first of two models; default: tuned on the validation split"
    )

    @cached_property
    def parts(self) -> tuple[ResolvedModel, ...]:
        """The mixed models, resolved. If one names its tokenizer, those that leave theirs open use it."""
        parts = tuple(resolve(spec) for spec in parse_models(self.models))
        if not (named := _named_tokenizers(parts)):
            return parts
        return tuple(
            part.with_arguments(("tokenizer", named[0])) if _leaves_tokenizer_open(part) else part for part in parts
        )

    def files(self) -> tuple[Path, ...]:
        return tuple(path for part in self.parts for path in part.options.files())

    def identity(self) -> dict[str, JsonValue]:
        return {"models": [part.identity() for part in self.parts], "weight": self.weight}

    def delegate(self) -> tuple[type[LanguageModel], ModelOptions] | None:
        return None if all(map(_can_be_saved, self.parts)) else (Mixture, self)

    @classmethod
    def hint(cls, name: str, value: str) -> str:
        """Explain how an option of a mixed model is written: it follows a semicolon, not a comma."""
        return "write ; between the options of a mixed model, as in kenlm:order=5;min_count=1+cache"

    @model_validator(mode="after")
    def _parts_can_be_mixed(self) -> Self:
        if len(self.parts) < 2:
            raise ValueError("a mixture needs two or more models, joined by +, as in kenlm:order=5+cache")
        if len(tokenizers := _named_tokenizers(self.parts)) > 1:
            raise ValueError(
                f"the models cut the text into different events, tokenizer={' and '.join(tokenizers)}; choose one"
            )
        if any(getattr(part.options, "smoothing", "") == "mle" for part in self.parts):
            raise ValueError(
                "smoothing=mle gives unseen events no probability, so a mixture with it would not sum to 1; "
                "choose another smoothing"
            )
        return self

    @model_validator(mode="after")
    def _weight_fits_the_parts(self) -> Self:
        if self.weight is not None and len(self.parts) > 2:
            raise ValueError(f"one weight is given for {len(self.parts)} models; leave it out to tune them all")
        return self


def parse_models(text: str) -> list[ModelSpec]:
    """Return the specs that a text such as ``kenlm:order=5;min_count=1+cache`` names.

    Raises:
        SpecError: A spec cannot be read, or is itself a mixture.
    """
    specs = [ModelSpec.parse(part.replace(";", ",")) for part in text.split("+")]
    for spec in specs:
        name, comma, _ = spec.name.partition(",")
        if comma:
            raise SpecError(f"write : before the first option of a mixed model, and ; between them: {name}:order=5;…")
        if name == "mix":
            raise SpecError("a mixture cannot contain another; join the models of both by +")
    return specs


def _named_tokenizers(parts: Sequence[ResolvedModel]) -> list[str]:
    """Return each tokenizer that a part names, once."""
    names = dict.fromkeys(str(getattr(part.options, "tokenizer", "auto")) for part in parts)
    return [name for name in names if name != "auto"]


def _leaves_tokenizer_open(part: ResolvedModel) -> bool:
    """Return whether the model has a tokenizer option that its spec does not give."""
    is_given = "tokenizer" in part.options.model_fields_set
    return getattr(part.options, "tokenizer", None) == "auto" and not is_given


def _can_be_saved(part: ResolvedModel) -> bool:
    return issubclass(part.model, Saveable) or part.traits.pretrained


class Mixture(LanguageModel):
    """The weighted sum of the probabilities that two or more models give each event."""

    Options: ClassVar[type[ModelOptions]] = MixOptions
    traits = Traits(threads=1, grid=(("models", tuple(f"kenlm:order={order}+cache" for order in range(2, 7))),))
    options: MixOptions
    _weights = Fitted[Floats]()

    def __init__(self, options: ModelOptions | None = None) -> None:
        super().__init__(options)
        self._models = [part.build() for part in self.options.parts]
        if any(model.traits.weights != "fitted" for model in self._models):
            self.traits = replace(self.traits, weights="partly pretrained")

    def fit(self, data: TrainingText, progress: Progress = SILENT) -> None:
        """Fit or load the models, then tune their weights on the validation split.

        Raises:
            SpecError: The models cut the text into different events.
        """
        steps = len(self._models) + 1
        for number, (part, model) in enumerate(zip(self.options.parts, self._models, strict=True)):
            model.prepare(data, progress.part(str(part.spec), number / steps, (number + 1) / steps))
        progress("tuning the weights", 1 - 1 / steps)
        if self.options.weight is None:
            self._weights = self._tune_weights(data.valid.documents)
        else:
            self._weights = np.array([self.options.weight, 1 - self.options.weight])

    def score(self, documents: Sequence[str]) -> list[Score]:
        weights = self._weights
        return [_interpolate_scores(scores, weights) for scores in self._score_parts(documents)]

    def state_after(self, text: str) -> ModelState:
        """Return the state after `text`.

        Raises:
            NotImplementedError: A model offers no distribution, or the models have different events.
        """
        weights = self._weights
        states = [model.state_after(text) for model in self._models]
        names = [state.next_events().names for state in states]
        if any(others != names[0] for others in names):
            raise NotImplementedError("the mixed models know different words, so they do not share a list of events")
        return _MixState(states, weights)

    def signature(self) -> Signature:
        parts = [
            f"{weight:.4g}*({str(model.signature()).replace('|', ';')})"
            for weight, model in zip(self._weights, self._models, strict=True)
        ]
        origin = "tuned-on-valid" if self.options.weight is None else "given"
        return Signature.of(mix="+".join(parts), weights=origin)

    def footprint(self) -> Footprint:
        """Return the parameters of all models and the weights, or None if a model does not know its parameters."""
        sizes = [model.footprint().parameters for model in self._models]
        known = [size for size in sizes if size is not None]
        return Footprint(sum(known) + len(sizes) if len(known) == len(sizes) else None)

    def remarks(self) -> tuple[str, ...]:
        """Return the remarks of all models, each one once."""
        return tuple(dict.fromkeys(remark for model in self._models for remark in model.remarks()))

    @property
    def score_tolerance(self) -> float:
        return max(model.score_tolerance for model in self._models)

    def _tune_weights(self, documents: Sequence[str]) -> Floats:
        logprobs = [_stack_logprobs(scores) for scores in self._score_parts(documents)]
        return tune_weights(np.concatenate([np.zeros((len(self._models), 0)), *logprobs], axis=1))

    def _score_parts(self, documents: Sequence[str]) -> list[list[Score]]:
        """Return, for each document, the score of each model."""
        by_model = [model.score(documents) for model in self._models]
        by_document = [list(scores) for scores in zip(*by_model, strict=True)]
        for scores in by_document:
            if any(not np.array_equal(score.ends, scores[0].ends) for score in scores):
                raise SpecError(f"mix: {self.options.models} cut the text into different events; use one tokenizer")
        return by_document


class Mix(Mixture, Saveable):
    """The weighted sum of the probabilities that two or more models give each event.

    Each model is saved in a folder of its own, unless it is pretrained.
    """

    def save(self, folder: Path) -> None:
        weights = self._weights
        (folder / FILE).unlink(missing_ok=True)  # without it the folder holds no model until all parts are written
        for number, model in enumerate(self._models, start=1):
            if isinstance(model, Saveable):
                part = folder / f"model{number}"
                part.mkdir(exist_ok=True)
                model.save(part)
        write_saved(folder, self, {"weights": weights})

    def restore(self, folder: Path) -> None:
        with open_saved(folder, self) as saved:
            weights = saved.array("weights", np.float64)
            if len(weights) != len(self._models):
                raise ValueError("the number of weights is not that of the models")
        for number, model in enumerate(self._models, start=1):
            if isinstance(model, Saveable):
                model.restore(folder / f"model{number}")
            else:
                model.load()
        self._weights = weights


class _MixState(ModelState):
    """The states of several models after the same text, mixed with `weights`, (models,)."""

    def __init__(self, states: Sequence[ModelState], weights: Floats) -> None:
        self._states, self._weights = states, weights

    def next_events(self) -> NextEvents:
        parts = [state.next_events() for state in self._states]
        return replace(parts[0], logprobs=interpolate(np.stack([part.logprobs for part in parts]), self._weights))

    def prefix_logprob(self, prefix: bytes) -> float:
        return self._mix([state.prefix_logprob(prefix) for state in self._states])

    def boundary_logprob(self) -> float:
        return self._mix([state.boundary_logprob() for state in self._states])

    def advance(self, event: int) -> None:
        for state in self._states:
            state.advance(event)

    def _mix(self, logprobs: Sequence[float]) -> float:
        """Return the mixture of one log-probability of each state, in nats."""
        return float(interpolate(np.array(logprobs)[:, None], self._weights)[0])


def _interpolate_scores(scores: Sequence[Score], weights: Floats) -> Score:
    """Return the score of a mixture; its spelling cost is what the mixture would save if spellings were free."""
    logprobs = interpolate(_stack_logprobs(scores), weights)
    without_spelling = interpolate(np.stack([score.logprobs - score.spelling for score in scores]), weights)
    is_spelled = np.any([score.spelling < 0 for score in scores], axis=0)
    return Score(scores[0].ends, logprobs, np.where(is_spelled, np.minimum(logprobs - without_spelling, 0), 0.0))


def _stack_logprobs(scores: Sequence[Score]) -> Floats:
    return np.stack([score.logprobs for score in scores])
