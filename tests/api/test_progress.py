import io
import re

import pytest
from rich.console import Console

from lmbench.api import progress
from lmbench.runs.events import JobName, RunProgress
from tests.report.cells import broken_cell, cell

CELL = JobName(kind="cell", model="m", corpus="<c>", number=1, total=2)
CHECK = JobName(kind="check", model="m", number=2, total=4)


class Display:
    """Records what a notebook shows."""

    def __init__(self):
        self.shown = []

    def __call__(self, html, display_id):
        assert display_id
        return self.update(html)

    def update(self, html):
        self.shown.append(html.data)
        return self


@pytest.fixture
def display(monkeypatch):
    pytest.importorskip("IPython")
    shown = Display()
    monkeypatch.setattr("IPython.display.display", shown)
    monkeypatch.setattr(progress, "_INTERVAL", 0.0)
    monkeypatch.setattr(progress, "is_notebook", lambda: True)
    return shown


def value_of(html):
    return float(re.search(r'value="([0-9.]+)"', html)[1])


def test_a_notebook_shows_the_share_of_all_cells(display):
    with progress.open_progress(True) as bar:
        bar.planned(4, 1)
        bar.job_started(CELL)
        bar.job_progress(CELL, "fit", 0.5)
        assert value_of(display.shown[-1]) == pytest.approx(1.5 / 4)
        assert "1 of 4 cells, m on &lt;c&gt;: fit" in display.shown[-1]
        bar.cell_finished(broken_cell("m"))
        bar.job_ended(CELL)
        assert value_of(display.shown[-1]) == pytest.approx(2 / 4)
    assert "2 of 4 cells, 1 failed" in display.shown[-1]


def test_before_the_cells_it_shows_that_of_the_checks(display):
    with progress.open_progress(True) as bar:
        bar.job_started(CHECK)
        bar.job_progress(CHECK, "check 3", 0.5)
        assert value_of(display.shown[-1]) == pytest.approx(1.5 / 4)
        assert "checking m: check 3" in display.shown[-1]


def test_notices_are_kept_below_the_bar_once(display):
    with progress.open_progress(True) as bar:
        bar.notice("<large> download")
        bar.notice("<large> download")
        bar.received("https://x/y.gz", 5, 10)
    assert display.shown[-1].count("&lt;large&gt; download") == 1
    assert "downloading y.gz: 50%" in display.shown[1] or "downloading y.gz: 50%" in display.shown[2]


def stop(error, cells):
    """Stop a run by an error, after a plan with some cells if there are any."""
    with progress.open_progress(True) as bar:
        bar("resolving models", 0.0)
        if cells:
            bar.planned(cells, 1)
        raise error


def test_an_error_before_the_plan_leaves_no_bar(display):
    with pytest.raises(ValueError, match="x"):
        stop(ValueError("x"), 0)
    assert display.shown[-1] == ""


def test_an_interrupted_run_says_so(display):
    with pytest.raises(KeyboardInterrupt):
        stop(KeyboardInterrupt(), 2)
    assert "1 of 2 cells, interrupted" in display.shown[-1]


def test_updates_are_not_more_frequent_than_a_notebook_can_show(display, monkeypatch):
    monkeypatch.setattr(progress, "_INTERVAL", 60.0)
    with progress.open_progress(True) as bar:
        bar.planned(1, 0)
        for share in range(1000):
            bar.job_progress(CELL, "fit", share / 1000)
    assert len(display.shown) == 2


def test_a_terminal_shows_a_bar_and_notices(monkeypatch):
    text = io.StringIO()
    console = Console(file=text, force_terminal=True, width=80)
    monkeypatch.setattr("rich.console.Console", lambda **_: console)
    monkeypatch.setattr(progress, "_INTERVAL", 0.0)
    monkeypatch.setattr(progress.sys.stderr, "isatty", lambda: True, raising=False)
    with progress.open_progress(True) as bar:
        bar.planned(2, 0)
        bar.notice("[bold]notice\x1b")
        bar.job_started(CELL)
        bar.cell_finished(cell("m"))
        bar.job_ended(CELL)
    assert "[bold]notice\\x1b" in text.getvalue()
    assert "1 of 2 cells" in text.getvalue()


def test_elsewhere_it_is_silent_and_notices_are_warnings():
    for is_wanted in (True, False):
        with progress.open_progress(is_wanted) as bar:
            assert type(bar) is RunProgress
            with pytest.warns(UserWarning, match="a notice"):
                bar.notice("a notice")
