import io

import pytest
from rich.console import Console

from lmbench.backends.uniform import Uniform
from lmbench.cli.displays import DownloadDisplay, NoticeDisplay, RunDisplay
from lmbench.metrics import summarize, tally
from lmbench.runs.store import Cell, Costs

COSTS = Costs(fit_seconds=1.25, score_seconds=0.5, bytes_per_second=1.0, peak_bytes=1, parameters=None, disk_bytes=None)


def console(terminal):
    return Console(file=io.StringIO(), force_terminal=terminal, width=100, color_system=None)


def finished(costs=COSTS):
    documents = ["ab\n"]
    metrics = summarize(tally(documents, Uniform().score(documents)))
    return Cell(number=1, model="[b]m", corpus="c", status="ok", metrics=metrics, costs=costs)


@pytest.mark.parametrize("terminal", [False, True])
def test_a_run_has_a_line_for_each_finished_cell_and_each_notice(terminal):
    screen = console(terminal)
    with RunDisplay(screen) as display:
        display.check_started(1, 2, "[b]m")
        display("checking", 0.5)
        display.cell_started(1, 2, "[b]m", "c")
        display("fit: [i]counting", 0.25)
        display.notice("downloading [red]1 GB")
        display.cell_finished(finished())
        display.cell_started(2, 2, "gpt2", "c")
        display.cell_finished(Cell(number=2, model="gpt2", corpus="c", status="unavailable", error="no [x] weights"))
    lines = [line.strip() for line in screen.file.getvalue().replace("\r", "\n").splitlines()]
    assert any(line.endswith("downloading [red]1 GB") for line in lines)
    assert any(line.endswith("1/2 [b]m on c: 8.0000 bits/byte (fit 1.2 s, score 0.5 s)") for line in lines)
    assert any(line.endswith("2/2 gpt2 on c: unavailable: no [x] weights") for line in lines)
    if not terminal:
        assert len(lines) == 3


def test_a_pretrained_models_line_does_not_mention_fitting():
    screen = console(False)
    with RunDisplay(screen) as display:
        display.cell_started(1, 1, "m", "c")
        display.cell_finished(finished(COSTS.model_copy(update={"fit_seconds": None})))
    assert screen.file.getvalue() == "1/1 m on c: 8.0000 bits/byte (score 0.5 s)\n"


def test_a_doubt_is_shown_at_once():
    screen = console(False)
    with RunDisplay(screen) as display:
        display.cell_started(1, 1, "m", "c")
        display.cell_finished(finished().model_copy(update={"doubt": "audit failed: document 3"}))
    assert "8.0000 bits/byte (fit 1.2 s, score 0.5 s) ‡ audit failed: document 3" in " ".join(
        screen.file.getvalue().split()
    )


def test_a_terminal_shows_the_current_step():
    screen = console(True)
    with RunDisplay(screen) as display:
        display.fit_started("pydocs")
        display("counting [b]", 0.5)
        display._bars.refresh()
    shown = screen.file.getvalue()
    assert "fitting on pydocs" in shown
    assert "counting [b]" in shown


def test_progress_before_anything_started_is_ignored():
    with RunDisplay(console(True)) as display:
        display("early", 0.5)


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
        display.cell_started(1, 1, hostile, hostile)
        display(hostile, 0.5)
        display.notice(hostile)
        display.cell_finished(Cell(number=1, model=hostile, corpus="c", status="failed", error=hostile))
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
