"""Tuning: options with the value ``auto``, which the validation split chooses from the values of the model's grid."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from pathlib import Path
from typing import ClassVar, cast

from pydantic import ConfigDict, JsonValue, PrivateAttr, ValidationError

from lmbench.corpus import Split, TrainingText, batches
from lmbench.errors import CorpusError, LmbenchError, SpecError, UnavailableError
from lmbench.exhibit import Exhibit
from lmbench.identity import identify_model
from lmbench.model import (
    LONGEST_REMARK,
    Exportable,
    Fitted,
    Footprint,
    LanguageModel,
    ModelOptions,
    ModelSpec,
    Saveable,
    Traits,
    declared_traits,
    plain_traits,
)
from lmbench.progress import SILENT, Progress
from lmbench.saved import FILE, SavedFacts, open_saved, write_saved
from lmbench.score import Score, checked_scores
from lmbench.signature import Signature
from lmbench.state import ModelState, NextEvents

AUTO = "auto"
"""The value of an option that the validation split chooses."""

_CHOSEN = "chosen"  # the folder of the chosen model within that of a saved search


def read_options(spec: ModelSpec, model: type[LanguageModel]) -> tuple[type[LanguageModel], ModelOptions]:
    """Return the class and the options that a spec names: those of a search if an option of the grid is ``auto``.

    Args:
        spec: The spec.
        model: The registered class of its name.

    Raises:
        LmbenchError: An option does not exist, or a value does not fit.
    """
    tuned = _find_tuned(spec, model)
    if not tuned:
        return _read_given(spec, model)
    options = TunedOptions.of(_list_candidates(spec, model, tuned))
    return _tuned_class(model, options.mixins), options


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


class Trial(SavedFacts):
    """A candidate that a search tried.

    Attributes:
        values: The values of its tuned options.
        bits_per_byte: Its bits per byte of the validation split; None if it failed.
        seconds: Wall-clock seconds of fitting it and scoring the validation split.
        error: Why it failed.
    """

    values: tuple[tuple[str, str], ...]
    bits_per_byte: float | None
    seconds: float
    error: str = ""


class _Record(SavedFacts):
    """The trials of a search, and the number of the one that it chose."""

    trials: tuple[Trial, ...]
    chosen: int


@dataclass(frozen=True, slots=True)
class Found:
    """The result of a search.

    Attributes:
        model: The chosen model, fitted.
        record: The trials.
    """

    model: LanguageModel
    record: _Record

    @property
    def values(self) -> str:
        """The chosen values."""
        return ", ".join(f"{name}={value}" for name, value in self.record.trials[self.record.chosen].values)


class Tuned(LanguageModel):
    """A model some of whose options the validation split chooses. It does what the chosen model does."""

    Options: ClassVar[type[ModelOptions]] = TunedOptions
    options: TunedOptions
    _found = Fitted[Found]()

    def __init__(self, options: ModelOptions | None = None) -> None:
        super().__init__(options)
        self.traits = _join_traits([candidate.build().traits for candidate in self.options.candidates])

    @property
    def chosen(self) -> LanguageModel:
        """The chosen model, fitted."""
        return self._found.model

    def fit(self, data: TrainingText, progress: Progress = SILENT) -> None:
        """Fit each candidate, and keep the one with the fewest bits per byte of the validation split.

        Raises:
            CorpusError: The validation split is empty.
            LmbenchError: All candidates failed; the message has the error of the first one.
        """
        if not data.valid.size:
            raise CorpusError(f"{self.options.names} needs a validation split; give the option a value")
        self._found = _Search(data, progress).run(self.options.candidates)

    def score(self, documents: Sequence[str]) -> list[Score]:
        return self.chosen.score(documents)

    def score_continuations(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        return self.chosen.score_continuations(pairs)

    def conditional_logprob(self, context: str, continuation: str, whole: Score) -> float:
        return self.chosen.conditional_logprob(context, continuation, whole)

    def next_events(self, text: str) -> NextEvents:
        return self.chosen.next_events(text)

    def state_after(self, text: str) -> ModelState:
        return self.chosen.state_after(text)

    def suspect_histories(self) -> Sequence[str]:
        """Return the texts that the conformance suite asks the chosen model for, if it has any."""
        suspects: Sequence[str] = getattr(self.chosen, "suspect_histories", tuple)()
        return suspects

    def signature(self) -> Signature:
        found = self._found
        search = (("tuned-on-valid", found.values.replace(" ", "")), ("grid", self.options.grid))
        return found.model.signature() + Signature(search)

    def exhibits(self) -> tuple[Exhibit, ...]:
        return (*self.chosen.exhibits(), _exhibit_search(self._found.record))

    def remarks(self) -> tuple[str, ...]:
        remark = f"{self._found.values} tuned on valid"
        return (*self.chosen.remarks(), remark if len(remark) <= LONGEST_REMARK else f"{self.options.names} on valid")

    @property
    def score_tolerance(self) -> float:
        return self.chosen.score_tolerance

    def footprint(self) -> Footprint:
        return self.chosen.footprint()

    def save(self, folder: Path) -> None:
        """Write the chosen model and the trials into a folder."""
        found = self._found
        (folder / FILE).unlink(missing_ok=True)  # without it the folder holds no model until the chosen one is written
        (folder / _CHOSEN).mkdir(exist_ok=True)
        cast(Saveable, found.model).save(folder / _CHOSEN)
        write_saved(folder, self, {}, found.record)

    def restore(self, folder: Path) -> None:
        """Restore the chosen model from a folder that `save` wrote, without a search.

        Raises:
            SpecError: The folder does not hold a search with these candidates.
        """
        with open_saved(folder, self) as saved:
            record = saved.facts(_Record)
            if not 0 <= record.chosen < len(record.trials) == len(self.options.candidates):
                raise ValueError("the trials are not those of the candidates")
        model = self.options.candidates[record.chosen].build()
        cast(Saveable, model).restore(folder / _CHOSEN)
        self._found = Found(model, record)

    def export(self, path: Path) -> None:
        """Write the chosen model to `path`."""
        cast(Exportable, self.chosen).export(path)

    def check_exportable(self) -> None:
        """Check, before fitting, that each candidate can be exported."""
        for candidate in self.options.candidates:
            cast(Exportable, candidate.build()).check_exportable()


class _Search:
    """A search on a text. Besides the candidate at work, it holds only the best one so far."""

    def __init__(self, data: TrainingText, progress: Progress) -> None:
        self._data, self._progress = data, progress
        self._trials: list[Trial] = []
        self._errors: list[LmbenchError] = []
        self._best: tuple[float, int, LanguageModel] | None = None

    def run(self, candidates: Sequence[Candidate]) -> Found:
        """Try all candidates, and return the best one.

        Raises:
            LmbenchError: All candidates failed; the message has the error of the first one.
        """
        for number, candidate in enumerate(candidates):
            part = self._progress.part(str(candidate), number / len(candidates), (number + 1) / len(candidates))
            self._try(candidate, part)
        if self._best is None:
            raise LmbenchError(f"all candidates failed; {candidates[0]}: {self._errors[0]}") from self._errors[0]
        _, number, model = self._best
        return Found(model, _Record(trials=tuple(self._trials), chosen=number))

    def _try(self, candidate: Candidate, progress: Progress) -> None:
        started, bits, error = time.perf_counter(), None, ""
        try:
            model = candidate.build()
            model.prepare(self._data, progress)
            progress("scoring the validation split", 1.0)
            bits = _bits_per_byte(model, self._data.valid)
            if self._best is None or bits < self._best[0]:
                self._best = bits, len(self._trials), model
        except UnavailableError:
            raise
        except LmbenchError as failure:
            self._errors.append(failure)
            error = str(failure)
        seconds = time.perf_counter() - started
        self._trials.append(Trial(values=candidate.values, bits_per_byte=bits, seconds=seconds, error=error))


def _find_tuned(spec: ModelSpec, model: type[LanguageModel]) -> tuple[str, ...]:
    """Return the options of the model's grid to which a spec gives the value ``auto``."""
    grid = dict(declared_traits(model).grid)
    return tuple(name for name, value in spec.read_values(model.Options).items() if value == AUTO and name in grid)


