"""Exact match and F1, against the scripts of SQuAD and MLQA that lm_eval carries."""

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

from lmbench.tasks.question_answering import QuestionAnswering, tokenize_answer
from lmbench.tasks.task import Item
from tests.tasks.answers import answer, bytes_alike

TASKS = Path(find_spec("lm_eval").submodule_search_locations[0]) / "tasks"
PAIRS = [
    ("The Fog, of course!", "fog"),
    ("a cat and a dog", "the dog and the cat"),
    ("Nothing.", "In a theatre"),
    ("", "the"),
    ("An  eagle's map", "eagles map"),
    ("two two three", "two three three"),
]


@cache
def published(path):
    """Return the functions of a script of lm_eval, without importing datasets."""
    code = (TASKS / path).read_text().replace("import datasets", "").replace("datasets.Dataset", "object")
    names = {}
    exec(code, names)
    return names


def measure(language, reference, text):
    item = Item("1", "Q", references=(reference,))
    task = QuestionAnswering("qa", (item,), language=language)
    measured = task.measure(item, answer(task, item, bytes_alike, text))
    return measured["exact"], measured["f1"]


@pytest.mark.parametrize(("text", "reference"), PAIRS)
def test_english_is_measured_as_in_squad(text, reference):
    script = published("qasper/metrics.py")
    exact, f1 = measure("en", reference, text)
    assert exact == (script["normalize_answer"](text) == script["normalize_answer"](reference))
    assert f1 == pytest.approx(script["f1_abstractive"]([text], [reference]) or exact)  # SQuAD 2.0: 1 if both are empty


@pytest.mark.parametrize(
    ("text", "reference"), [("他以为那话是猫头鹰说的。", "猫头鹰的话"), ("三月 2 日", "3月2日"), ("“雾”", "雾")]
)
def test_chinese_is_cut_as_in_mlqa(text, reference):
    script = published("mlqa/utils.py")
    for string in (text, reference):
        assert tokenize_answer(string, "zh") == script["normalize_answer"](string, "zh").split()


def test_the_best_reference_counts():
    item = Item("1", "Q", references=("a red boat", "the blue boat"))
    task = QuestionAnswering("qa", (item,), language="en")
    measured = task.measure(item, answer(task, item, bytes_alike, "Blue boat"))
    assert (measured["exact"], measured["f1"]) == (1, 1)
    assert task.measure(item, answer(task, item, bytes_alike, "red"))["f1"] == pytest.approx(2 / 3)
