import pytest

from lmbench.errors import LmbenchError, ResultsError
from lmbench.progress import SILENT
from lmbench.runs.cells import CellTask
from lmbench.runs.experiment import Experiment
from lmbench.runs.models import select_models
from lmbench.runs.tasks import CheckTask, Desk, do_task
from lmbench.runs.templates import Workers
from lmbench.runs.worker import Limits
from tests.plugins import installed
from tests.runs.test_cells import CORPUS, POINTS


class NoWorkers(Workers):
    """Starts no process."""

    def __init__(self, error):
        super().__init__()
        self.error = error

    def start(self, *_, **__):
        raise self.error


def make_tasks(name, **options):
    """Return the tasks of a model: its check, and its cell."""
    [model] = select_models(name)
    [cell] = Experiment((model,), (CORPUS,)).plan()
    return CheckTask(model, "k"), CellTask(cell.row, model, CORPUS, use_store=False, **options)


def test_a_task_whose_process_cannot_start_fails_alone(tmp_path):
    desk = Desk(tmp_path, NoWorkers(LmbenchError("no process")))
    check, cell = (do_task(task, desk, SILENT) for task in make_tasks("uniform"))
    assert check.verification.doubt == "the suite did not end: no process"
    assert (cell.cell.status, cell.cell.error) == ("failed", "no process")


def test_a_task_whose_files_cannot_be_written_ends_the_run(tmp_path):
    desk = Desk(tmp_path, NoWorkers(OSError(28, "no space")))
    for task in make_tasks("uniform"):
        with pytest.raises(ResultsError, match=r"cannot write .*: no space"):
            do_task(task, desk, SILENT)


def test_a_second_scoring_is_limited_and_its_log_is_printable(tmp_path):
    with installed(tmp_path / "plugins", POINTS), Workers() as workers:
        (tmp_path / "cell").mkdir()
        _, task = make_tasks("hangswhenrestored", audit="full")
        done = do_task(task, Desk(tmp_path / "cell", workers, Limits(seconds=4)), SILENT)
    assert "stopped after the time limit of 4 s" in done.cell.audit.failure
    assert (tmp_path / "cell/audit-log.txt").read_text() == "\\x1b[31mred\n"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["cell", "plugins"]
