"""A task of four items that a model of uniform bytes answers in a known way: it prefers the shorter text."""

from lmbench import Split, TrainingText
from lmbench.tasks.question_answering import QuestionAnswering
from lmbench.tasks.task import Item

TEXT = TrainingText(Split(("the cat sat\n", "the dog sat\n") * 8), Split(("a cat\n",)))

QUESTIONS = QuestionAnswering(
    "questions",
    (
        Item("short", "Who sat?", ("cat", "the dog"), 0, ("cat",), groups=(("field", "animals"),)),
        Item("long", "Who ran?", ("cat", "the dog"), 1, ("the dog",), groups=(("field", "animals"),)),
        Item("tie", "Who ate?", ("cat", "dog"), 0, ("cat",)),
        Item("中", "谁？", ("猫", "一只狗"), 0, ("猫",)),
    ),
    training=TEXT,
    training_name="toy",
    language="en",
)
