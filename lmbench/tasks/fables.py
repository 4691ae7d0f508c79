"""Tasks on the project's own fables: questions, translations of their short texts, and their morals."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

from lmbench.corpora.fables import Fable, Language, Telling, read_fables, split_of
from lmbench.corpus import Split, TrainingText, with_line_end
from lmbench.tasks.prompted import PromptedTask
from lmbench.tasks.question_answering import QuestionAnswering
from lmbench.tasks.task import Item

_LICENSE = "CC0-1.0"
_NAMES = {"en": "English", "zh": "Chinese"}
_QUESTION = {"en": "{text}\n\nQuestion: {question}\nAnswer:", "zh": "{text}\n\n问题：{question}\n回答："}

SomeTask = TypeVar("SomeTask", bound=PromptedTask)


@dataclass(frozen=True, slots=True)
class SplitItems:
    """The items of the three splits of the fables."""

    train: tuple[Item, ...]
    valid: tuple[Item, ...]
    test: tuple[Item, ...]


def read_split_items(make: Callable[[str, Fable], Iterable[Item]]) -> SplitItems:
    """Return the items that `make` returns for each fable and its number, by split."""
    found: dict[str, list[Item]] = {"train": [], "valid": [], "test": []}
    for number, fable in read_fables().items():
        found[split_of(number)] += make(f"{number:03}", fable)
    return SplitItems(*(tuple(items) for items in found.values()))


def write_training(task: PromptedTask, train: Iterable[Item], valid: Iterable[Item]) -> TrainingText:
    """Return the training text of a task: solved items, one document each."""
    fitted, held_out = (Split(tuple(with_line_end(task.solve(item)) for item in items)) for items in (train, valid))
    return TrainingText(fitted, held_out)


def complete(task: SomeTask, items: SplitItems) -> SomeTask:
    """Return a task that asks the items of the test split, and whose training text and examples are the others."""
    return replace(
        task,
        items=items.test,
        examples=items.train + items.valid,
        training=write_training(task, items.train, items.valid),
        training_name=task.name,
        license=_LICENSE,
        provenance="fables,split=by-number",
    )


def load_questions(language: Language) -> QuestionAnswering:
    """Return the task ``fables-qa-en`` or ``fables-qa-zh``: a question about each fable, with four answers."""

    def ask(number: str, fable: Fable) -> list[Item]:
        told = tell(fable, language)
        context = _QUESTION[language].format(text=text_of(told), question=told.question)
        answer = told.answers[fable.key.answer]
        return [Item(number, context, told.answers, fable.key.answer, (answer,))]

    task = QuestionAnswering(
        f"fables-qa-{language}",
        (),
        language=language,
        description=f"a question about each fable in {_NAMES[language]}, with four answers",
        delimiter=" " if language == "en" else "",
        prompt=_QUESTION[language],
    )
    return complete(task, read_split_items(ask))


def tell(fable: Fable, language: Literal["en", "zh"]) -> Telling:
    """Return a fable in a language."""
    return fable.en if language == "en" else fable.zh


def text_of(telling: Telling) -> str:
    """Return the title and the text of a fable, without its moral."""
    return f"{telling.title}\n\n{telling.text.strip()}"
