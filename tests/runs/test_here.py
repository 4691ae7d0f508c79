import os

import pytest

from lmbench.errors import LmbenchError, PluginError, ResultsError
from lmbench.runs.channel import Failure
from lmbench.runs.here import WorkHere


def raising(error):
    def work(channel):
        raise error

    return work


def test_messages_are_received_and_questions_answered_at_once(tmp_path):
    received = []

    def work(channel):
        channel.send("a message")
        return channel.ask("a question") + 1

    def receive(message):
        received.append(message)
        return 41

    assert WorkHere().run(work, tmp_path / "log", receive) == 42
    assert received == ["a message", "a question"]
    assert not (tmp_path / "log").exists()


def test_errors_are_results_and_their_tracebacks_are_logged(tmp_path):
    failure = WorkHere().run(raising(ValueError("broken")), tmp_path / "log", print)
    assert failure == Failure("ValueError: broken")
    assert "test_here.py" in (tmp_path / "log").read_text()
    error = WorkHere().run(raising(PluginError("mine")), tmp_path / "none", print)
    assert (type(error), str(error)) == (PluginError, "mine")
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ResultsError("the disk is full"), OSError("broken")])
def test_what_ends_a_run_is_raised(tmp_path, error):
    with pytest.raises(type(error)):
        WorkHere().run(lambda channel: channel.send("a message"), tmp_path / "log", raising(error))


def test_a_model_cannot_end_a_run_with_an_error_of_the_store(tmp_path):
    error = WorkHere().run(raising(ResultsError("mine")), tmp_path / "log", print)
    assert (type(error), str(error)) == (LmbenchError, "mine")


def test_a_process_that_the_work_forks_does_not_return(tmp_path):
    child = []

    def work(channel):
        child.append(os.fork())

    WorkHere().run(work, tmp_path / "log", print)
    assert os.waitpid(child[0], 0)[1] == 1 << 8
