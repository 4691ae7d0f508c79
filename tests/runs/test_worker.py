import os
import re
import signal
import sys
import threading
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from lmbench.errors import CorpusError, LmbenchError, UnavailableError, UnknownNameError
from lmbench.runs.templates import Workers
from lmbench.runs.worker import Failure, Limits, Worker, as_error, find_log

KINDS = ["spawned", *(["forked"] if sys.platform == "linux" else [])]


@pytest.fixture(scope="module")
def workers():
    with Workers() as workers:
        yield workers


@pytest.fixture(params=KINDS)
def start(request, workers):
    """Start a process in each way that this system has."""
    return Worker if request.param == "spawned" else workers.start


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


def end_by_signal(number, channel):
    os.kill(os.getpid(), number)


def ignore(message):
    raise AssertionError(message)


def wait_for(condition, seconds=10.0):
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return condition()


def is_running(pid):
    """Return whether a process exists and is not a zombie."""
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


def test_messages_arrive_in_order_before_the_result(tmp_path, start):
    messages = []
    assert start().run(partial(count, 3), tmp_path / "log", messages.append) == 3
    assert messages == [0, 1, 2]


def test_the_work_can_ask_and_gets_the_replies(tmp_path, start):
    assert start().run(partial(double, [1, 5]), tmp_path / "log", lambda number: 2 * number) == [2, 10]


def test_long_work_and_a_long_reply_arrive_whole(tmp_path, workers):
    text = "x" * 10_000_000
    assert workers.start().run(partial(double, [text]), tmp_path / "log", lambda question: question * 2) == [2 * text]


def test_a_reply_to_a_process_that_has_ended_is_no_error(tmp_path, start):
    worker = start()

    def reply_late(_):
        assert wait_for(lambda: worker._process.wait(0))
        worker._reply("x" * 10_000_000)

    assert worker.run(ask_and_end, tmp_path / "log", reply_late) == Failure(
        "the process ended too early, with exit code 5"
    )


@pytest.mark.parametrize(
    ("error", "kind"), [(UnavailableError("no weights"), UnavailableError), (CorpusError("no text"), LmbenchError)]
)
def test_an_error_of_lmbench_is_returned(tmp_path, workers, error, kind):
    result = workers.start().run(partial(fail, error), tmp_path / "log", ignore)
    assert type(result) is kind
    assert str(result) == str(error)


def test_an_error_whose_constructor_takes_other_arguments_is_returned(tmp_path, workers):
    result = workers.start().run(misspell, tmp_path / "log", ignore)
    assert str(result) == "unknown model 'kenml'; did you mean 'kenlm'? (known: kenlm)"


@pytest.mark.parametrize(
    ("work", "ending"),
    [
        (partial(fail, ValueError("a bug")), "ValueError: a bug"),
        (partial(fail, ValueError("a\n\x1bbug\n" + "x" * 10**6)), "ValueError: a \\x1bbug " + "x" * 978 + "…"),
        (partial(fail, KeyError()), "KeyError"),
        (partial(leave, 4), "SystemExit: 4"),
        (end_silently, "the process ended too early, with exit code 3: the last words"),
        (partial(end_by_signal, signal.SIGSEGV), "the process was killed by signal 11"),
        (partial(end_by_signal, signal.SIGINT), "the process ended too early, with exit code 130"),
    ],
)
def test_any_other_ending_is_a_failure(tmp_path, workers, work, ending):
    assert workers.start().run(work, tmp_path / "log", ignore) == Failure(ending)


def send_long_texts(channel):
    channel.send("ready")
    channel.send(Failure("x" * 10**6))


def send_long_error(channel):
    channel.send(LmbenchError("x\n" * 10**6))


@pytest.mark.parametrize("work", [send_long_texts, send_long_error])
def test_texts_that_a_process_sends_itself_are_short_and_printable(tmp_path, workers, work):
    text = str(as_error(workers.start().run(work, tmp_path / "log", lambda message: None), tmp_path / "log"))
    assert len(text) < 2000
    assert text.isprintable()


def test_an_error_refers_to_the_log_unless_that_is_empty(tmp_path):
    written, final = tmp_path / "log", Path("logs/check-m.txt")
    assert find_log(written, final) is None
    written.touch()
    assert str(as_error(Failure("it died"), find_log(written, final))) == "it died"
    written.write_text("the last words\n")
    assert str(as_error(Failure("it died"), find_log(written, final))) == "it died; see logs/check-m.txt"


