"""Studies: what a run is asked for, as a user writes it in a file or by options, and as a run directory stores it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from lmbench.corpora.names import parse_names
from lmbench.corpora.options import CorpusOptions
from lmbench.corpora.selection import TrainingPart, list_parts, parse_shares
from lmbench.errors import SpecError
from lmbench.ngrams.workspace import parse_size
from lmbench.printable import printable
from lmbench.spec import Seconds, split_list
from lmbench.tasks.options import TaskOptions

AuditKind = Literal["none", "sample", "full"]
"""How a cell is audited: not at all, on a few documents, or on these and by scoring all documents again."""

AUDIT_KINDS: tuple[AuditKind, ...] = ("none", "sample", "full")
"""All kinds of audits; each is stronger than those before it."""

EMBEDDED = "pydocs,fables-en,fables-zh,markov,hidden-markov,grammar,recall"
"""The corpora of a study that names neither corpora nor tasks."""

HEADER = "# What this run was asked for. `lmbench run` with this file repeats it."
"""The first line of a study that a run directory stores."""

_ALL = ("100%",)
_SECONDS = TypeAdapter[float](Seconds)
_LISTS = ("models", "corpora", "tasks", "train_size")
_SUBJECTS = {"corpora", "tasks"}  # what each model is evaluated on


def _split_by(split: Callable[[str], Sequence[str]]) -> BeforeValidator:
    """Return a validator that splits a list which is written as on the command line."""
    return BeforeValidator(lambda value: split(value) if isinstance(value, str) else value)


def _count_seeds(value: object) -> object:
    """Return the seeds 0 to N-1 for a number N."""
    if isinstance(value, (list, tuple)):
        return value
    if type(value) is not int or not 1 <= value <= 1000:
        raise ValueError("write how many seeds, from 1 to 1000, or a list of them")
    return list(range(value))


def _duration(value: object) -> object:
    try:
        return _SECONDS.validate_python(value)
    except ValidationError:
        raise ValueError(f"'{value}' is not a duration; write for example 90s, 10m or 1h30m") from None


def _size(value: object) -> object:
    try:
        return parse_size(value) if isinstance(value, str) else value
    except SpecError as error:
        raise ValueError(str(error)) from None


Seed = Annotated[int, Field(ge=0, lt=2**32)]


class _Keys(BaseModel):
    """Keys of a study. Each has the name of the option of ``lmbench run`` that says the same."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", populate_by_name=True, alias_generator=lambda name: name.replace("_", "-")
    )

    @classmethod
    def all_keys(cls) -> list[str]:
        """Return the keys as a user writes them."""
        return [field.alias or name for name, field in cls.model_fields.items()]

    def given(self) -> dict[str, JsonValue]:
        """Return the keys that do not have their defaults, with their values."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)


class ExperimentTable(_Keys):
    """Models, and the corpora and tasks on which each of them is evaluated.

    Attributes:
        models: Specs of models; sweeps and labels are parts of them.
        corpora: Names of corpora; options may follow each of them. By default the embedded ones, or none if there are
            tasks.
        tasks: Names of tasks and of users' files; options may follow each of them.
        shots: How many solved items stand before each question of a task.
        train_on: The corpus on which models are fitted before they answer, instead of the text of each task.
        seed: The seed of each model that has one, unless its spec gives another.
        seeds: Several of them: each of these models is evaluated with each seed.
        train_size: The shares of the training split on which each model is fitted.
        train_draws: How many times the documents of each share are chosen.
        tune: Whether each model tunes the options of its grid that its spec leaves open.
        check: Whether the models go through the conformance suite first.
        audit: How each cell is audited.
        documents: How to read users' own texts; see CorpusOptions for this, `encoding`, `field`, `format` and `strip`.
        split: The split to score.
        limit: How many documents of each corpus to score, and how many items of each task to ask.
    """

    models: Annotated[tuple[str, ...], _split_by(split_list)] = ()
    corpora: Annotated[tuple[str, ...], _split_by(parse_names)] = tuple(EMBEDDED.split(","))
    tasks: Annotated[tuple[str, ...], _split_by(parse_names)] = ()
    shots: Annotated[int, Field(ge=0, le=64)] | None = None
    train_on: str | None = None
    seed: Seed | None = None
    seeds: Annotated[tuple[Seed, ...], BeforeValidator(_count_seeds)] = ()
    train_size: Annotated[tuple[str, ...], _split_by(lambda text: text.split(","))] = _ALL
    train_draws: Annotated[int, Field(ge=1, le=1000)] = 1
    tune: bool = False
    check: bool = True
    audit: AuditKind = "sample"
    documents: Literal["auto", "line", "block", "article", "file"] | None = None
    encoding: str | None = None
    field: str | None = None
    format: Literal["text", "jsonl", "json", "conllu", "csv", "tsv"] | None = None
    strip: bool | None = None
    split: Literal["test", "valid", "all"] | None = None
    limit: Annotated[int, Field(gt=0)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _choose_corpora(cls, keys: object) -> object:
        """Leave the embedded corpora out if only tasks are named."""
        if isinstance(keys, dict) and "tasks" in keys and "corpora" not in keys:
            return keys | {"corpora": ()}
        return keys

    @field_validator("train_draws")
    @classmethod
    def _check_shares(cls, draws: int, info: ValidationInfo) -> int:
        if draws > 1 and info.data.get("train_size") == _ALL:
            raise ValueError("each draw of the whole training text is the same; give train-size as well")
        return draws

    @property
    def all_seeds(self) -> tuple[int, ...]:
        """The seeds; none if each model has its own."""
        return self.seeds if self.seed is None else (self.seed,)

    @property
    def train_parts(self) -> tuple[TrainingPart, ...]:
        """The parts of the training split.

        Raises:
            SpecError: One of the shares is not a percentage.
        """
        return list_parts(parse_shares(",".join(self.train_size)), self.train_draws)

    @property
    def corpus_options(self) -> CorpusOptions:
        """The options of all corpora that do not have their own."""
        return CorpusOptions.model_validate(self.model_dump(include=set(CorpusOptions.model_fields)))

    @property
    def given_for_tasks(self) -> list[str]:
        """The keys that are given and are for tasks alone."""
        return [key for key, value in (("shots", self.shots), ("train-on", self.train_on)) if value is not None]

    @property
    def task_options(self) -> TaskOptions:
        """The options of all tasks that do not have their own."""
        given = {"limit": self.limit, "shots": self.shots, "train": self.train_on}
        return TaskOptions.model_validate({name: value for name, value in given.items() if value is not None})

    def resolved(
        self, models: Sequence[str], corpora: Sequence[str] | None = None, tasks: Sequence[str] = ()
    ) -> ExperimentTable:
        """Return this table with the models that its specs, sweeps, seeds and tuning name, and some of its corpora.

        Args:
            models: The specs of the models.
            corpora: The names of the corpora; None for all of them.
            tasks: The names of the tasks, each with all of its options.
        """
        names = self.corpora if corpora is None else corpora
        resolved = {
            "models": tuple(models),
            "corpora": tuple(map(_replace_bytes, names)),
            "tasks": tuple(map(_replace_bytes, tasks)),
            **{"shots": None, "train_on": None, "seed": None, "seeds": (), "tune": False},
        }
        return self.model_copy(update=resolved)

    def includes(self, other: ExperimentTable) -> bool:
        """Return whether this table asks for all cells of another."""
        same = self.model_copy(update={"train_draws": other.train_draws})
        different = same._list_different(other)
        return (
            self.train_draws >= other.train_draws
            and set(different) <= set(_LISTS)
            and all(set(getattr(other, name)) <= set(getattr(self, name)) for name in different)
        )

    def _list_different(self, other: ExperimentTable) -> list[str]:
        """Return the keys in which two tables differ."""
        return [name for name in type(self).model_fields if getattr(self, name) != getattr(other, name)]

    def joined(self, other: ExperimentTable) -> ExperimentTable | None:
        """Return a table that asks for the cells of both and no others; None if no one table does."""
        for large, small in ((self, other), (other, self)):
            if large.includes(small):
                return large
        different = set(self._list_different(other))
        if not (different <= _SUBJECTS or (len(different) == 1 and different <= set(_LISTS))):
            return None
        joined = {name: tuple(dict.fromkeys(getattr(self, name) + getattr(other, name))) for name in different}
        return self.model_copy(update=joined)


class Settings(_Keys):
    """How a study is run, which changes none of its numbers.

    Attributes:
        engine: Where the cells are evaluated: on this machine, or on a Ray cluster.
        ray_address: The address of the Ray cluster; None for one on this machine.
        jobs: How many cells may be evaluated at the same time; None for as many as help.
        timeout: Seconds that one cell may take; None for as long as it takes.
        memory_limit: Bytes of memory that the process of one cell may use; None for as much as there is.
        scores: Whether to store each event.
        out: The run directory.
    """

    engine: Literal["local", "ray"] = "local"
    ray_address: str | None = None
    jobs: Annotated[int, Field(gt=0)] | None = None
    timeout: Annotated[float, Field(gt=0), BeforeValidator(_duration)] | None = None
    memory_limit: Annotated[int, Field(gt=0), BeforeValidator(_size)] | None = None
    scores: bool = True
    out: str | None = None

    @field_validator("ray_address")
    @classmethod
    def _check_engine(cls, address: str | None, info: ValidationInfo) -> str | None:
        if address is not None and info.data.get("engine") == "local":
            raise ValueError("it is for the engine ray, and the engine is local")
        return address


class Study(BaseModel):
    """A request for a run.

    Attributes:
        experiments: The models, corpora and tasks.
        settings: How they are run.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    experiments: tuple[ExperimentTable, ...]
    settings: Settings = Settings()

    def extended(self, other: Study) -> Study:
        """Return a study that asks for the cells of both and no others, with the settings of the other one."""
        return Study(
            experiments=reduce(_add, other.experiments, self.experiments),
            settings=other.settings,
        )

    def format(self) -> str:
        """Return the study as a file. Where it is stored is not a part of it."""
        settings = self.settings.model_copy(update={"out": None}).given()
        tables = [_name_all(experiment) for experiment in self.experiments]
        if len(tables) == 1:
            return "\n".join([HEADER, "", *_format_keys(tables[0] | settings), ""])
        lines = [HEADER, *([""] if settings else []), *_format_keys(settings)]
        for table in tables:
            lines += ["", "[[experiment]]", *_format_keys(table)]
        return "\n".join([*lines, ""])


