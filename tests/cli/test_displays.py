import io
import re
from threading import Thread

import pytest
from rich.cells import cell_len
from rich.console import Console

from lmbench.backends.uniform import Uniform
from lmbench.cli import displays
from lmbench.cli.displays import (
    DownloadDisplay,
    LoadingProgress,
    NoticeDisplay,
    QuietDisplay,
    RunDisplay,
    WorkDisplay,
)
from lmbench.metrics import summarize, tally
from lmbench.runs.events import JobName
from lmbench.runs.records import Cell, Costs

COSTS = Costs(fit_seconds=1.25, score_seconds=0.5, bytes_per_second=1.0, peak_bytes=1, parameters=None, disk_bytes=None)
CHECK = JobName(kind="check", model="[b]m", number=1, total=1)
FIRST = JobName(kind="cell", model="[b]m", corpus="c", number=1, total=2)
SECOND = JobName(kind="cell", model="gpt2", corpus="c", number=2, total=2)
MISSING = Cell(key="2", model="gpt2", corpus="c", status="unavailable", error="no [x] weights")


def console(terminal, width=100):
    return Console(file=io.StringIO(), force_terminal=terminal, width=width, color_system=None)


def finished(costs=COSTS):
    documents = ["ab\n"]
    metrics = summarize(tally(documents, Uniform().score(documents)))
    return Cell(key="1", model="[b]m", corpus="c", status="ok", metrics=metrics, costs=costs)


def test_a_line_says_that_most_events_are_unknown():
    cell = finished()
    few = cell.model_copy(update={"metrics": cell.metrics.model_copy(update={"oov_rate": 0.74})})
    ending = "; 74% of the events are unknown words: the model learned other words, or has another tokenizer"
    assert displays.summarize(few) == displays.summarize(cell) + ending


def report_run(display):
    """Report a run whose two cells overlap."""
    display("resolving models", 0.0)
    display.job_started(CHECK)
    display.job_progress(CHECK, "check 7 of 18: sums", 0.5)
    display._bars.refresh()
    display.job_ended(CHECK)
    display.planned(2, 0)
    for job in (FIRST, SECOND):
        display.job_started(job)
    display.job_progress(FIRST, "fit: [i]counting", 0.25)
    display.job_memory(FIRST, 3 << 30)
    display._bars.refresh()
    display.notice("downloading [red]1 GB")
    display.cell_finished(MISSING)
    display.job_ended(SECOND)
    display.cell_finished(finished())
    display.job_ended(FIRST)


@pytest.mark.parametrize("terminal", [False, True])
def test_a_run_has_a_line_for_each_finished_cell_and_each_notice(terminal):
    screen = console(terminal)
    with RunDisplay(screen) as display:
        report_run(display)
    lines = [line.strip() for line in screen.file.getvalue().replace("\r", "\n").splitlines()]
    assert any(line.endswith("downloading [red]1 GB") for line in lines)
    assert any(line.endswith("1/2 gpt2 on c: unavailable: no [x] weights") for line in lines)
    assert any(line.endswith("2/2 [b]m on c: 8.0000 bits/byte (fit 1.2 s, score 0.5 s)") for line in lines)
    if not terminal:
        assert lines[0] == "resolving models"
        assert len(lines) == 4


def test_a_terminal_shows_each_job_and_all_cells():
    screen = console(True)
    with RunDisplay(screen) as display:
        report_run(display)
    shown = screen.file.getvalue()
    [first] = {line.rstrip() for line in shown.splitlines() if "[i]counting" in line}
    assert first.startswith("[b]m on c ")
    assert "fit: [i]counting" in first
    assert "0:00" in first
    assert first.endswith("3.0 GiB")
    assert "0 of 2 cells" in shown
    assert "0 of 1 checks" in shown
    assert any(line.startswith("gpt2 on c") and "starting" in line for line in shown.splitlines())
    assert any(line.startswith("checking [b]m") and "check 7 of 18: sums" in line for line in shown.splitlines())
    assert len(display._bars.tasks) == 1


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_messages_are_shortened_and_the_bar_and_the_clock_are_not(width):
    screen = console(True, width)
    job = JobName(kind="cell", model="transformer:layers=12,name=" + "长" * 40, corpus="fables-zh", number=1, total=1)
    with RunDisplay(screen) as display:
        display.job_started(job)
        display.job_progress(job, "fit: step 3, loss 2.345, valid 2.9 bits per byte, 1,234 tokens/s", 0.5)
        display.job_memory(job, 300 << 20)
        display._bars.refresh()
    line = next(line for line in reversed(screen.file.getvalue().splitlines()) if "…" in line)
    assert cell_len(line) == width
    assert re.search(f" [━╸╺ ]{{{6 if width == 40 else 10}}} +0:00", line)
    assert "0:00" in line
    assert ("300 MiB" in line) == (width >= 60)
    assert ("1,234 tokens/s" in line) == (width >= 80)
    assert ("fables-zh" in line) == (width >= 80)


