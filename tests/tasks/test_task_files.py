import json

import pytest

from lmbench import load_task
from lmbench.errors import LmbenchError
from lmbench.tasks.loading import expand_names

TASK = r"""
kind = "multiple-choice"
file = "items.jsonl"
context = "{passage}\nQ: {q}\nA:"
choices = ["{a}", "{b}"]
gold = "label"
description = "questions"
"""


@pytest.fixture
def load(tmp_path, monkeypatch):
    """A function that writes a task file, with items and examples beside it, and loads it."""
    monkeypatch.chdir(tmp_path)
    for name, word in (("items", "What"), ("examples", "Which")):
        records = [{"passage": "P", "q": f"{word} {i}?", "a": f"y{i}", "b": f"n{i}", "label": i % 2} for i in range(4)]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, records)))
    (tmp_path / "own.txt").write_text("a b c\n" * 20)

    def write_and_load(text, options=""):
        (tmp_path / "my.toml").write_text(text)
        return load_task(f"my.toml{options}")

    return write_and_load


def test_templates_make_the_items(load):
    task = load(TASK)
    item = task.items[1]
    assert (item.context, item.choices, item.gold) == ("P\nQ: What 1?\nA:", ("y1", "n1"), 1)
    assert (task.name, task.description, task.training_name) == ("my.toml", "questions", "fables-en")
    assert dict(task.signature().parts)["prompt"] == r"{passage}\nQ: {q}\nA:"


def test_solved_examples_stand_before_questions_and_are_learned(load):
    task = load(TASK + 'examples = "examples.jsonl"\nshots = 1\nseparator = " / "\nending = "."')
    [example] = task.draw_examples(task.items[0])
    assert (
        task.requests(task.items[0])[0].context == f"{example.context} {task.answer_of(example)}. / P\nQ: What 0?\nA:"
    )
    assert task.training.train.documents[0] == "P\nQ: Which 0?\nA: y0.\n"
    assert task.training_name == "examples.jsonl"


def test_an_example_that_is_asked_is_refused(load):
    with pytest.raises(
        LmbenchError, match=r"items.jsonl, item 1 is item 1 of those that are asked; an example must not"
    ):
        load(TASK + 'examples = "items.jsonl"')


def test_more_shots_than_the_file_has_examples_are_refused(load):
    text = TASK + 'examples = "examples.jsonl"'
    assert len(load(text, ":shots=4").items) == 4
    with pytest.raises(LmbenchError, match=r"my.toml: shots=5: it has examples for 4 at most"):
        load(text, ":shots=5")


def test_a_byte_order_mark_is_not_a_part_of_the_file(load):
    assert load("\ufeff" + TASK).description == "questions"


def test_an_option_says_otherwise_than_the_file(load):
    text = TASK + 'examples = "examples.jsonl"\nshots = 1\n'
    task = load(text, ":shots=0,train=fables-zh")
    assert (task.shots, task.training_name, task.name) == (0, "fables-zh", "my.toml:train=fables-zh,shots=0")
    assert expand_names(["my.toml:shots=0", "my.toml"]) == ["my.toml:shots=0", "my.toml"]
    assert load_task(task.name) == task


def test_models_are_fitted_on_the_file_s_corpus(load):
    assert load(TASK + 'train = "own.txt"').training.train.documents[0] == "a b c\n"
    assert load(TASK + 'train = "fables-zh"').training_name == "fables-zh"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TASK + 'contxt = "a"', r"unknown field of my.toml 'contxt'; did you mean 'context'\?"),
        (TASK.replace("multiple-choice", "multiple"), "my.toml: kind: Input should be 'minimal-pairs', "),
        ('file = "items.jsonl"', "my.toml: kind: Field required"),
        (TASK + 'shots = "a"', "my.toml: shots: Input should be a valid integer"),
        (TASK.replace('["{a}", "{b}"]', '"{a}"'), "my.toml: choices: Input should be a list"),
        (TASK + "x = ", "my.toml is not TOML: "),
        (TASK.replace("items.jsonl", "none.jsonl"), "cannot read none.jsonl: No such file or directory"),
        (TASK.replace("items.jsonl", r"a\u0000"), r"cannot read a\\x00: embedded null byte"),
        (TASK.replace("{q}", "{question}"), "items.jsonl, item 1 lacks the field 'question' of "),
        (TASK.replace("{q}", "{q"), "is malformed"),
        (TASK + 'train = "nowhere"', "unknown corpus 'nowhere'"),
        (TASK + 'language = "zh"', "items.jsonl, item 1: 'y0' is not in the language 'zh'"),
    ],
)
def test_a_wrong_file_is_refused(load, text, message):
    with pytest.raises(LmbenchError, match=message):
        load(text)


def test_the_fields_of_a_file_are_not_options(load):
    with pytest.raises(LmbenchError, match=r"my.toml:kind=cloze: write the options of a task file into the file"):
        load(TASK, ":kind=cloze")
