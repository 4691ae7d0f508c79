import pytest

from lmbench.runs.events import JobName, RunProgress

TASK = JobName(kind="cell", model="m", corpus="c", number=1, total=2)


class Recorder(RunProgress):
    def __init__(self):
        self.seen = []

    def job_progress(self, *call):
        self.seen.append(("progress", *call))

    def job_received(self, *call):
        self.seen.append(("received", *call))

    def notice(self, line):
        self.seen.append(("notice", line))


def test_a_progress_of_a_task_reports_for_this_job():
    recorder = Recorder()
    progress = recorder.progress_of(TASK)
    progress("counting", 0.5)
    progress.part("fit", 0.5)("counting", 0.5)
    progress.received("https://example.org/x", 1, None)
    progress.notice("a large download")
    assert recorder.seen == [
        ("progress", TASK, "counting", 0.5),
        ("progress", TASK, "fit: counting", 0.75),
        ("received", TASK, "https://example.org/x", 1, None),
        ("notice", "a large download"),
    ]


def test_reports_are_ignored_by_default_except_notices():
    progress = RunProgress()
    progress.planned(2, 1)
    progress.job_started(TASK)
    progress.job_memory(TASK, 1)
    progress.progress_of(TASK)("counting", 0.5)
    progress.job_ended(TASK)
    with pytest.warns(UserWarning, match="a large download"):
        progress.progress_of(TASK).notice("a large download")


def test_tasks_are_keys():
    again = JobName(kind="cell", model="m", corpus="c", number=1, total=2)
    assert {TASK: "line"}[again] == "line"
