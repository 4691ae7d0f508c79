import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from lmbench.errors import LmbenchError
from lmbench.runs.memory import peak_bytes
from lmbench.runs.templates import Workers
from lmbench.runs.worker import Failure
from tests.lending import own_templates
from tests.runs.test_worker import ignore, is_running, rest, wait_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux alone")

HEAVY = "colorsys"  # a module that nothing of lmbench imports


@pytest.fixture(scope="module", autouse=True)
def _own_templates():
    with own_templates():
        yield


@pytest.fixture(scope="module")
def workers(_own_templates):
    with Workers() as workers:
        yield workers


def is_imported(module, channel):
    return module in sys.modules


def describe_process(channel):
    return os.getpid(), os.getsid(0), hash("a"), np.random.random(), peak_bytes()


def multiply(with_torch, channel):
    numbers = np.random.default_rng(7).random((600, 600))
    if not with_torch:
        return float((numbers @ numbers).sum())
    import torch

    return (torch.from_numpy(numbers) @ torch.from_numpy(numbers)).sum().item()


def count_threads(channel):
    import torch

    pools = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
    return max(pools), torch.get_num_threads(), os.environ.get("OMP_NUM_THREADS")


def test_a_process_has_the_libraries_that_it_was_started_with(tmp_path, workers):
    work = partial(is_imported, HEAVY)
    results = [workers.start(libraries).run(work, tmp_path / "log", ignore) for libraries in ((HEAVY,), (), (HEAVY,))]
    assert results == [True, False, True]


@pytest.mark.parametrize("code", ["raise RuntimeError", "import sys; sys.exit(3)", "import os; os._exit(3)"])
def test_a_library_that_cannot_be_imported_is_left_out(tmp_path, monkeypatch, code):
    (tmp_path / "broken_library.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    with Workers() as workers:
        worker = workers.start(("broken_library",))
        assert worker.run(partial(is_imported, "broken_library"), tmp_path / "log", ignore) is False


def test_processes_share_nothing_random_but_the_hashes_of_strings(tmp_path, workers):
    started = [workers.start(other=other) for other in (False, False, True)]
    first, second, third = (worker.run(describe_process, tmp_path / "log", ignore) for worker in started)
    assert len({first[0], second[0], third[0]}) == 3
    assert first[2] == second[2] != third[2]
    assert first[3] != second[3]


def test_each_process_has_a_session_of_its_own(tmp_path, workers):
    """So Ctrl-C reaches the run's process alone."""
    pid, session, *_ = workers.start().run(describe_process, tmp_path / "log", ignore)
    assert pid == session


def test_the_peak_memory_of_a_process_does_not_contain_the_libraries_of_others(tmp_path, workers):
    plain, heavy, again = (
        workers.start(libraries).run(describe_process, tmp_path / "log", ignore)[-1]
        for libraries in ((), ("torch",), ())
    )
    assert heavy - plain > 80e6
    assert abs(again - plain) < 5e6


@pytest.mark.parametrize("libraries", [(), ("torch",)])
def test_processes_that_compute_at_the_same_time_get_the_numbers_of_this_process(tmp_path, workers, libraries):
    def run(number):
        worker = workers.start(libraries, threads=1 + number % 2)
        return worker.run(partial(multiply, bool(libraries)), tmp_path / f"log{number}", ignore)

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(run, range(6)))
    assert results == pytest.approx([multiply(False, None)] * 6, rel=1e-12)


@pytest.mark.parametrize("libraries", [(), ("torch",)])
def test_numeric_threads_are_limited_whether_a_library_is_loaded_or_not(tmp_path, workers, libraries):
    assert workers.start(libraries, threads=1).run(count_threads, tmp_path / "log", ignore) == (1, 1, "1")


def test_a_template_that_was_killed_is_replaced(tmp_path, workers):
    workers.prepare((HEAVY,))
    template = workers._templates[(HEAVY,), False]
    template._process.kill()
    template._process.wait()
    assert workers.start((HEAVY,)).run(partial(is_imported, HEAVY), tmp_path / "log", ignore) is True


def test_the_end_of_the_context_ends_all_work(tmp_path):
    results = []
    with Workers() as workers:
        busy, idle = workers.start(), workers.start()
        thread = threading.Thread(target=lambda: results.append(busy.run(rest, tmp_path / "log", ignore)))
        thread.start()
        time.sleep(0.3)
    thread.join()
    assert results == [Failure("the process was killed by signal 9 (out of memory?)")]
    assert idle._process.wait(0)
    assert all(template._process.poll() is not None for template in workers._templates.values())
    with pytest.raises(LmbenchError, match="the run is ending"):
        workers.start()


RUN = """
import sys
from multiprocessing.connection import wait
from pathlib import Path
from threading import Thread
from tests.runs.test_templates import send_family
from lmbench.runs.templates import Workers

with Workers() as workers:
    for number in range(2):
        worker, log = workers.start(), Path(sys.argv[1]) / f"log{number}"
        Thread(target=worker.run, args=(send_family, log, lambda pids: print(*pids, flush=True))).start()
    wait([])
"""


def send_family(channel):
    child = os.fork()
    if child == 0:
        os.setsid()
        time.sleep(300)
    channel.send((os.getpid(), child, os.getppid()))
    time.sleep(300)


@pytest.mark.parametrize("target", ["the run", "its template"])
def test_a_killed_run_takes_all_processes_with_it(tmp_path, target):
    """A killed template takes only itself: its processes belong to the run."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent.parent)}
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, tmp_path], stdout=subprocess.PIPE, text=True, env=environment
    )
    lines = [process.stdout.readline().split() for _ in range(2)]
    family = [int(pid) for line in lines for pid in line]
    template = int(Path(f"/proc/{family[2]}/stat").read_text().rpartition(")")[2].split()[1])
    if target == "its template":
        os.kill(template, signal.SIGKILL)
        time.sleep(0.3)
        assert all(map(is_running, family))
    process.kill()
    process.communicate()
    assert wait_for(lambda: not any(map(is_running, [*family, template])), seconds=1)