def test_everything_printed_is_in_the_log(tmp_path, start):
    start().run(partial(leave, 0), tmp_path / "log", ignore)
    printed = (tmp_path / "log").read_text()
    assert re.match(r"the last words\nTraceback .*\nSystemExit: 0\n$", printed, flags=re.DOTALL)


def print_without_a_newline(channel):
    sys.stdout.write("almost done")


def test_what_is_printed_before_a_result_is_in_the_log(tmp_path, workers):
    workers.start().run(print_without_a_newline, tmp_path / "log", ignore)
    assert (tmp_path / "log").read_text() == "almost done"


def test_a_log_that_cannot_be_written_is_an_error_of_the_run(tmp_path, workers):
    with pytest.raises(FileNotFoundError):
        workers.start().run(partial(count, 3), tmp_path / "removed/log", ignore)


def test_a_worker_without_work_ends_with_its_context(start):
    with start() as worker:
        assert not worker._process.wait(0)
    assert worker._process.wait(0)


def test_an_error_of_the_receiver_ends_the_process(tmp_path, start):
    worker = start()
    with pytest.raises(AssertionError):
        worker.run(partial(count, 3), tmp_path / "log", ignore)
    assert worker._process.wait(0)


def test_a_worker_can_be_ended_from_another_thread(tmp_path, start):
    worker = start()
    threading.Timer(0.5, worker.end).start()
    assert worker.run(rest, tmp_path / "log", ignore) == Failure("the process was killed by signal 9 (out of memory?)")


def rest(channel):
    time.sleep(300)


def fork_sleeper(seconds=300):
    """Start a process with os.fork, which inherits every pipe, and return its number."""
    pid = os.fork()
    if pid == 0:
        time.sleep(seconds)
        os._exit(0)
    return pid


def fork_child(ending, channel):
    channel.send(fork_sleeper())
    if ending == "vanish":
        os._exit(6)
    return "done"


@pytest.mark.parametrize(("ending", "result"), [("return", "done"), ("vanish", "Failure")])
def test_a_child_that_holds_the_pipes_open_ends_with_the_process(tmp_path, start, ending, result):
    pids = []
    started = time.monotonic()
    ended = start().run(partial(fork_child, ending), tmp_path / "log", pids.append)
    assert ended == result or type(ended).__name__ == result
    assert time.monotonic() - started < 30
    assert wait_for(lambda: not is_running(pids[0]))


def fork_daemon(channel):
    """Start a process as daemons do: in a session of its own, and no child of this one."""
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.setsid()
        os.write(writer, str(fork_sleeper()).encode())
        os._exit(0)
    return int(os.read(reader, 20))


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell which process started a daemon")
def test_a_daemon_ends_with_the_process(tmp_path, workers):
    daemon = workers.start().run(fork_daemon, tmp_path / "log", ignore)
    assert not is_running(daemon)


def kill_parent(channel):
    channel.send(os.getppid())
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(300)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the parent is the run's process")
def test_a_process_that_kills_its_supervisor_ends_with_it(tmp_path, workers):
    pids = []
    result = workers.start().run(kill_parent, tmp_path / "log", pids.append)
    assert result == Failure("the process was killed by signal 9 (out of memory?)")
    assert workers.start().run(partial(count, 0), tmp_path / "log", ignore) == 0


def signal_group(channel):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.kill(0, signal.SIGTERM)
    return "alive"


def test_signals_to_its_group_reach_no_other_process(tmp_path, start):
    with start() as other:
        assert start().run(signal_group, tmp_path / "log", ignore) == "alive"
        assert other.run(partial(count, 0), tmp_path / "log", ignore) == 0


def close_everything_and_rest(channel):
    os.closerange(0, 256)
    time.sleep(300)


def test_a_process_that_closes_its_pipes_and_does_not_end_is_ended(tmp_path, start, monkeypatch):
    monkeypatch.setattr("lmbench.runs.worker._PATIENCE", 0.5)
    result = start().run(close_everything_and_rest, tmp_path / "log", ignore)
    assert result == Failure("the process closed its connection to the run, and did not end")


