"""Names of tasks: options, families, and mistakes."""

import pytest

from lmbench import load_task
from lmbench.errors import LmbenchError
from lmbench.tasks import loading, public
from lmbench.tasks.loading import FAMILIES, TASKS, TaskLoader, expand_names, known_names, list_tasks, load_items
from lmbench.tasks.options import TaskOptions


def test_names_are_normalized_and_families_expanded():
    names = expand_names(["fables-qa:shots=02", "blimp:seed=1,limit=5", "copa:shots=0", "copa"])
    assert names == ["fables-qa-en:shots=2", "fables-qa-zh:shots=2", "blimp:limit=5,seed=1", "copa"]


def test_defaults_are_options_that_a_name_does_not_give():
    defaults = TaskOptions(limit=9, train="fables-zh")
    assert expand_names(["copa", "arc-easy:limit=2"], defaults) == [
        "copa:limit=9,train=fables-zh",
        "arc-easy:limit=2,train=fables-zh",
    ]


def test_all_are_those_that_need_no_download():
    assert expand_names(["all"]) == [*(n for family in list(FAMILIES.values())[:3] for n in family), "translation"]
    assert all(TASKS[name].is_local for name in expand_names(["all"]))
    assert list_tasks() is TASKS
    assert known_names() == [*TASKS, *FAMILIES]


@pytest.mark.parametrize("name", FAMILIES["fables-qa"] + FAMILIES["fables-translate"] + FAMILIES["fables-summarize"])
def test_what_the_list_says_of_a_task_is_so(name):
    task = load_task(name)
    assert task.kind == TASKS[name].kind
    assert task.name == name


def test_a_limit_and_a_seed_draw_items():
    whole, drawn = load_task("fables-translate-en-zh"), load_task("fables-translate-en-zh:limit=10,seed=1")
    assert len(drawn.items) == 10
    assert set(drawn.items) < set(whole.items)
    assert load_task("fables-translate-en-zh:limit=10,seed=2").items != drawn.items
    assert drawn.provenance == "fables,split=by-number,limit=10"
    assert load_task(drawn.name) == drawn


def test_shots_come_from_the_other_splits_and_train_is_any_corpus():
    task = load_task("fables-qa-en:shots=2,train=fables-zh")
    assert len(task.items) == 24
    context = task.write_context(task.items[0])
    assert context.count("Question: ") == 3
    assert context.endswith(task.items[0].context)
    assert task.training_name == "fables-zh"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "'' does not name a task"),
        ("fables-aq", r"unknown task 'fables-aq'; did you mean 'fables-qa'\?"),
        ("fables-qa", "'fables-qa' stands for fables-qa-en, fables-qa-zh; load one of them"),
        ("none.jsonl:kind=cloze", "no such file: 'none.jsonl'; a task is a file or one of: fables-qa-en, "),
        ("fables-qa-en:foo=1", "unknown option of fables-qa-en 'foo'"),
        ("fables-qa-en:limit=0", "fables-qa-en: option limit=0: Input should be greater than 0"),
        ("fables-qa-en:shots=a", "option shots=a: Input should be a valid integer"),
        ("fables-qa-en:train=nowhere", "unknown corpus 'nowhere'"),
        ("fables-qa-en:limit", "write option=value with one of: limit, shots, seed, train"),
        ("translation:words=3", "unknown option of translation 'words'"),
        ("blimp:shots=2", "blimp: shots=2: minimal pairs have no question that solved items could stand before"),
        ("blimp:kind=cloze", "unknown option of blimp 'kind'"),
        ("blimp:train=nowhere", "unknown corpus 'nowhere'"),
    ],
)
def test_a_wrong_name_or_option_is_refused_before_anything_is_read(name, message, monkeypatch):
    for module in (public, loading):
        monkeypatch.setattr(module, "fetch_file" if module is public else "read_corpus", pytest.fail)
    with pytest.raises(LmbenchError, match=message):
        load_task(name)


def test_only_known_names_are_expanded():
    with pytest.raises(LmbenchError, match="unknown task 'nothing'"):
        expand_names(["nothing"])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("all:words=3", "unknown option of fables-qa-en 'words'"),
        ("blimp", "blimp: shots=1: minimal pairs have no question"),
        ("my.jsonl", "my.jsonl needs kind="),
        ("my.jsonl:kind=minimal-pairs", "my.jsonl: shots=1: minimal pairs have no question"),
        ("my.toml:kind=cloze", "my.toml:kind=cloze: write the options of a task file into the file"),
        ("copa:train=gpt2-tokenizer", "'gpt2-tokenizer' is not a text to model"),
    ],
)
def test_only_options_that_a_task_can_have_are_expanded(name, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for file in ("my.jsonl", "my.toml"):
        (tmp_path / file).touch()
    with pytest.raises(LmbenchError, match=message):
        expand_names([name], TaskOptions(shots=1))


def test_tasks_and_the_corpora_that_models_are_fitted_on_are_read_once():
    loader = TaskLoader()
    first = loader.load("fables-qa-en:limit=5,train=fables-zh")
    second = loader.load("fables-translate-en-zh:limit=5,train=fables-zh")
    assert first.training.train is second.training.train
    assert loader.load(first.name) is first


def test_items_are_read_without_the_corpus_that_models_are_fitted_on(tmp_path):
    file = tmp_path / "my.jsonl"
    file.write_text('{"question": "1 + 1?", "choices": ["2", "3"], "gold": 0}\n')
    name = f"{file}:kind=multiple-choice,train={tmp_path}/missing.txt"
    assert load_items(name).training is None
    with pytest.raises(LmbenchError, match=r"missing\.txt"):
        load_task(name)
