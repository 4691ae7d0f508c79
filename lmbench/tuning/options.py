"""The options that a search chooses, and the candidates that it tries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from pydantic import ConfigDict, JsonValue, PrivateAttr, ValidationError

from lmbench.errors import SpecError
from lmbench.identity import identify_model
from lmbench.model import Exportable, LanguageModel, ModelOptions, ModelSpec, Saveable, declared_traits

AUTO = "auto"
"""The value of an option that the validation split chooses."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model that a search tries.

    Attributes:
        values: The tuned options, with this candidate's values as in a spec.
        model: The model's class.
        options: All options of the model.
    """

    values: tuple[tuple[str, str], ...]
    model: type[LanguageModel]
    options: ModelOptions

    def __str__(self) -> str:
        return ",".join(f"{name}={value}" for name, value in self.values)

    def build(self) -> LanguageModel:
        """Return the model, not fitted yet."""
        return self.model(self.options)


class TunedOptions(ModelOptions):
    """The options of a model, of which a search chooses some: those with the value ``auto``.

    They have the names of the model's own options, and their values as in JSON.
    """

    model_config = ConfigDict(extra="allow")

    _candidates: tuple[Candidate, ...] = PrivateAttr()

    @classmethod
    def of(cls, candidates: Sequence[Candidate]) -> TunedOptions:
        """Return the options of a search among candidates."""
        first = candidates[0]
        values = first.options.model_dump(mode="json") | {name: AUTO for name, _ in first.values}
        options = cls.model_construct(first.options.model_fields_set, **values)
        options._candidates = tuple(candidates)
        return options

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """The models that the search tries, in order."""
        return self._candidates

    @property
    def grid(self) -> str:
        """The values of each tuned option."""
        values: dict[str, dict[str, None]] = {}
        for name, value in (entry for candidate in self._candidates for entry in candidate.values):
            values.setdefault(name, {})[value] = None
        return ";".join(f"{name}={','.join(tried)}" for name, tried in values.items())

    @property
    def names(self) -> str:
        """The tuned options as a user gave them."""
        return ",".join(f"{name}={AUTO}" for name, _ in self._candidates[0].values)

    @property
    def mixins(self) -> tuple[type, ...]:
        """The mixins of a model, Saveable and Exportable, that all candidates have."""
        return tuple(
            mixin for mixin in (Saveable, Exportable) if all(issubclass(one.model, mixin) for one in self._candidates)
        )

    def files(self) -> tuple[Path, ...]:
        return tuple(dict.fromkeys(path for candidate in self._candidates for path in candidate.options.files()))

    def identity(self) -> dict[str, JsonValue]:
        return {"candidates": [identify_model(candidate.model, candidate.options) for candidate in self._candidates]}


def find_tuned(spec: ModelSpec, model: type[LanguageModel]) -> tuple[str, ...]:
    """Return the options of the model's grid to which a spec gives the value ``auto``."""
    grid = dict(declared_traits(model).grid)
    return tuple(name for name, value in spec.read_values(model.Options).items() if value == AUTO and name in grid)


def list_candidates(spec: ModelSpec, model: type[LanguageModel], tuned: Sequence[str]) -> list[Candidate]:
    """Return the models of a search, without the combinations of values that the model refuses.

    Raises:
        SpecError: It refuses all of them; this is its reason for the first one.
    """
    candidates: list[Candidate] = []
    refusals: list[SpecError] = []
    grid = dict(declared_traits(model).grid)
    for combination in product(*(grid[name] for name in tuned)):
        values = dict(zip(tuned, combination, strict=True))
        try:
            given = read_given(_replace_values(spec, values, model), model)
        except SpecError as refusal:
            refusals.append(refusal)
        else:
            candidates.append(Candidate(tuple(values.items()), *given))
    if not candidates:
        raise refusals[0]
    return candidates


def _replace_values(spec: ModelSpec, values: dict[str, str], model: type[LanguageModel]) -> ModelSpec:
    positional = model.Options.positional or ""
    return ModelSpec(spec.name, tuple((name, values.get(name or positional, given)) for name, given in spec.arguments))


def read_given(spec: ModelSpec, model: type[LanguageModel]) -> tuple[type[LanguageModel], ModelOptions]:
    """Return the class and the options that a spec without a search names."""
    try:
        options = spec.options(model.Options)
    except SpecError as error:
        cause = error.__cause__
        if isinstance(cause, ValidationError) and cause.errors()[0]["input"] == AUTO:
            raise SpecError(f"{error}; {_advise_on_auto(spec.name, model)}") from error
        raise
    return options.delegate() or (model, options)


def _advise_on_auto(name: str, model: type[LanguageModel]) -> str:
    tunable = ", ".join(option for option, _ in declared_traits(model).grid)
    return f"{AUTO} can choose only {tunable}" if tunable else f"{AUTO} can choose no option of {name}"
