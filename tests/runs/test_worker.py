import os
import re
import shutil
import sys
import time
from functools import partial

import numpy as np
import pytest

from lmbench.errors import CorpusError, LmbenchError, UnavailableError, UnknownNameError
from lmbench.runs.worker import Failure, Worker, peak_bytes


def count(upto, channel):
    for number in range(upto):
        channel.send(number)
    return upto


def double(numbers, channel):
    return [channel.ask(number) for number in numbers]


def ask_and_end(channel):
    channel.send("now")
    os._exit(5)


def fail(error, channel):
    raise error


def misspell(channel):
    raise UnknownNameError("model", "kenml", ["kenlm"])


def leave(code, channel):
    sys.stdout.write("the last words\n")
    sys.exit(code)


def end_silently(channel):
    os.write(1, b"some noise\nthe last words\n")
    os._exit(3)


def ignore(message):
    raise AssertionError(message)


def test_messages_arrive_in_order_before_the_result(tmp_path):
    messages = []
    assert Worker().run(partial(count, 3), tmp_path / "log", messages.append) == 3
    assert messages == [0, 1, 2]


def test_the_work_can_ask_and_gets_the_replies(tmp_path):
    assert Worker().run(partial(double, [1, 5]), tmp_path / "log", lambda number: 2 * number) == [2, 10]


def test_a_long_reply_arrives_whole(tmp_path):
    text = "x" * 10_000_000
    assert Worker().run(partial(double, [0]), tmp_path / "log", lambda _: text) == [text]


def test_a_reply_to_a_process_that_has_ended_is_no_error(tmp_path):
    worker = Worker()

    def reply_late(_):
        worker._process.join()
        worker._reply("x" * 10_000_000)

    assert type(worker.run(ask_and_end, tmp_path / "log", reply_late)) is Failure


@pytest.mark.parametrize(
    ("error", "kind"), [(UnavailableError("no weights"), UnavailableError), (CorpusError("no text"), LmbenchError)]
)
def test_an_error_of_lmbench_is_returned(tmp_path, error, kind):
    result = Worker().run(partial(fail, error), tmp_path / "log", ignore)
    assert type(result) is kind
    assert str(result) == str(error)


def test_an_error_whose_constructor_takes_other_arguments_is_returned(tmp_path):
    result = Worker().run(misspell, tmp_path / "log", ignore)
    assert str(result) == "unknown model 'kenml'; did you mean 'kenlm'? (known: kenlm)"


@pytest.mark.parametrize(
    ("work", "ending"),
    [
        (partial(fail, ValueError("a bug")), "ValueError: a bug"),
        (partial(fail, ValueError("a\n\x1bbug\n" + "x" * 10**6)), "ValueError: a \\x1bbug " + "x" * 978 + "…"),
        (partial(fail, KeyError()), "KeyError"),
        (partial(leave, 4), "SystemExit: 4"),
        (end_silently, "the process ended too early, with exit code 3: the last words"),
    ],
)
def test_any_other_ending_is_a_failure(tmp_path, work, ending):
    assert Worker().run(work, tmp_path / "log", ignore) == Failure(ending)


def test_everything_printed_is_in_the_log(tmp_path):
    Worker().run(partial(leave, 0), tmp_path / "log", ignore)
    printed = (tmp_path / "log").read_text()
    assert re.match(r"the last words\nTraceback .*\nSystemExit: 0\n$", printed, flags=re.DOTALL)


def test_a_log_that_is_removed_before_the_work_starts_is_a_failure(tmp_path, monkeypatch, capfd):
    log = tmp_path / "logs/log"
    log.parent.mkdir()
    worker = Worker()
    exchange = worker._exchange

    def remove_and_exchange(*arguments):
        shutil.rmtree(log.parent)
        return exchange(*arguments)

    monkeypatch.setattr(worker, "_exchange", remove_and_exchange)
    assert worker.run(partial(count, 3), log, ignore) == Failure("cannot write the log: No such file or directory")
    assert capfd.readouterr().err == ""


def test_a_worker_without_work_ends_with_its_context():
    with Worker() as worker:
        process = worker._process
        assert process.is_alive()
    assert not process.is_alive()


def test_an_error_of_the_receiver_ends_the_process(tmp_path):
    worker = Worker()
    with pytest.raises(AssertionError):
        worker.run(partial(count, 3), tmp_path / "log", ignore)
    deadline = time.monotonic() + 10
    while worker._process.is_alive() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not worker._process.is_alive()


def test_peak_memory_counts_what_was_freed():
    before = peak_bytes()
    assert np.ones(before // 8 + 5_000_000).sum()
    assert peak_bytes() >= before + 40_000_000
