import pytest

from lmbench.analysis.questions import Questions
from lmbench.errors import ResultsError
from lmbench.runs.records import Manifest
from lmbench.tasks.loading import load_task
from tests.answering import task_of


def manifest_of(*tasks):
    return Manifest(created="", models=(), corpora=(), rows=(), tasks=tasks)


@pytest.fixture(scope="module")
def task():
    return load_task("fables-qa-en:limit=5,train=fables-zh")


@pytest.fixture
def record(task):
    return task_of(task.name, signature=str(task.signature()))


def ids_of(task):
    return [item.id for item in task.items]


def test_a_task_is_read_again_by_its_name(task, record):
    assert Questions(manifest_of(record)).find(task.name, ids_of(task)).items == task.items


def test_a_task_that_is_given_is_not_read(task, record):
    assert Questions(manifest_of(record), [task]).find(task.name, ids_of(task)) is task


def test_other_items_are_refused(task, record):
    with pytest.raises(ResultsError, match="are other ones than in the run"):
        Questions(manifest_of(record)).find(task.name, ids_of(task)[1:])
    changed = record.model_copy(update={"signature": "task:other"})
    with pytest.raises(ResultsError, match="are other ones than in the run"):
        Questions(manifest_of(changed)).find(task.name, ids_of(task))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("nothing", "unknown task 'nothing'"),
        ("arc-easy", "its files are not on this machine"),
        ("a.jsonl", "no such file"),
    ],
)
def test_a_task_that_cannot_be_read_has_a_reason(monkeypatch, tmp_path, name, reason):
    monkeypatch.setenv("LMBENCH_CACHE", str(tmp_path))
    monkeypatch.delenv("LMBENCH_MIRROR", raising=False)
    with pytest.raises(ResultsError, match=reason):
        Questions(manifest_of(task_of(name))).find(name, [])
