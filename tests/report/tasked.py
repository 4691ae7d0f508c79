"""Runs with tasks: one with every kind of row, whose texts are hostile."""

from lmbench.analysis.questions import Questions
from lmbench.corpora.catalog import PublishedTable
from lmbench.report.ranked_run import RankedRun
from lmbench.tasks.multiple_choice import MultipleChoice
from lmbench.tasks.task import Item
from tests.answering import ACCURACY, BYTES, F1, answer, fail, new_run, right, task_of

HOSTILE = '<script>alert("1")</script>"\'&\u202e\x1b[31m=cmd'
ITEMS = 40
PUBLISHED = PublishedTable(
    group="color",
    measure="accuracy, %",
    convention=HOSTILE,
    source="A paper",
    models=("people <b>",),
    values={"red": (90.0,), "blue": (70.0,), HOSTILE: (50.0,)},
)


def make_task(name):
    """Return the task itself, with four hostile choices an item."""
    items = tuple(
        Item(f"item-{number}", f"{number} {HOSTILE}\nasked:", (HOSTILE, "b", "c", "d"), 1, (), (("color", "red"),))
        for number in range(ITEMS)
    )
    return MultipleChoice(name, items)


def make_run(path, name="quiz"):
    """Return a run with a task of hostile items, a short one, and a cell of each kind."""
    task = make_task(name)
    record = task_of(
        name,
        metrics=(ACCURACY, BYTES, F1),
        overlap=0.0125,
        note=HOSTILE,
        description=HOSTILE,
        signature=str(task.signature()),
        published_by=PUBLISHED,
    )
    directory = new_run(path, record, task_of("few", items=5))
    groups = {"color": ["red", "blue", "red", HOSTILE] * 10}
    for model, count in (("kenlm", 34), ("ppm", 30), ("uniform", 10), ("net:seed=0", 20), ("net:seed=1", 24)):
        values = right(count, ITEMS)
        chosen = [1 if value else 0 for value in values]
        texts = None if model == "uniform" else [f"{model} {HOSTILE}"] * ITEMS
        f1 = None if model == "uniform" else [0.3, 0.7] * 20
        answer(
            directory,
            model,
            name,
            groups,
            accuracy=values,
            accuracy_bytes=values[::-1],
            f1=f1,
            chosen=chosen,
            text=texts,
        )
    answer(directory, "gpt2", name, groups, {"pretrained": True}, accuracy=right(39, ITEMS))
    answer(directory, "kenlm", "few", accuracy=right(3, 5))
    answer(directory, "half", "few", accuracy=[None, *right(3, 4)])
    fail(directory, "broken", "few", error=HOSTILE)
    return directory


def read(directory, name="quiz"):
    """Return the results of a run, with the texts of its items."""
    return RankedRun.read(directory, questions=Questions(directory.manifest, [make_task(name)]))
