"""Do the jobs of a run on a Ray cluster.

Each job becomes a Ray task, which asks for the CPUs, the GPU and about the memory that its processes need. On its node
it does what it would do on this machine: it starts processes of its own, in a temporary folder, and its files come
back. Ray repeats those of a node that fails. Texts are sent to the cluster once.

Each node needs lmbench and the plugins that are used, in the same versions.
"""

from __future__ import annotations

import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lmbench.about import own_version
from lmbench.checks import Outcome
from lmbench.corpus import Corpus, Split
from lmbench.errors import LmbenchError, ResultsError, describe, one_line
from lmbench.progress import Progress
from lmbench.runs.cell_files import write_cell
from lmbench.runs.cells import CellJob
from lmbench.runs.engines import Order, estimate_memory
from lmbench.runs.events import RunProgress
from lmbench.runs.jobs import CheckJob, Desk, Done, Job, describe_failure, do_job
from lmbench.runs.parcels import Parcel, pack
from lmbench.runs.records import Cell, Verification
from lmbench.runs.task_cells import TaskJob
from lmbench.runs.templates import Workers
from lmbench.runs.worker import UNLIMITED, Limits

_RETRIES = 3  # of a job whose node failed
_INTERVAL = 0.2  # seconds between two looks at the reports of the jobs
_SELDOM = 1.0  # seconds between two reports of a job's step
_PASSED_ON = ("LMBENCH_OFFLINE", "HF_HUB_OFFLINE", "OMP_WAIT_POLICY")  # variables of the environment
_ELSEWHERE = Corpus("", Split(()), Split(()), Split(()), provenance="")  # in the place of a corpus that is sent ahead

Ray = Any
"""The module, or something that it made: it has no types to rely on."""


@dataclass(frozen=True, slots=True)
class RayEngine:
    """Does jobs on a Ray cluster.

    Attributes:
        address: The cluster, such as "ray://host:10001"; None for one that runs on this machine, or else a new one.
        jobs: How many jobs may be given to it at the same time; None for all.
        limits: What each process may use.
    """

    address: str | None = None
    jobs: int | None = None
    limits: Limits = UNLIMITED

    def run(
        self, orders: Sequence[Order], new_folder: Callable[[], Path], progress: RunProgress
    ) -> Generator[tuple[Order, Done]]:
        """Do jobs, and yield each as it ends; see `Engine.run`.

        Raises:
            LmbenchError: Ray is not installed, or the cluster cannot be reached.
            ResultsError: The files of a job cannot be written.
        """
        if not orders:
            return
        with _connected(self.address, progress) as ray:
            cluster = _Cluster(ray, orders, self.limits, progress)
            waiting = list(range(len(orders)))
            try:
                while waiting or cluster.working:
                    while waiting and len(cluster.working) < (self.jobs or len(orders)):
                        cluster.submit(waiting.pop(0))
                    for order, result in cluster.wait():
                        yield order, _receive(order, result, new_folder())
            finally:
                cluster.cancel()


@dataclass(frozen=True, slots=True)
class _Result:
    """What a job sends back from its node.

    Attributes:
        files: The contents of its files.
        cell: See `Done`, as the others.
    """

    files: Mapping[str, bytes]
    cell: Cell | None
    verification: Verification | None
    outcomes: tuple[Outcome, ...]


@dataclass(frozen=True, slots=True)
class _Settings:
    """What all jobs have in common."""

    version: str
    environment: Mapping[str, str]
    limits: Limits


