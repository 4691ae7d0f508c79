import math
import re
from dataclasses import replace

import numpy as np
import pytest

from lmbench import Corpus, Score, Split, build, evaluate
from lmbench.corpora.on_disk import StoredDocuments, measure_sizes
from lmbench.progress import Progress
from lmbench.runs.cell_files import read_documents, read_scores
from lmbench.runs.cells import CellJob, _beginning, _find_excess
from lmbench.runs.experiment import Experiment
from lmbench.runs.jobs import Desk, do_job
from lmbench.runs.models import select_models
from lmbench.runs.templates import Workers
from tests.plugins import installed
from tests.recording import Recorded
from tests.running import Recorder, run
from tests.runs.dishonest import DOCUMENTS

BIT = math.log(2)
CORPUS = Corpus(
    "lines",
    Split(DOCUMENTS[:20]),
    Split(DOCUMENTS[:2]),
    Split(DOCUMENTS),
    provenance="lines",
    floor=tuple(0.6 * BIT * len(document.encode()) for document in DOCUMENTS),
)
MODELS = (
    *("Honest", "CheapAtFirst", "Peeks", "TooGood", "Remembers", "RaisesLater", "VanishesLater", "Boasts", "Pseudo"),
    *("TooGoodAndGone", "Saves", "ForgetsToRestore", "CannotSave", "DiesWhenSaved", "RestoresAnother"),
    *("TrainsForATime", "HangsWhenRestored"),
)
POINTS = {name.lower(): f"tests.runs.dishonest:{name}" for name in MODELS}


def run_models(folder, models, **options):
    """Return the cells of models, by name."""
    with installed(folder / "plugins", POINTS):
        return {cell.model: cell for cell in run(models, [CORPUS], folder / "run", **options).cells()}


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    names = ("honest", "cheapatfirst", "peeks", "toogood", "raiseslater", "vanisheslater", "boasts", "pseudo")
    return run_models(tmp_path_factory.mktemp("cells"), ",".join((*names, "toogoodandgone", "kenlm:order=2")))


@pytest.mark.parametrize("model", ["honest", "kenlm:order=2"])
def test_an_honest_model_passes_the_audit(cells, model):
    cell = cells[model]
    assert (cell.status, cell.doubt, cell.audit.failure) == ("ok", "", "")
    assert cell.audit.documents >= 4
    assert cell.audit.prefixes >= 4
    assert cell.audit.rescored == 0
    assert cell.audit.seconds > 0


@pytest.mark.parametrize(
    ("model", "failure"),
    [
        ("cheapatfirst", "document .* is scored -4.990660 and -5.545177"),
        ("peeks", r"document .*cut at byte \d+.* is scored"),
        ("raiseslater", r"document \d+.*: RuntimeError: no \\x1b\[31m more"),
        ("vanisheslater", "the process ended too early, with exit code 9$"),
        ("boasts", "the process sent an audit that is not valid: documents: Input should be a valid"),
    ],
)
def test_a_failed_audit_marks_the_cell_and_keeps_its_numbers(cells, model, failure):
    cell = cells[model]
    assert cell.status == "ok"
    assert cell.metrics.documents == 40
    assert cell.doubt == f"audit failed: {cell.audit.failure}"
    assert cell.audit.failure.isprintable()
    assert re.match(failure, cell.audit.failure)


def test_a_model_below_the_floor_is_impossible_whatever_its_audit_says(cells):
    cell = cells["toogood"]
    size = sum(len(document.encode()) for document in DOCUMENTS)
    assert cell.audit.failure == ""
    assert cell.impossible
    assert not cells["honest"].impossible
    assert cell.doubt == (
        f"impossible: {size * BIT * 0.1:.1f} nats likelier than the source's own probability, which an honest "
        "model reaches with a probability below 1e-6"
    )


def test_an_impossible_cell_gives_the_reason_of_a_failed_audit_too(cells):
    cell = cells["toogoodandgone"]
    assert cell.impossible
    assert re.match(
        "impossible: .* below 1e-6; audit failed: the process ended too early, with exit code 9", cell.doubt
    )


def test_scores_that_are_no_probabilities_are_not_audited(cells):
    assert (cells["pseudo"].status, cells["pseudo"].audit, cells["pseudo"].doubt) == ("ok", None, "")


@pytest.mark.parametrize(("nats", "is_impossible"), [(0, False), (13.7, False), (13.9, True)])
def test_a_million_to_one_is_impossible(nats, is_impossible):
    """A total log-probability may exceed that of the source by log(1e6) = 13.8 nats."""
    floor = tuple(8 * BIT * len(document.encode()) for document in DOCUMENTS)
    corpus = replace(CORPUS, floor=(floor[0] + nats, *floor[1:]))
    assert bool(_find_excess(evaluate(build("uniform"), corpus).metrics, corpus)) == is_impossible
    assert _find_excess(evaluate(build("uniform"), corpus).metrics, replace(corpus, floor=None)) == ""


