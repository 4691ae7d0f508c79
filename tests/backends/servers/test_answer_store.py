import multiprocessing
import sqlite3

import pytest

from lmbench.backends.servers.answer_store import AnswerStore
from lmbench.backends.servers.answers import Answer
from lmbench.errors import UnavailableError

ANSWER = Answer(names=("a", None, "中"), logprobs=(None, -1.25, -3.5e-17), sizes=(2, 3), generated="�")


def test_answers_come_back_exactly(tmp_path) -> None:
    store = AnswerStore(tmp_path / "new" / "answers.sqlite")
    assert store.find(["one"]) == {}
    store.keep({"one": ANSWER})
    assert AnswerStore(tmp_path / "new" / "answers.sqlite").find(["one", "two"]) == {"one": ANSWER}


def test_many_answers_are_found_at_once(tmp_path) -> None:
    store = AnswerStore(tmp_path / "answers.sqlite")
    store.keep({str(i): ANSWER for i in range(1200)})
    assert len(store.find([str(i) for i in range(2000)])) == 1200


def test_an_answer_of_another_version_is_asked_for_again(tmp_path) -> None:
    store = AnswerStore(tmp_path / "answers.sqlite")
    store.keep({"one": ANSWER, "two": ANSWER})
    with sqlite3.connect(tmp_path / "answers.sqlite") as database:
        database.execute("UPDATE answers SET answer = '{}' WHERE key = 'one'")
    database.close()
    assert store.find(["one", "two"]) == {"two": ANSWER}


def test_a_damaged_file_is_named(tmp_path) -> None:
    (tmp_path / "answers.sqlite").write_bytes(b"not a database" * 100)
    with pytest.raises(UnavailableError, match=r"answers\.sqlite: .*delete the file, or let LMBENCH_CACHE"):
        AnswerStore(tmp_path / "answers.sqlite").find(["one"])


def test_a_folder_that_cannot_be_made_is_named(tmp_path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UnavailableError, match="cannot store the server's answers"):
        AnswerStore(tmp_path / "file" / "answers.sqlite").keep({"one": ANSWER})


def _keep_many(path, start) -> None:
    for i in range(start, start + 20):
        AnswerStore(path).keep({str(i): ANSWER})


def test_several_processes_store_answers_at_the_same_time(tmp_path) -> None:
    path = tmp_path / "answers.sqlite"
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_keep_many, args=(path, start)) for start in (0, 10)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    assert len(AnswerStore(path).find([str(i) for i in range(30)])) == 30