class _Cluster:
    """A cluster at work.

    Attributes:
        working: The number of the order of each job at work, by Ray's reference to its result.
    """

    def __init__(self, ray: Ray, orders: Sequence[Order], limits: Limits, progress: RunProgress) -> None:
        self.working: dict[Ray, int] = {}
        self._ray, self._orders, self._progress = ray, orders, progress
        self._started: set[int] = set()
        self._board = _start_board(ray)
        self._parcels: dict[int, Ray] = {}
        environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        self._settings = ray.put(_Settings(own_version(), environment, limits))

    def submit(self, number: int) -> None:
        """Give the job of an order to the cluster.

        Raises:
            CorpusError: Its text cannot be read.
        """
        job, parcel = self._clamp(self._orders[number].job), None
        request = self._ask(job)
        if isinstance(job, CellJob):
            parcel = self._send(job.corpus, job.corpus)
            job = replace(job, corpus=_ELSEWHERE)
        elif isinstance(job, TaskJob) and job.task.training is not None:
            text = job.task.training
            parcel = self._send(text, replace(_ELSEWHERE, train=text.train, valid=text.valid, tokenized=text.tokenized))
            job = replace(job, task=replace(job.task, training=None))
        remote = self._ray.remote(_do_on_node).options(**request, max_retries=_RETRIES)
        self.working[remote.remote(number, job, parcel, self._settings, self._board)] = number

    def wait(self) -> Iterator[tuple[Order, object]]:
        """Wait for a moment, pass on reports, and yield the result of each job that has ended, or its error.

        Raises:
            LmbenchError: The cluster cannot be reached anymore.
        """
        ended, _ = self._ray.wait(list(self.working), timeout=0)
        if not ended:
            time.sleep(_INTERVAL)  # and not within Ray, which takes every signal for an interrupt
        self._pass_on_reports()
        for reference in ended:
            number = self.working.pop(reference)
            self._announce(number)
            yield self._orders[number], self._get(reference)

    def cancel(self) -> None:
        """End the jobs that are still at work."""
        for reference in self.working:
            with suppress(self._ray.exceptions.RayError, ConnectionError):
                self._ray.cancel(reference, force=True)

    def _get(self, reference: Ray) -> object:
        exceptions = self._ray.exceptions
        try:
            return self._ray.get(reference)
        except exceptions.RayTaskError as error:
            return LmbenchError(describe(error.cause))
        except (exceptions.RaySystemError, ConnectionError) as error:
            raise LmbenchError(f"the Ray cluster cannot be reached anymore: {one_line(str(error))}") from error
        except exceptions.RayError as error:
            return LmbenchError(f"Ray could not do it: {describe(error)}")

    def _send(self, text: object, corpus: Corpus) -> Ray:
        """Send a corpus to the cluster, unless the text that it was made of is there."""
        if id(text) not in self._parcels:
            self._parcels[id(text)] = self._ray.put(pack(corpus, self._ray.put))
        return self._parcels[id(text)]

    def _clamp(self, job: Job) -> Job:
        """Return a job that needs no more threads than the largest node has."""
        needs = job.model.needs
        threads = min(needs.threads, max(1, int(self._largest("CPU"))))
        return replace(job, model=replace(job.model, needs=replace(needs, threads=threads)))

    def _ask(self, job: Job) -> dict[str, float]:
        """Return what to ask for. No node has to have more than there is, so that each job can start somewhere."""
        needs = job.model.needs
        return {
            "num_cpus": needs.threads,
            "num_gpus": 1 if needs.gpu and self._largest("GPU") >= 1 else 0,
            "memory": int(min(estimate_memory(job), self._largest("memory"))),
        }

    def _largest(self, resource: str) -> float:
        """Return how much of a resource the node has that has most of it."""
        return max((node["Resources"].get(resource, 0) for node in self._ray.nodes() if node["Alive"]), default=0)

    def _pass_on_reports(self) -> None:
        with suppress(self._ray.exceptions.RayError):  # the node of the board has failed
            for number, (kind, *arguments) in self._ray.get(self._board.take.remote()):
                order = self._orders[number]
                if kind == "start":
                    self._announce(number, is_report=True)
                elif kind == "memory":
                    self._progress.job_memory(order.name, *arguments)
                else:
                    getattr(self._progress.progress_of(order.name), kind)(*arguments)

    def _announce(self, number: int, is_report: bool = False) -> None:
        """Report that a job has started, or that it has started again."""
        order = self._orders[number]
        if number not in self._started:
            self._started.add(number)
            self._progress.job_started(order.name)
        elif is_report:
            name = order.name
            self._progress.notice(
                f"{name.model} {f'on {name.corpus} ' * bool(name.corpus)}starts again on another node"
            )


@contextmanager
def _connected(address: str | None, progress: RunProgress) -> Iterator[Ray]:
    """Connect to a cluster, or start one on this machine, until the context ends.

    Raises:
        LmbenchError: Ray is not installed, or there is no cluster at the address.
    """
    try:
        import ray
    except ImportError as error:
        raise LmbenchError("Ray is not installed; install it with: pip install 'lmbench-suite[ray]'") from error
    if ray.is_initialized():
        yield ray
        return
    progress(f"connecting to {address}" if address else "starting Ray", 0.0)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    local = {} if address else {"include_dashboard": False}
    try:
        with _keeping_signal_handlers():
            ray.init(address=address, log_to_driver=False, logging_level="ERROR", **local)
    except (ConnectionError, OSError, RuntimeError, ValueError) as error:
        raise LmbenchError(
            f"cannot connect to Ray{f' at {address}' * bool(address)}: {one_line(str(error))}"
        ) from error
    try:
        yield ray
    finally:
        ray.shutdown()