def test_stored_cells_are_counted_and_a_cell_that_failed_is_shown():
    screen = console(True)
    with RunDisplay(screen) as display:
        display.planned(3, 1)
        display.cell_finished(MISSING.model_copy(update={"status": "failed"}))
        display._bars.refresh()
    shown = screen.file.getvalue()
    assert "1 of 3 cells are stored already" in shown
    assert "2/3 gpt2 on c: failed: no [x] weights" in shown
    assert any("2 of 3 cells" in line and "1 failed" in line for line in shown.splitlines())


def test_steps_of_the_preparation_are_printed_once_without_a_terminal():
    screen = console(False)
    with RunDisplay(screen) as display:
        for message in ("loading corpora", "loading corpora", "measuring overlap"):
            display(message, 0.0)
    assert screen.file.getvalue() == "loading corpora\nmeasuring overlap\n"


def test_what_a_check_found_is_printed():
    screen = console(False)
    with RunDisplay(screen) as display:
        display.job_started(CHECK)
        display.job_ended(CHECK, "sums failed: after 'the'")
    assert screen.file.getvalue() == "checking [b]m: sums failed: after 'the'\n"


def test_a_pretrained_models_line_does_not_mention_fitting():
    screen = console(False)
    with RunDisplay(screen) as display:
        display.planned(1, 0)
        display.cell_finished(finished(COSTS.model_copy(update={"fit_seconds": None})))
    assert screen.file.getvalue() == "1/1 [b]m on c: 8.0000 bits/byte (score 0.5 s)\n"


def test_a_fit_that_was_stored_is_marked():
    screen = console(False)
    with RunDisplay(screen) as display:
        display.planned(1, 0)
        display.cell_finished(finished(COSTS.model_copy(update={"was_stored": True})))
    assert "(fit 1.2 s earlier, score 0.5 s)" in screen.file.getvalue()


def test_a_doubt_is_shown_at_once():
    screen = console(False)
    with RunDisplay(screen) as display:
        display.cell_finished(finished().model_copy(update={"doubt": "audit failed: document 3"}))
    assert "8.0000 bits/byte (fit 1.2 s, score 0.5 s) ‡ audit failed: document 3" in " ".join(
        screen.file.getvalue().split()
    )


def test_a_download_within_a_run_is_a_step():
    screen = console(True, 120)
    with RunDisplay(screen) as display:
        display.job_started(FIRST)
        display.progress_of(FIRST).received("https://example.org/[one].zip", 5 << 20, 20 << 20)
        LoadingProgress(display).received("https://example.org/two.zip", 5 << 20, None)
        display._bars.refresh()
    shown = screen.file.getvalue()
    assert "downloading [one].zip: 5 MiB of 20 MiB" in shown
    assert "downloading two.zip: 5 MiB" in shown


def test_how_files_are_read_is_announced_in_a_run():
    screen = console(False)
    with RunDisplay(screen) as display:
        LoadingProgress(display)("a.txt: read as lines", 0.0)
        LoadingProgress(display).notice("b.txt: read as JSON")
    assert screen.file.getvalue() == "a.txt: read as lines\nb.txt: read as JSON\n"


