"""Tasks in files of TOML, which say how the items of a file of JSON lines are asked; and such files alone."""

from __future__ import annotations

import tomllib
from codecs import BOM_UTF8
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lmbench.corpora.names import find_path
from lmbench.corpus import Split, TrainingText, hold_out, with_line_end
from lmbench.errors import TaskError, UnknownNameError, reason
from lmbench.printable import printable
from lmbench.spec import Spec
from lmbench.tasks.checking import check_examples, check_items
from lmbench.tasks.distractors import offer_choices
from lmbench.tasks.files import KINDS, FileOptions, Kind, Layout, default_layout, describe_file, read_bytes, read_items
from lmbench.tasks.prompted import PromptedTask
from lmbench.tasks.task import Item

_UNSPACED = ("zh", "ja", "th")
_COMPARED = ("translation", "summarization")
"""The kinds whose items are offered the references of others, unless they have choices of their own."""


class TaskFile(BaseModel):
    """The fields of a task file.

    Attributes:
        kind: The kind.
        file: The file of JSON lines with the items that are asked.
        examples: The file with solved items, for shots and to fit models on.
        train: The corpus that models are fitted on instead: its name, or the path of a text.
        language: The code of the language of the answers.
        context: The template of the context.
        answer: The template of the right answer.
        choices: The templates of the choices.
        gold: The field with the number of the right choice.
        delimiter: The text between a context and an answer.
        ending: The text after an answer.
        separator: The text between a solved item and the next one.
        shots: The number of solved items before each question, unless an option says otherwise.
        description: Human-readable description, in one line.
        license: The license of the items.
        citation: Where they were published.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Kind
    file: str
    examples: str = ""
    train: str = ""
    language: str = ""
    context: str | None = None
    answer: str | None = None
    choices: tuple[str, ...] = ()
    gold: str | None = None
    delimiter: str | None = None
    ending: str | None = None
    separator: str | None = None
    shots: Annotated[int, Field(ge=0, le=64)] = 0
    description: str = ""
    license: str = ""
    citation: str = ""

    @property
    def layout(self) -> Layout:
        """How the fields of a record become an item."""
        default = default_layout(self.kind, self.language)
        return Layout(
            default.contexts if self.context is None else (self.context,),
            default.answer if self.answer is None else self.answer,
            self.choices or default.choices,
            default.gold if self.gold is None else self.gold,
            default.passage if self.context is None else "",
        )


def is_task_file(path: str) -> bool:
    """Return whether a path is that of a task file, by its name."""
    return path.endswith(".toml")


def check_options(spec: Spec) -> None:
    """Check the options of a user's file, which is not read.

    Raises:
        SpecError: An option of a file of JSON lines is missing, or has a wrong value.
        TaskError: A task file has options, which belong into the file.
    """
    if not is_task_file(spec.name):
        spec.options(FileOptions)
    elif spec.arguments:
        raise TaskError(f"{spec}: write the options of a task file into the file")


def load_file(spec: Spec) -> tuple[PromptedTask, str]:
    """Return the task of a user's file, and the corpus that models are fitted on; "" if the file does not name one.

    Args:
        spec: The path, with the options of `FileOptions` if it is a file of JSON lines.

    Raises:
        TaskError: The file cannot be used.
        SpecError: An option is missing or has a wrong value.
    """
    check_options(spec)
    path = find_path(spec.name)
    if not is_task_file(spec.name):
        options = spec.options(FileOptions)
        return _make_task(TaskFile(kind=options.kind, file=path.name, language=options.language), path), ""
    described = read_task_file(path)
    train = path.parent / described.train
    return _make_task(described, path), str(train) if described.train and train.exists() else described.train


def read_task_file(path: Path) -> TaskFile:
    """Return the fields of a task file.

    Raises:
        TaskError: It cannot be read, is not TOML, or a field has a wrong value.
        UnknownNameError: A field does not exist.
    """
    name = printable(path.name)
    try:
        return TaskFile.model_validate(tomllib.loads(read_bytes(path).removeprefix(BOM_UTF8).decode()))
    except UnicodeDecodeError:
        raise TaskError(f"{name} is not UTF-8; convert it") from None
    except ValidationError as error:
        first = error.errors()[0]
        if first["type"] == "extra_forbidden":
            raise UnknownNameError(f"field of {name}", printable(str(first["loc"][0])), TaskFile.model_fields) from None
        raise TaskError(f"{name}: {printable(reason(error))}") from None
    except ValueError as error:
        raise TaskError(f"{name} is not TOML: {error}") from None


def _make_task(described: TaskFile, path: Path) -> PromptedTask:
    """Return the task of a task file at a path, or of the JSON lines at that path."""
    file = path.parent / described.file
    items = _read(described, file)
    given = {
        name: value for name in ("delimiter", "ending", "separator") if (value := getattr(described, name)) is not None
    }
    if described.language in _UNSPACED and described.kind != "translation":
        given = {"delimiter": ""} | given
    task = KINDS[described.kind](
        path.name,
        items,
        language=described.language,
        shots=described.shots,
        description=described.description or f"the items of {file.name}",
        license=described.license,
        citation=described.citation,
        provenance=describe_file(file),
        prompt=described.layout.contexts[-1],
        **given,
    )
    return task if not described.examples else _with_examples(task, described, path.parent / described.examples)


def _read(described: TaskFile, file: Path) -> tuple[Item, ...]:
    """Return the items of a file, checked, with choices if the kind compares them."""
    items = read_items(file, described.layout)
    check_items(items, printable(file.name), described.language)
    return offer_choices(items) if described.kind in _COMPARED else items


def _with_examples(task: PromptedTask, described: TaskFile, file: Path) -> PromptedTask:
    """Return a task with the examples of a file, which models are also fitted on."""
    examples = _read(described, file)
    check_examples(examples, task.items, printable(file.name))
    solved = Split(tuple(with_line_end(task.solve(item)) for item in examples))
    training = TrainingText(*hold_out(solved)) if len(examples) > 1 else TrainingText(solved, solved)
    return replace(
        task,
        examples=examples,
        training=training,
        training_name=file.name,
        provenance=f"{task.provenance},examples:{describe_file(file)}",
    )
