"""A run's events as JSON, one object a line. docs/progress.md describes them."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock

from lmbench.cli.output import echo_json
from lmbench.runs.events import JobName, RunProgress
from lmbench.runs.records import Cell

_INTERVAL = 1.0  # seconds between two reports of the same kind about the same job


class JsonDisplay(RunProgress):
    """Prints each event as a JSON object on standard output. Threads may call it at the same time.

    Steps, downloads and memory are reported at most once a second for each job.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._last: dict[tuple[str, JobName | None], float] = {}

    def __call__(self, message: str, share: float) -> None:
        self._print("step", {"message": message, "share": share})

    def notice(self, line: str) -> None:
        self._print("notice", {"message": line})

    def received(self, url: str, done: int, total: int | None) -> None:
        self._print_seldom("download", None, {"url": url, "bytes": done, "total": total})

    def planned(self, total_cells: int, stored: int) -> None:
        self._print("planned", {"cells": total_cells, "stored": stored})

    def job_started(self, job: JobName) -> None:
        self._print("started", {"job": asdict(job)})

    def job_progress(self, job: JobName, message: str, share: float) -> None:
        self._print_seldom("step", job, {"message": message, "share": share})

    def job_received(self, job: JobName, url: str, done: int, total: int | None) -> None:
        self._print_seldom("download", job, {"url": url, "bytes": done, "total": total})

    def job_memory(self, job: JobName, size: int) -> None:
        self._print_seldom("memory", job, {"bytes": size})

    def cell_finished(self, cell: Cell) -> None:
        self._print("cell", {"cell": json.loads(cell.model_dump_json())})

    def job_ended(self, job: JobName, summary: str = "") -> None:
        self._print("ended", {"job": asdict(job), "summary": summary})

    def written(self, path: Path) -> None:
        self._print("written", {"path": str(path)})

    def _print_seldom(self, event: str, job: JobName | None, fields: Mapping[str, object]) -> None:
        now, key = time.monotonic(), (event, job)
        with self._lock:
            if now < self._last.get(key, -_INTERVAL) + _INTERVAL:
                return
            self._last[key] = now
        self._print(event, {"job": asdict(job), **fields} if job else fields)

    def _print(self, event: str, fields: Mapping[str, object]) -> None:
        stamp = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = json.dumps({"event": event, "time": stamp, **fields}, ensure_ascii=False)
        with self._lock:
            echo_json(line)