def _add(experiments: tuple[ExperimentTable, ...], new: ExperimentTable) -> tuple[ExperimentTable, ...]:
    """Return experiments with another one, which becomes a part of one of them if that asks for no other cells."""
    if any(experiment.includes(new) for experiment in experiments):
        return experiments
    for number, experiment in enumerate(experiments):
        if (joined := experiment.joined(new)) is not None:
            return (*experiments[:number], joined, *experiments[number + 1 :])
    return (*experiments, new)


def _replace_bytes(name: str) -> str:
    """Return a path, which may have any bytes, as text."""
    return name.encode(errors="replace").decode()


def _name_all(experiment: ExperimentTable) -> dict[str, JsonValue]:
    """Return the keys of an experiment, with those that say what it is even if they have their defaults."""
    named = {"models", "corpora", "check", "audit"}
    return experiment.model_dump(mode="json", include=named) | experiment.given()


def _format_keys(keys: Mapping[str, JsonValue]) -> list[str]:
    return [f"{key} = {_format_value(value)}" for key, value in keys.items()]


def _format_value(value: JsonValue) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return _format_string(value)
    if not isinstance(value, list):
        return str(value)
    items = [f"    {_format_value(item)},\n" for item in value]
    return f"[\n{''.join(items)}]" if len(items) > 1 else f"[{''.join(map(_format_value, value))}]"


def _format_string(text: str) -> str:
    """Return a string of TOML that is safe to print on a terminal."""
    return '"' + "".join(map(_format_character, text)) + '"'


def _format_character(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    return character if printable(character) == character else f"\\U{ord(character):08x}"
