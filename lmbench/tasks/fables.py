"""Tasks on the project's own fables: questions, translations of their short texts, and their morals."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TypeVar

from lmbench.corpora.fables import Fable, Language, Telling, read_fables, split_of
from lmbench.corpus import Split, TrainingText, with_line_end
from lmbench.tasks.distractors import offer_choices
from lmbench.tasks.prompted import PromptedTask
from lmbench.tasks.question_answering import QuestionAnswering
from lmbench.tasks.summarization import Summarization
from lmbench.tasks.task import Item
from lmbench.tasks.translation import Translation

_LICENSE = "CC0-1.0"
_PROVENANCE = "fables,split=by-number"
_NAMES = {"en": "English", "zh": "Chinese"}
_DELIMITERS = {"en": " ", "zh": ""}
_QUESTION = {"en": "{text}\n\nQuestion: {question}\nAnswer:", "zh": "{text}\n\n问题：{question}\n回答："}
_LONGEST_IS_RIGHT = "A rule that reads nothing, and chooses the longest answer, is right on 38 % of all 120 fables."
_MORAL = {"en": "{text}\n\nMoral:", "zh": "{text}\n\n寓意："}

SomeTask = TypeVar("SomeTask", bound=PromptedTask)


@dataclass(frozen=True, slots=True)
class SplitItems:
    """The items of the three splits of the fables."""

    train: tuple[Item, ...]
    valid: tuple[Item, ...]
    test: tuple[Item, ...]


def load_questions(language: Language) -> QuestionAnswering:
    """Return the task ``fables-qa-en`` or ``fables-qa-zh``: a question about each fable, with four answers."""

    def ask(number: str, fable: Fable) -> list[Item]:
        told = _tell(fable, language)
        context = _QUESTION[language].format(text=_without_moral(told), question=told.question)
        return [Item(number, context, told.answers, fable.key.answer, (told.answers[fable.key.answer],))]

    task = QuestionAnswering(
        f"fables-qa-{language}",
        (),
        language=language,
        description=f"a question about each fable in {_NAMES[language]}, with four answers",
        note=_LONGEST_IS_RIGHT,
        delimiter=_DELIMITERS[language],
        prompt=_QUESTION[language],
    )
    return _complete(task, _read_split_items(ask))


def load_morals(language: Language) -> Summarization:
    """Return the task ``fables-summarize-en`` or ``fables-summarize-zh``: the moral of each fable among others."""

    def ask(number: str, fable: Fable) -> list[Item]:
        told = _tell(fable, language)
        return [Item(number, _MORAL[language].format(text=_without_moral(told)), references=(told.moral,))]

    task = Summarization(
        f"fables-summarize-{language}",
        (),
        language=language,
        description=f"the moral of each fable in {_NAMES[language]} among those of three other fables",
        delimiter=_DELIMITERS[language],
        prompt=_MORAL[language],
    )
    return _complete(task, _read_split_items(ask))


def load_translations(source: Language, target: Language) -> Translation:
    """Return the task ``fables-translate-en-zh`` or ``fables-translate-zh-en``: titles and morals.

    The training text has questions and answers too: all short texts of a fable.
    """

    def pair(number: str, fable: Fable) -> list[Item]:
        texts = zip(_short_texts(_tell(fable, source)), _short_texts(_tell(fable, target)), strict=True)
        return [
            Item(f"{number}-{part}", f"{before} =>", references=(after,), groups=(("part", part.partition("-")[0]),))
            for (part, before), (_, after) in texts
        ]

    task = Translation(
        f"fables-translate-{source}-{target}",
        (),
        language=target,
        description=f"titles and morals of the fables, from {_NAMES[source]} into {_NAMES[target]}",
    )
    items = _read_split_items(pair)
    asked, *others = (
        tuple(item for item in split if dict(item.groups)["part"] in ("title", "moral"))
        for split in (items.test, items.train, items.valid)
    )
    return replace(
        _complete(task, replace(items, test=asked)), examples=tuple(item for split in others for item in split)
    )


def _read_split_items(make: Callable[[str, Fable], Iterable[Item]]) -> SplitItems:
    """Return the items that `make` returns for each fable and its number, by split."""
    found: dict[str, list[Item]] = {"train": [], "valid": [], "test": []}
    for number, fable in read_fables().items():
        found[split_of(number)] += make(f"{number:03}", fable)
    return SplitItems(**{split: tuple(items) for split, items in found.items()})


def _complete(task: SomeTask, items: SplitItems) -> SomeTask:
    """Return a task that asks the items of the test split; its training text and its examples are the others.

    Items without choices get some.
    """
    return replace(
        task,
        items=items.test if items.test[0].choices else offer_choices(items.test),
        examples=items.train + items.valid,
        training=write_training(task, items.train, items.valid),
        training_name=task.name,
        license=_LICENSE,
        provenance=_PROVENANCE,
    )


def write_training(task: PromptedTask, train: Iterable[Item], valid: Iterable[Item]) -> TrainingText:
    """Return solved items as the training text of a task, one document each."""
    fitted, held_out = (Split(tuple(with_line_end(task.solve(item)) for item in items)) for items in (train, valid))
    return TrainingText(fitted, held_out)


def _tell(fable: Fable, language: Language) -> Telling:
    return fable.en if language == "en" else fable.zh


def _without_moral(telling: Telling) -> str:
    return f"{telling.title}\n\n{telling.text.strip()}"


def _short_texts(telling: Telling) -> list[tuple[str, str]]:
    """Return the texts of one sentence, each with the name of its part."""
    answers = [(f"answer-{number}", answer) for number, answer in enumerate(telling.answers, start=1)]
    return [("title", telling.title), ("moral", telling.moral), ("question", telling.question), *answers]
