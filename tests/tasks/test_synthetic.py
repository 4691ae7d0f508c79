"""The task of the synthetic language pair, against the corpus of the same source."""

import os
import subprocess
import sys

import pytest

from lmbench import load_corpus, load_task
from lmbench.corpora.synthetic.sources import make_source
from lmbench.errors import LmbenchError

NAME = "translation:lines=200"


@pytest.fixture(scope="module")
def task():
    return load_task(NAME)


def test_items_are_test_lines_and_each_wrong_translation_differs(task):
    corpus, source = load_corpus(NAME), make_source(NAME)
    assert 30 <= len(task.items) <= 34
    for item in task.items:
        right = item.choices[item.gold]
        assert f"{item.context} {right}\n" in corpus.test.documents
        assert source.translate(item.context.removesuffix(" =>")) == right
        assert 4 <= len(set(item.choices)) == len(item.choices) <= 5
        reordered = [choice for choice in item.choices if sorted(choice.split()) == sorted(right.split())]
        assert len(reordered) == 2
    assert {item.gold for item in task.items} == {0, 1, 2, 3, 4}


def test_another_process_draws_the_same_items(task):
    """Python orders sets of texts differently in each process."""
    script = f"from lmbench import load_task\nprint(ascii(load_task({NAME!r}).items))"
    environment = os.environ | {"PYTHONHASHSEED": "1"}
    other = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert other.stdout == f"{task.items!a}\n"


def test_no_item_is_in_the_training_text(task):
    texts = "".join(task.training.train.documents + task.training.valid.documents)
    assert not any(line.startswith(item.context) for item in task.items for line in texts.splitlines())


def test_a_seed_is_also_that_of_the_source(task):
    other = load_task(f"{NAME},seed=1,limit=5,shots=1")
    assert len(other.items) == 5
    assert other.items[0].choices != task.items[0].choices
    assert other.training == load_corpus(f"{NAME},seed=1").training
    assert other.write_context(other.items[0]).count(" => ") == 1


def test_a_source_without_new_sentences_is_refused():
    tiny = "translation:lines=4000,nouns=1,verbs=1,modifiers=1,adjective=0,adverb=0,phrase=0"
    with pytest.raises(LmbenchError, match="has all sentences"):
        load_task(tiny)
