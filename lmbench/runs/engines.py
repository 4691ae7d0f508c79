"""Engines: how the jobs of a run are distributed, over the CPUs of this machine or over other machines."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol

from lmbench.machine_memory import usable_memory
from lmbench.runs.cells import CellJob
from lmbench.runs.events import JobName, RunProgress
from lmbench.runs.jobs import Desk, Done, Job, do_job
from lmbench.runs.machine import count_cpus, describe_machine
from lmbench.runs.task_cells import TaskJob
from lmbench.runs.templates import Workers
from lmbench.runs.worker import UNLIMITED, Limits

_PROCESS = 300 << 20  # bytes that a process needs apart from its text
_MEMORY_SHARE = 0.8  # of the memory that jobs may fill together
_PER_BYTE = 60  # bytes of memory for each byte of training text: about what a 5-gram model needs


@dataclass(frozen=True, slots=True)
class Order:
    """A job that an engine is to do.

    Attributes:
        job: The job.
        name: Its name, for reports.
    """

    job: Job
    name: JobName


class Engine(Protocol):
    """Does jobs."""

    def run(
        self, orders: Sequence[Order], new_folder: Callable[[], Path], progress: RunProgress
    ) -> Generator[tuple[Order, Done]]:
        """Do jobs, and yield each as it ends. Closing the generator stops those that have not ended.

        Args:
            orders: The jobs.
            new_folder: Creates a folder for the files of a job.
            progress: Receives reports.

        Raises:
            ResultsError: The files of a job cannot be written.
        """


@dataclass(frozen=True, slots=True)
class LocalEngine:
    """Does jobs on this machine, several at the same time if their threads and their memory fit.

    Those of models that run in this process come last, one after the other, in the calling thread.

    Attributes:
        workers: Starts the processes.
        jobs: How many jobs may be at work at the same time.
        limits: What each process may use.
    """

    workers: Workers
    jobs: int = field(default_factory=count_cpus)
    limits: Limits = UNLIMITED

    def run(
        self, orders: Sequence[Order], new_folder: Callable[[], Path], progress: RunProgress
    ) -> Generator[tuple[Order, Done]]:
        yield from self._run_elsewhere(
            [order for order in orders if not order.job.model.runs_here], new_folder, progress
        )
        for order in orders:
            if order.job.model.runs_here:
                progress.job_started(order.name)
                desk = Desk(new_folder(), self.workers)
                yield order, do_job(order.job, desk, progress.progress_of(order.name))

    def _run_elsewhere(
        self, orders: Sequence[Order], new_folder: Callable[[], Path], progress: RunProgress
    ) -> Generator[tuple[Order, Done]]:
        """Do jobs in processes of their own, and yield each as it ends."""
        waiting, working = list(orders), dict[Future[Done], _Working]()
        for libraries in {order.job.model.needs.libraries for order in orders}:
            self.workers.prepare(libraries)
        with ThreadPoolExecutor(self.jobs) as threads:
            try:
                while waiting or working:
                    while (order := self._choose(waiting, list(working.values()))) is not None:
                        waiting.remove(order)
                        work = _join(order, list(working.values()))
                        memory = partial(progress.job_memory, order.name)
                        desk = Desk(new_folder(), self.workers, self.limits, work.count_company, memory)
                        progress.job_started(order.name)
                        working[threads.submit(do_job, order.job, desk, progress.progress_of(order.name))] = work
                    ended, _ = wait(working, return_when=FIRST_COMPLETED)
                    for future in ended:
                        yield working.pop(future).order, future.result()
            finally:
                if working:
                    self.workers.__exit__()  # their processes end, and so do the threads

    def _choose(self, waiting: Sequence[Order], working: Sequence[_Working]) -> Order | None:
        """Return the first order that can start now; None if none can. One alone always can."""
        if not working:
            return waiting[0] if waiting else None
        if len(working) >= self.jobs:
            return None
        return next((order for order in waiting if _fits(order, working)), None)


@dataclass(slots=True)
class _Working:
    """A job at work.

    Attributes:
        order: Its order.
        company: How many others have been at work at the same time, at most.
    """

    order: Order
    company: int

    def count_company(self) -> int:
        """Return how many others have been at work at the same time, at most."""
        return self.company


def _join(order: Order, others: Sequence[_Working]) -> _Working:
    """Return a job that starts beside others, which get company by it."""
    for other in others:
        other.company = max(other.company, len(others))
    return _Working(order, len(others))


def _fits(order: Order, working: Sequence[_Working]) -> bool:
    """Return whether the job of an order can be done beside others."""
    jobs = [order.job, *(work.order.job for work in working)]
    needs = [job.model.needs for job in jobs]
    return (
        sum(need.threads for need in needs) <= count_cpus()
        and sum(map(estimate_memory, jobs)) <= _MEMORY_SHARE * usable_memory()
        and (sum(need.gpu for need in needs) <= 1 or not describe_machine().gpu)
    )


def estimate_memory(job: Job) -> int:
    """Return about how many bytes of memory a job needs."""
    return _PROCESS + _PER_BYTE * _count_training_bytes(job)


def _count_training_bytes(job: Job) -> int:
    if isinstance(job, CellJob):
        return job.corpus.train.size
    return job.training.train.size if isinstance(job, TaskJob) and job.task.training else 0
