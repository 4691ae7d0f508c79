"""Kill runs at any moment, and find out whether anything is lost."""

from __future__ import annotations

import csv
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MODELS = "uniform,kenlm:order=2,cache"
TEXT = "the cat sat on the mat and saw a dog\n" * 200 + "a dog saw the cat\n" * 50
COSTS = ("seconds", "bytes_per_second", "peak_bytes", "was_stored", "company", "joules", "started", "load", "revision")


@dataclass(slots=True)
class Losses:
    """What killing runs has shown so far.

    Attributes:
        kills: The processes that were killed before they ended.
        redone: The finished cells that were evaluated again.
        failed: The runs that did not end well after a kill.
        different: The runs whose final table is not that of a run that was never killed.
        runs: The runs that were killed and resumed until they were complete.
    """

    kills: int = 0
    redone: int = 0
    failed: int = 0
    different: int = 0
    runs: int = 0


def kill_runs(folder: Path, kills: int, seed: int = 0) -> Iterator[Losses]:
    """Kill runs after random times, resume each until it is complete, and yield what that has shown so far.

    Nothing can be lost while Python starts and imports lmbench, so that is left out of the times.

    Args:
        folder: An empty folder.
        kills: The least number of kills.
        seed: Seed of the times.
    """
    text = folder / "text.txt"
    text.write_text(TEXT)
    shortest, longest = _finish(text, folder / "whole")
    expected = read_numbers(folder / "whole")
    losses, times = Losses(), random.Random(seed)
    while losses.kills < kills:
        _kill_one_run(text, folder / "killed", _draw(times, shortest, longest), losses)
        losses.different += read_numbers(folder / "killed") != expected
        losses.runs += 1
        shutil.rmtree(folder / "killed")
        yield losses


def read_numbers(run: Path) -> list[dict[str, str]]:
    """Return the rows of a run's table.csv without costs, and without what an audit has time for."""
    with (run / "table.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [{name: value for name, value in row.items() if not _is_cost(name)} for row in rows]


def _is_cost(name: str) -> bool:
    return name.endswith(COSTS) or (name.startswith("audit_") and name != "audit_failure")


def _kill_one_run(text: Path, run: Path, delays: Iterator[float], losses: Losses) -> None:
    """Start a run and kill it, until one comes to its end."""
    finished: dict[str, int] = {}
    for delay in delays:
        process = subprocess.Popen(_command(text, run), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        with suppress(subprocess.TimeoutExpired):
            process.wait(delay)
        is_killed = process.poll() is None
        process.kill()
        process.communicate()
        now = {cell.parent.name: cell.stat().st_mtime_ns for cell in run.glob("cells/*/cell.json")}
        losses.redone += sum(now.get(name) != when for name, when in finished.items())
        finished = now
        losses.kills += is_killed
        if not is_killed:
            losses.failed += process.returncode != 0
            return


def _draw(times: random.Random, shortest: float, longest: float) -> Iterator[float]:
    """Yield times before a kill. They grow, so that the run ends at last."""
    while True:
        yield times.uniform(shortest, longest)
        longest *= 1.05


def _finish(text: Path, run: Path) -> tuple[float, float]:
    """Let a run end, and return the seconds after which its folder was there, and those that it took."""
    started = time.monotonic()
    process = subprocess.Popen(_command(text, run), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not run.exists() and process.poll() is None:
        time.sleep(0.01)
    begun = time.monotonic() - started
    if process.wait() != 0:
        raise subprocess.CalledProcessError(process.returncode, process.args)
    return begun, time.monotonic() - started


def _command(text: Path, run: Path) -> list[str]:
    options = ("--models", MODELS, "--corpora", f"{text}:documents=line", "--out", str(run))
    return [sys.executable, "-m", "lmbench", "run", *options, "--no-check", "--quiet"]