def test_threads_may_report_at_the_same_time():
    screen = console(True)
    jobs = [JobName(kind="cell", model=f"m{n}", corpus="c", number=n, total=8) for n in range(8)]

    def work(display, job):
        display.job_started(job)
        for step in range(50):
            display.job_progress(job, f"step {step}", step / 50)
        display.cell_finished(finished())
        display.job_ended(job)

    with RunDisplay(screen) as display:
        display.planned(8, 0)
        threads = [Thread(target=work, args=(display, job)) for job in jobs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [f"{n}/8 [b]m on c" in screen.file.getvalue() for n in range(10)] == [False, *[True] * 8, False]


def test_a_quiet_run_prints_failures_alone(capsys):
    display = QuietDisplay()
    display("resolving models", 0.0)
    display.notice("downloading 1 GB")
    display.cell_finished(finished())
    display.cell_finished(MISSING)
    display.cell_finished(MISSING.model_copy(update={"status": "failed", "error": "it\x1b broke"}))
    assert capsys.readouterr() == ("", "gpt2 on c: failed: it\\x1b broke\n")


@pytest.mark.parametrize("terminal", [True, False])
def test_only_a_terminal_shows_how_a_model_is_fitted(terminal):
    screen = console(terminal)
    with WorkDisplay(screen, "fitting on pydocs") as display:
        display("counting [b]", 0.5)
        display._bars.refresh()
        display.received("https://example.org/one.zip", 5 << 20, 20 << 20)
        display._bars.refresh()
    shown = screen.file.getvalue()
    assert ("downloading one.zip: 5 MiB" in shown) == terminal
    assert ("fitting on pydocs" in shown) == terminal
    assert ("counting [b]" in shown) == terminal


def test_reports_of_jobs_that_are_not_running_are_ignored():
    with RunDisplay(console(True)) as display:
        display.job_progress(FIRST, "late", 0.5)
        display.job_memory(FIRST, 1)
        display.job_ended(FIRST)


def test_a_terminal_shows_a_bar_for_each_download():
    screen = console(True)
    with DownloadDisplay(screen) as display:
        display.received("https://example.org/a/[one].zip", 500, 1000)
        display.received("https://example.org/a/[one].zip", 1000, 1000)
        display.received("https://example.org/two.zip", 500, None)
        display._bars.refresh()
        assert [(task.completed, task.total) for task in display._bars.tasks] == [(1000, 1000), (500, None)]
    shown = screen.file.getvalue()
    assert "[one].zip" in shown
    assert "two.zip" in shown


def test_without_a_terminal_downloads_are_silent():
    screen = console(False)
    with DownloadDisplay(screen) as display:
        display.received("https://example.org/one.zip", 500, 1000)
    assert screen.file.getvalue() == ""


def test_notices_go_to_standard_error(capsys):
    display = NoticeDisplay()
    display("loading", 0.5)
    display.notice("downloading 1 GB")
    assert capsys.readouterr() == ("", "downloading 1 GB\n")


@pytest.mark.parametrize("terminal", [False, True])
def test_control_characters_are_escaped(terminal, capsys):
    screen = console(terminal)
    hostile = "\x1b]52;c;x\x07\u202e\u2028\r"
    with RunDisplay(screen) as display:
        job = JobName(kind="cell", model=hostile, corpus=hostile, number=1, total=1)
        display.job_started(job)
        display.job_progress(job, hostile, 0.5)
        display.notice(hostile)
        display.cell_finished(Cell(key="1", model=hostile, corpus="c", status="failed", error=hostile))
        display.job_ended(job, hostile)
    with DownloadDisplay(screen) as downloads:
        downloads.received(f"http://example.org/{hostile}", 1, 2)
        downloads.notice(hostile)
    NoticeDisplay().notice(hostile)
    shown = screen.file.getvalue() + capsys.readouterr().err
    assert "]52;c;x\\x07\\u202e\\u2028\\r" in shown
    assert not {"\x1b]52", "\x07", "\u202e", "\u2028"} & {shown[i : i + n] for i in range(len(shown)) for n in (1, 4)}


def test_a_notice_is_printed_once():
    """A model is loaded for its check and again for each of its cells."""
    console = Console(file=io.StringIO(), width=80)
    with RunDisplay(console) as display:
        display.notice("a large download")
        display.notice("another notice")
        display.notice("a large download")
    assert console.file.getvalue() == "a large download\nanother notice\n"
