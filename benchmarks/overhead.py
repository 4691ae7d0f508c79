"""Measure what a process of a run costs: the seconds from its start to the result of work that only imports libraries.

    python benchmarks/overhead.py
    python benchmarks/overhead.py --libraries torch --repeats 9

A spawned process starts afresh and imports everything itself, as on macOS. A forked one begins as a copy of its
template. "two" is the time of each of two processes that start together. "template" is the time from the start of a
template to the result of the first process that it forks; a run spends it once for each set of libraries.
"""

from __future__ import annotations

import argparse
import importlib
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from statistics import median

from lmbench.runs.memory import peak_bytes
from lmbench.runs.templates import OWN_MODULES, Workers
from lmbench.runs.worker import Channel, Failure, Worker


def main() -> None:
    """Print a row for each set of libraries."""
    options = _parse_options()
    print(f"{'libraries':33}  {'template':>8}  {'spawned':>8} {'two':>8}  {'forked':>8} {'two':>8}  {'ratio':>6}  MiB")
    for libraries in options.libraries:
        (spawned, spawned_peak), (spawned_two, _) = (
            _measure(Worker, libraries, count, options.repeats) for count in (1, 2)
        )
        with Workers() as workers:
            start = partial(workers.start, libraries)
            template, _ = _run(start, libraries)
            (forked, peak), (two, _) = (_measure(start, libraries, count, options.repeats) for count in (1, 2))
        times = f"{template:8.3f}  {spawned:8.3f} {spawned_two:8.3f}  {forked:8.3f} {two:8.3f}"
        memory = f"{spawned_peak / 2**20:.0f} spawned, {peak / 2**20:.0f} forked"
        print(f"{'+'.join(libraries) or '(none)':33}  {times}  {spawned / forked:6.1f}  {memory}")


def import_all(libraries: tuple[str, ...], channel: Channel) -> int:
    """Import libraries, and return the peak memory of this process."""
    for name in (*OWN_MODULES, *libraries):
        importlib.import_module(name)
    return peak_bytes()


def _measure(start: Callable[[], Worker], libraries: tuple[str, ...], count: int, repeats: int) -> tuple[float, int]:
    """Return the median seconds of processes, `count` of them at a time, and their largest peak memory."""
    with ThreadPoolExecutor(count) as threads:
        done = list(threads.map(lambda _: _run(start, libraries), range(count * repeats)))
    return median(seconds for seconds, _ in done), max(peak for _, peak in done)


def _run(start: Callable[[], Worker], libraries: tuple[str, ...]) -> tuple[float, int]:
    """Return the seconds of one process from its start to its result, and its peak memory."""
    import overhead  # this file by a name that the process knows too

    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="lmbench-") as folder:
        work = partial(overhead.import_all, libraries)
        peak = start().run(work, Path(folder) / "log", lambda _: None)
    if isinstance(peak, Failure | Exception):
        raise SystemExit(str(peak))
    return time.perf_counter() - began, peak


def _parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--libraries", default=",torch+torch._dynamo,torch+transformers.modeling_utils", help="sets of libraries: a+b,c"
    )
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    options.libraries = [tuple(filter(None, names.split("+"))) for names in options.libraries.split(",")]
    return options


if __name__ == "__main__":
    main()
