import json
from pathlib import Path

import pytest

from lmbench.cli import json_events
from lmbench.cli.json_events import JsonDisplay
from lmbench.runs.events import JobName
from tests.cli.test_displays import finished

TASK = JobName(kind="cell", model="m\u2028\udc80", corpus="c", number=1, total=2)
NAME = {"kind": "cell", "model": "m\u2028\udc80", "corpus": "c", "number": 1, "total": 2}


@pytest.fixture
def seconds(monkeypatch):
    """The time, in a list."""
    now = [100.0]
    monkeypatch.setattr(json_events.time, "monotonic", lambda: now[0])
    return now


def printed(capsys):
    shown = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert all(event.pop("time").endswith("+00:00") for event in shown)
    return shown


def test_each_event_is_a_json_object(capsys, seconds):
    display = JsonDisplay()
    display("resolving models", 0.0)
    display.notice("a large download")
    display.received("https://example.org/x", 1, None)
    display.planned(2, 1)
    display.job_started(TASK)
    display.job_progress(TASK, "fit", 0.5)
    display.job_received(TASK, "https://example.org/y", 1, 2)
    display.job_memory(TASK, 1 << 20)
    display.job_ended(TASK, "sums failed")
    display.written(Path("out"))
    assert printed(capsys) == [
        {"event": "step", "message": "resolving models", "share": 0.0},
        {"event": "notice", "message": "a large download"},
        {"event": "download", "url": "https://example.org/x", "bytes": 1, "total": None},
        {"event": "planned", "cells": 2, "stored": 1},
        {"event": "started", "job": NAME},
        {"event": "step", "job": NAME, "message": "fit", "share": 0.5},
        {"event": "download", "job": NAME, "url": "https://example.org/y", "bytes": 1, "total": 2},
        {"event": "memory", "job": NAME, "bytes": 1 << 20},
        {"event": "ended", "job": NAME, "summary": "sums failed"},
        {"event": "written", "path": "out"},
    ]


def test_a_cell_is_printed_as_it_is_stored(capsys):
    cell = finished()
    missing = cell.metrics.model_copy(update={"oov_rate": float("nan")})
    JsonDisplay().cell_finished(cell.model_copy(update={"metrics": missing}))
    [event] = printed(capsys)
    assert event["cell"]["metrics"]["bits_per_byte"] == 8
    assert event["cell"]["metrics"]["oov_rate"] == "NaN"


def test_steps_of_a_task_are_printed_once_a_second(capsys, seconds):
    display = JsonDisplay()
    for tenth in range(25):
        seconds[0] = 100 + tenth / 10
        display.job_progress(TASK, "fit", tenth / 25)
    assert [event["share"] for event in printed(capsys)] == [0.0, 10 / 25, 20 / 25]


def test_control_characters_are_escaped(capsys):
    JsonDisplay().notice("\x1b]52;c;x\x07\u202e")
    out = capsys.readouterr().out
    assert out.strip().isprintable()
    assert json.loads(out)["message"] == "\x1b]52;c;x\x07\u202e"
