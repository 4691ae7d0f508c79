import pytest

from lmbench.errors import LmbenchError, ResultsError
from lmbench.progress import SILENT
from lmbench.runs.cells import CellJob
from lmbench.runs.experiment import Experiment
from lmbench.runs.jobs import CheckJob, Desk, do_job
from lmbench.runs.models import select_models
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


def make_jobs(name, **options):
    """Return the jobs of a model: its check, and its cell."""
    [model] = select_models(name)
    [cell] = Experiment((model,), (CORPUS,)).plan()
    return CheckJob(model, "k"), CellJob(cell.row, model, CORPUS, use_store=False, **options)


def test_a_task_whose_process_cannot_start_fails_alone(tmp_path):
    desk = Desk(tmp_path, NoWorkers(LmbenchError("no process")))
    check, cell = (do_job(job, desk, SILENT) for job in make_jobs("uniform"))
    assert check.verification.doubt == "the suite did not end: no process"
    assert (cell.cell.status, cell.cell.error) == ("failed", "no process")


def test_a_task_whose_files_cannot_be_written_ends_the_run(tmp_path):
    desk = Desk(tmp_path, NoWorkers(OSError(28, "no space")))
    for job in make_jobs("uniform"):
        with pytest.raises(ResultsError, match=r"cannot write .*: no space"):
            do_job(job, desk, SILENT)


def test_a_second_scoring_is_limited_and_its_log_is_printable(tmp_path):
    with installed(tmp_path / "plugins", POINTS), Workers() as workers:
        (tmp_path / "cell").mkdir()
        _, job = make_jobs("hangswhenrestored", audit="full")
        done = do_job(job, Desk(tmp_path / "cell", workers, Limits(seconds=4)), SILENT)
    assert "stopped after the time limit of 4 s" in done.cell.audit.failure
    assert (tmp_path / "cell/audit-log.txt").read_text() == "\\x1b[31mred\n"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["cell", "plugins"]