@pytest.mark.parametrize("work", [rest, close_everything_and_rest])
def test_work_that_takes_too_long_is_stopped(tmp_path, start, work):
    started = time.monotonic()
    worker = start()
    result = worker.run(work, tmp_path / "log", ignore, Limits(seconds=1.5))
    assert result == Failure("stopped after the time limit of 1.5 s; give more with --timeout")
    assert time.monotonic() - started < 10
    assert worker._process.wait(0)


def send_half_a_message(channel):
    os.write(channel._messages.fileno(), (100).to_bytes(4, "big") + b"half")
    time.sleep(300)


def test_a_message_that_never_ends_does_not_outlast_the_time_limit(tmp_path, workers):
    result = workers.start().run(send_half_a_message, tmp_path / "log", ignore, Limits(seconds=0.5))
    assert result == Failure("stopped after the time limit of 0.5 s; give more with --timeout")


def test_work_that_no_process_takes_does_not_outlast_the_time_limit(tmp_path, start):
    """The process is stopped, and work of 10 MB does not fit into the pipe."""
    worker = start()
    os.kill(process_of(worker), signal.SIGSTOP)
    result = worker.run(partial(double, ["x" * 10_000_000]), tmp_path / "log", ignore, Limits(seconds=0.5))
    assert result == Failure("stopped after the time limit of 0.5 s; give more with --timeout")


def process_of(worker):
    process = worker._process
    return process._process.pid if hasattr(process, "_process") else process._worker


def fill(megabytes, channel):
    filled = np.ones(megabytes << 17)
    channel.send("filled")
    time.sleep(1)
    return bool(filled.sum())


def fill_in_child(channel):
    if os.fork() == 0:
        fill(400, channel)
    time.sleep(300)


@pytest.mark.parametrize("work", [partial(fill, 400), fill_in_child])
def test_work_that_needs_too_much_memory_is_stopped(tmp_path, start, work):
    result = start().run(work, tmp_path / "log", lambda message: None, Limits(bytes=300 << 20))
    assert result == Failure("used more than the limit of 300 MiB (--memory-limit)")


def fork_and_rest(channel):
    kept = np.ones(100 << 17)
    for _ in range(4):
        fork_sleeper()
    time.sleep(1)
    return bool(kept.sum())


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell what processes share")
def test_memory_that_processes_share_counts_once(tmp_path, workers):
    """Four children share 100 MiB and the libraries."""
    assert workers.start().run(fork_and_rest, tmp_path / "log", ignore, Limits(bytes=400 << 20)) is True


def test_resident_memory_is_reported_while_the_work_is_done(tmp_path, start, monkeypatch):
    monkeypatch.setattr("lmbench.runs.worker._REPORT_INTERVAL", 0.2)
    sizes = []
    worker = start()
    worker.report_memory(sizes.append)
    assert worker.run(partial(fill, 200), tmp_path / "log", lambda message: None) is True
    assert 200 << 20 < max(sizes) < 500 << 20


def test_work_within_its_limits_is_not_stopped(tmp_path, workers):
    limits = Limits(seconds=60, bytes=1 << 30)
    assert workers.start().run(partial(fill, 1), tmp_path / "log", lambda message: None, limits) is True


def print_much(channel):
    os.write(1, b"the first words\n")
    for _ in range(30):
        os.write(1, b"1" * 999_999 + b"\n")
    os.write(2, b"the last words\n")
    os._exit(3)


def test_a_long_log_keeps_its_beginning_and_end(tmp_path, workers):
    sizes = []
    watcher = threading.Thread(target=measure, args=(tmp_path / "log", sizes))
    worker = workers.start()
    watcher.start()
    result = worker.run(print_much, tmp_path / "log", ignore)
    (tmp_path / "done").touch()
    watcher.join()
    assert result == Failure("the process ended too early, with exit code 3: the last words")
    printed = (tmp_path / "log").read_bytes()
    assert printed.startswith(b"the first words\n111")
    assert printed.endswith(b"111\nthe last words\n")
    assert "… 28,951,455 bytes are left out …" in printed.decode()
    assert max(len(printed), *sizes) < 1.1e6


def measure(path, sizes):
    """Record the size of a file until the file 'done' is in its folder."""
    while not (path.parent / "done").exists():
        sizes.append(path.stat().st_size if path.exists() else 0)
        time.sleep(0.01)