def _list_candidates(spec: ModelSpec, model: type[LanguageModel], tuned: Sequence[str]) -> list[Candidate]:
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
            given = _read_given(_replace_values(spec, values, model), model)
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


def _read_given(spec: ModelSpec, model: type[LanguageModel]) -> tuple[type[LanguageModel], ModelOptions]:
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


@cache
def _tuned_class(model: type[LanguageModel], mixins: tuple[type, ...]) -> type[Tuned]:
    """Return the class of a search among models of a class; it has the mixins that all candidates have."""
    traits = replace(declared_traits(model), version=Tuned.traits.version)
    body = {"__doc__": model.__doc__, "__module__": __name__, "traits": traits}
    return cast(type[Tuned], type(f"Tuned{model.__name__}", (Tuned, *mixins), body))


def _join_traits(declared: Sequence[object]) -> Traits:
    """Return the traits of a search among models that have these."""
    traits = list(map(plain_traits, declared))
    threads = [one.threads for one in traits]
    return replace(
        traits[0],
        weights="fitted" if all(one.weights == "fitted" for one in traits) else "partly pretrained",
        normalized=all(one.normalized for one in traits),
        batch_characters=min(one.batch_characters for one in traits),
        version=Tuned.traits.version,
        threads=None if None in threads else max(number or 1 for number in threads),
        libraries=tuple(dict.fromkeys(name for one in traits for name in one.libraries)),
        gpu=any(one.gpu for one in traits),
    )


def _bits_per_byte(model: LanguageModel, split: Split) -> float:
    """Return how many bits a model needs for each byte of a split.

    Raises:
        ScoreError: A score breaks the contract.
    """
    nats = 0.0
    for batch in batches(split.documents, model.traits.batch_characters):
        nats -= sum(float(score.logprobs.sum()) for score in checked_scores(model.score(batch), batch))
    return nats / math.log(2) / split.size


def _exhibit_search(record: _Record) -> Exhibit:
    seconds = sum(trial.seconds for trial in record.trials)
    options = tuple(name for name, _ in record.trials[0].values)
    return Exhibit(
        title="Tuning",
        shows=f"Candidates and their bits per byte of the validation split; the search took {seconds:.1f} s.",
        kind="table",
        columns=(*options, "bits/byte on valid", "seconds", "result"),
        rows=tuple(_rows_of_search(record)),
    )


def _rows_of_search(record: _Record) -> Iterator[tuple[str | float | None, ...]]:
    for number, trial in enumerate(record.trials):
        result = "chosen" if number == record.chosen else trial.error
        yield (*(value for _, value in trial.values), trial.bits_per_byte, trial.seconds, result)