@contextmanager
def _keeping_signal_handlers() -> Iterator[None]:
    """Restore the handlers of signals afterwards: Ray's own would end this process without a word."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _receive(order: Order, result: object, folder: Path) -> Done:
    """Write the files of a job into a folder, and return it.

    Raises:
        ResultsError: They cannot be written.
    """
    if not isinstance(result, _Result):
        error = result if isinstance(result, LmbenchError) else LmbenchError("it did not return a result")
        return _fail(order.job, error, folder)
    try:
        for name, contents in result.files.items():
            (folder / name).write_bytes(contents)
    except OSError as error:
        raise ResultsError(f"cannot write {folder}: {error.strerror or error}") from error
    return Done(order.job, folder, result.cell, result.verification, result.outcomes)


def _fail(job: Job, error: LmbenchError, folder: Path) -> Done:
    """Return a job that ended with an error."""
    if not isinstance(job, CheckJob):
        return Done(job, folder, write_cell(folder, describe_failure(job.row, error), ()))
    doubt = f"the suite did not end: {one_line(str(error))}"
    return Done(job, folder, verification=Verification(model=job.model.label, key=job.key, doubt=doubt, outcomes=()))


class _Board:
    """Collects the reports of all jobs, and counts those that are on one node at the same time. An actor."""

    def __init__(self) -> None:
        self._reports: list[tuple[int, tuple[Any, ...]]] = []
        self._nodes: dict[int, str] = {}
        self._company: dict[int, int] = {}

    def start(self, number: int, node: str) -> None:
        """Report that a job starts on a node."""
        others = [other for other, place in self._nodes.items() if place == node and other != number]
        self._nodes[number], self._company[number] = node, len(others)
        for other in others:
            self._company[other] = max(self._company[other], len(others))
        self.report(number, ("start",))

    def count_company(self, number: int) -> int:
        """Return how many other jobs have been on the same node at the same time, at most."""
        return self._company.get(number, 0)

    def end(self, number: int) -> None:
        """Report that a job has left its node."""
        self._nodes.pop(number, None)

    def report(self, number: int, report: tuple[Any, ...]) -> None:
        """Collect a report."""
        self._reports.append((number, report))

    def take(self) -> list[tuple[int, tuple[Any, ...]]]:
        """Return the reports since the last call."""
        taken, self._reports = self._reports, []
        return taken


def _start_board(ray: Ray) -> Ray:
    """Start the board on this node, which is not likely to fail without this process."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=True)
    board = ray.remote(_Board).options(num_cpus=0, max_restarts=-1, scheduling_strategy=here).remote()
    ray.get(board.take.remote())  # it is there before the first job starts, so that no report is lost
    return board


def _do_on_node(number: int, job: Job, parcel: Parcel | None, settings: _Settings, board: Ray) -> object:
    """Do a job on a node, and return a _Result, or the LmbenchError that ended it."""
    import ray

    if settings.version != own_version():
        return LmbenchError(f"a node has lmbench {own_version()}, not {settings.version}; install it on all nodes")
    os.environ.update(settings.environment)
    board.start.remote(number, ray.get_runtime_context().get_node_id())
    try:
        with tempfile.TemporaryDirectory(prefix="lmbench-") as name, Workers() as workers:
            folder = Path(name) / "job"
            folder.mkdir()
            if parcel is not None and isinstance(job, CellJob):
                job = replace(job, corpus=parcel.open(Path(name), ray.get))
            if parcel is not None and isinstance(job, TaskJob):
                job = replace(job, task=replace(job.task, training=parcel.open(Path(name), ray.get).training))
            post = _Post(ray, number, board)
            desk = Desk(folder, workers, settings.limits, post.count_company, post.report_memory)
            done = do_job(job, desk, post)
            files = {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}
            return _Result(files, done.cell, done.verification, done.outcomes)
    except (LmbenchError, OSError) as error:  # such as a full disk, which concerns this node alone
        return LmbenchError(f"on the node {os.uname().nodename}: {one_line(str(error))}")
    finally:
        with suppress(ray.exceptions.RayError):  # the board was lost with its node
            ray.get(board.end.remote(number))  # before the next job starts here, which would count this one


class _Post(Progress):
    """Sends the reports of a job from its node to the board."""

    def __init__(self, ray: Ray, number: int, board: Ray) -> None:
        self._ray, self._number, self._board = ray, number, board
        self._sent: dict[str, float] = {}

    def __call__(self, message: str, share: float) -> None:
        self._send_seldom("__call__", message, share)

    def notice(self, line: str) -> None:
        self._board.report.remote(self._number, ("notice", line))

    def received(self, url: str, done: int, total: int | None) -> None:
        self._send_seldom("received", url, done, total)

    def report_memory(self, size: int) -> None:
        """Report the memory of the process at work."""
        self._send_seldom("memory", size)

    def count_company(self) -> int:
        """Return how many other jobs have been on this node at the same time, at most."""
        try:
            return int(self._ray.get(self._board.count_company.remote(self._number)))
        except self._ray.exceptions.RayError:  # the board was lost with its node
            return 0

    def _send_seldom(self, kind: str, *arguments: object) -> None:
        now = time.monotonic()
        if now >= self._sent.get(kind, -_SELDOM) + _SELDOM:
            self._sent[kind] = now
            self._board.report.remote(self._number, (kind, *arguments))