def test_the_audit_is_reported_and_can_be_left_out(tmp_path):
    progress = Recorder()
    assert run_models(tmp_path / "a", "honest", progress=progress)["honest"].audit is not None
    assert [message for message, _ in progress.messages] == ["score", "audit"]
    progress = Recorder()
    assert run_models(tmp_path / "b", "honest", progress=progress, audit="none")["honest"].audit is None
    assert [message for message, _ in progress.messages] == ["score"]


def test_sizes_are_bytes_and_those_of_stored_documents_need_no_reading(tmp_path):
    (tmp_path / "text.txt").write_text("".join(DOCUMENTS))
    stored = StoredDocuments.of_file(tmp_path / "text.txt", "line")
    expected = [len(document.encode()) for document in DOCUMENTS]
    assert measure_sizes(DOCUMENTS).tolist() == expected
    (tmp_path / "text.txt").unlink()
    assert measure_sizes(stored).tolist() == expected


def test_an_audit_gets_the_beginning_of_a_long_document():
    document = "é" * 600_000
    ends = np.arange(2, 1_200_001, 2)
    score = Score(ends, -np.arange(1.0, 600_001), np.zeros(600_000))
    text, part = _beginning(document, score)
    assert text == "é" * 500_000
    assert (part.ends[-1], len(part.ends), part.logprobs[-1]) == (1_000_000, 500_000, -500_000)
    assert _beginning("é", Score(ends[:1], score.logprobs[:1], score.spelling[:1]))[0] == "é"


def test_a_resumed_run_evaluates_cells_again_for_a_stronger_audit_alone(tmp_path):
    """Scores that are no probabilities cannot be audited, and run again as well: a stronger audit asks for it once."""
    counts = []
    with installed(tmp_path / "plugins", POINTS):
        for audit in ("none", "sample", "full", "full", "sample", "none"):
            progress = Recorder()
            cells = run("honest,pseudo", [CORPUS], tmp_path / "run", progress, audit=audit).cells()
            counts.append((audit, len(progress.events) // 2, *(cell.audit_kind for cell in cells)))
    assert counts == [
        ("none", 2, "none", "none"),
        ("sample", 2, "sample", "sample"),
        ("full", 2, "full", "full"),
        ("full", 0, "full", "full"),
        ("sample", 0, "full", "full"),
        ("none", 0, "full", "full"),
    ]
    assert (cells[0].audit.rescored, cells[1].audit) == (40, None)


def test_the_events_of_a_cell_are_stored(tmp_path):
    """Their bits sum to those of the documents, and their bytes to those of the text."""
    directory = run("kenlm:order=2", [CORPUS], tmp_path / "run")
    [cell] = directory.cells()
    events, documents = read_scores(directory.folder(cell.row)), read_documents(directory.folder(cell.row))
    borders = np.cumsum(documents["events"])[:-1]
    sizes = [part.sum() for part in np.split(events["bytes"], borders)]
    assert sizes == [len(document.encode()) for document in DOCUMENTS]
    bits = [part.sum() for part in np.split(events["bits"].astype(np.float64), borders)]
    assert bits == pytest.approx(documents["bits"], rel=1e-6)
    assert events["spelling_bits"].sum() == pytest.approx(documents["spelling_bits"].sum(), rel=1e-6)
    assert documents["floor_bits"] == pytest.approx([0.6 * len(document.encode()) for document in DOCUMENTS])
    assert events["bytes"].dtype == np.uint16


def test_events_are_left_out_on_request(tmp_path):
    [model] = select_models("uniform")
    plan = Experiment((model,), (CORPUS,)).plan()
    with Workers() as workers:
        folder = tmp_path / "cell"
        folder.mkdir()
        done = do_job(CellJob(plan[0].row, model, CORPUS, keep_scores=False), Desk(folder, workers), Progress())
    assert "scores.parquet" not in done.cell.files
    assert sorted(file.name for file in folder.iterdir()) == ["cell.json", "documents.parquet", "log.txt"]


def test_libraries_that_take_time_to_import_are_announced(tmp_path):
    [model] = select_models("uniform")
    slow = replace(model, needs=replace(model.needs, libraries=("scipy.sparse", "scipy.special", "json")))
    plan = Experiment((model,), (CORPUS,)).plan()
    progress = Recorded()
    with Workers() as workers:
        do_job(CellJob(plan[0].row, slow, CORPUS), Desk(tmp_path, workers), progress)
    assert progress.messages[0] == ("loading SciPy, json", 0.0)
