import os
import shutil
from dataclasses import replace

import pytest

from lmbench.checks import Outcome
from lmbench.corpora.loading import load_corpus
from lmbench.metrics import Tally, summarize
from lmbench.runs.cell_files import read_documents, read_scores
from lmbench.runs.engines import LocalEngine
from lmbench.runs.events import RunProgress
from lmbench.runs.records import Verification
from lmbench.runs.reevaluation import evaluate_again
from lmbench.runs.store import RunDirectory
from lmbench.runs.templates import Workers
from lmbench.runs.verifying import examine, sample_cells
from lmbench.tasks.loading import load_task
from tests.running import run
from tests.runs.forging import reseal, rewrite
from tests.storing import suite_key_of


@pytest.fixture(scope="module")
def _original(tmp_path_factory):
    folder = tmp_path_factory.mktemp("original") / "run"
    corpora = [load_corpus("markov:lines=300"), load_corpus("fables-en")]
    run("uniform,kenlm:order=2", corpora, folder, audit="none", use_store=False)
    return folder


@pytest.fixture
def directory(_original, tmp_path):
    """Return a run of two models on two corpora."""
    shutil.copytree(_original, tmp_path / "run")
    return RunDirectory.open(tmp_path / "run")


def folder_of(directory, model="kenlm:order=2", corpus="fables-en"):
    [row] = [row for row in directory.manifest.rows if (row.model, row.corpus) == (model, corpus)]
    return directory.folder(row)


def wrongs(directory):
    """Return the subjects and texts of what is wrong."""
    return [(finding.subject, finding.text) for finding in examine(directory) if finding.is_wrong]


def test_nothing_is_wrong_with_what_a_run_wrote(directory):
    findings = examine(directory)
    assert [finding.is_wrong for finding in findings] == [False] * 4
    assert [finding.cell for finding in findings] == directory.cells()
    assert findings[1].text == f"{directory.cells()[1].metrics.bits_per_byte:.4f} bits/byte"


def test_damage_is_wrong(directory):
    os.truncate(folder_of(directory) / "scores.parquet", 100)
    [(subject, text)] = wrongs(directory)
    assert subject == "kenlm:order=2 on fables-en"
    assert text.endswith("scores.parquet is damaged: its checksum is not that of its contents")


@pytest.mark.parametrize("name", ["bits", "word_perplexity", "unknown", "excess", "kenlm_including_oovs"])
def test_forged_metrics_are_wrong(directory, name):
    folder = folder_of(directory, corpus="markov:lines=300")
    metrics = next(cell for cell in directory.cells() if directory.folder(cell.row) == folder).metrics
    value = getattr(metrics, name)
    changes = {f"metrics__{name}": value + 1}
    if name == "bits":
        changes["metrics__bits_per_byte"] = (value + 1) / metrics.bytes
    reseal(folder / "cell.json", **changes)
    [(subject, text)] = wrongs(directory)
    assert subject == "kenlm:order=2 on markov:lines=300"
    assert text == f"{name} is {value + 1!r}, but {value!r} by its documents"


def forge_documents(folder, directory, change):
    """Change the bits of the first document, and the metrics with them."""
    columns = dict(read_documents(folder))
    columns["bits"] = columns["bits"].copy()
    columns["bits"][0] += change
    rewrite(folder, "documents.parquet", bits=columns["bits"])
    metrics = summarize(Tally(**{name: columns[name] for name in Tally.__dataclass_fields__}))
    reseal(folder / "cell.json", metrics=metrics.model_dump(mode="json"))


def test_forged_documents_do_not_have_the_sums_of_their_events(directory):
    folder = folder_of(directory)
    forge_documents(folder, directory, -2.0)
    [(_, text)] = wrongs(directory)
    assert text.startswith("document 0 has ")
    assert " bits, but its events have " in text


def test_events_that_are_missing_or_longer_are_wrong(directory):
    folder = folder_of(directory)
    lengths = read_scores(folder)["bytes"].copy()
    lengths[0] += 1
    lengths[1] -= 1
    rewrite(folder, "scores.parquet", bytes=lengths)
    assert wrongs(directory) == []  # the borders between events are not in the documents
    lengths[-1] += 1
    rewrite(folder, "scores.parquet", bytes=lengths)
    [(_, text)] = wrongs(directory)
    assert text.startswith("document 23 has ")
    events = read_documents(folder)["events"].copy()
    events[0] += 1
    rewrite(folder, "documents.parquet", events=events)
    assert wrongs(directory)[0][1].startswith("events is ")


def test_documents_without_their_columns_are_wrong(directory):
    folder = folder_of(directory)
    shutil.copy(folder / "scores.parquet", folder / "documents.parquet")
    rewrite(folder, "documents.parquet")
    assert wrongs(directory)[0][1] == "its documents or events cannot be read: 'characters'"


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"impossible": True, "doubt": "x"}, "its numbers are not impossible, and it says otherwise"),
        ({"doubt": "x"}, "what it says about doubts is not what its audit found"),
    ],
)
def test_forged_doubts_are_wrong(directory, changes, text):
    reseal(folder_of(directory) / "cell.json", **changes)
    assert wrongs(directory) == [("kenlm:order=2 on fables-en", text)]


def test_the_verdicts_of_the_suite_are_checked_by_their_outcomes(directory):
    failed = (Outcome(check="sums", status="fail", detail="no", seconds=0),)
    passed = (Outcome(check="sums", status="pass", detail="", seconds=0),)
    uniform, kenlm = (
        Verification(model=model, key=suite_key_of(directory, model), doubt="", outcomes=failed)
        for model in ("uniform", "kenlm:order=2")
    )
    directory.write_verification(uniform)
    directory.write_verification(kenlm.model_copy(update={"doubt": "sums failed: no"}))
    assert wrongs(directory) == [("checks of uniform", "the verdict is not that of the outcomes")]
    directory.write_verification(uniform.model_copy(update={"outcomes": passed}).with_own(failed))
    assert wrongs(directory) == []
    os.truncate(directory.path / "checks/uniform.json", 9)
    assert wrongs(directory)[0][1].endswith("uniform.json is damaged: it is not JSON")


def again(directory, cells=None):
    with Workers() as workers:
        found = evaluate_again(directory, cells or directory.cells(), LocalEngine(workers), RunProgress())
        return {finding.subject: (finding.is_wrong, finding.text) for finding in found}


def test_cells_that_are_evaluated_again_have_the_same_bits(directory):
    found = again(directory)
    assert len(found) == 4
    for is_wrong, text in found.values():
        assert not is_wrong
        assert text.endswith("bits/byte, evaluated again: the same to the last bit")


def test_a_forgery_with_all_its_sums_is_found_by_evaluating_it_again(directory):
    folder = folder_of(directory)
    (folder / "scores.parquet").unlink()
    reseal(folder / "cell.json", files={"documents.parquet": ""})
    forge_documents(folder, directory, -1e-9)
    assert wrongs(directory) == []
    cells = [cell for cell in directory.cells() if directory.folder(cell.row) == folder]
    [(is_wrong, text)] = again(directory, cells).values()
    assert is_wrong
    assert text.startswith("evaluated again on the same machine: ")
    reseal(folder / "cell.json", provenance__machine__processor="another")
    cells = [cell for cell in directory.cells() if directory.folder(cell.row) == folder]
    [(is_wrong, text)] = again(directory, cells).values()
    assert not is_wrong
    assert text.endswith("the same within the rounding of another machine")
    forge_documents(folder, directory, -2.0)
    cells = [cell for cell in directory.cells() if directory.folder(cell.row) == folder]
    [(is_wrong, text)] = again(directory, cells).values()
    assert is_wrong
    assert text.startswith("evaluated again on another machine or with other libraries: ")
    reseal(folder / "cell.json", remarks=["time-limited"])
    cells = [cell for cell in directory.cells() if directory.folder(cell.row) == folder]
    [(is_wrong, text)] = again(directory, cells).values()
    assert not is_wrong
    assert text.startswith("not comparable: it was trained for a limited time, and now has ")


def test_it_is_said_which_cells_cannot_be_evaluated_again(tmp_path, corpus):
    limited = load_corpus("fables-en:limit=3")
    words = tmp_path / "words.txt"
    words.write_text("a b")
    directory = run(f"uniform,kenlm:limit_vocab={words}", [corpus, limited], tmp_path / "run", audit="none")
    words.write_text("a")
    found = again(directory)
    assert {is_wrong for is_wrong, _ in found.values()} == {False}
    assert found["uniform on toy"][1].startswith("not evaluated again: unknown corpus 'toy'")
    assert found["uniform on fables-en"][1] == (
        "not evaluated again: the text of fables-en is another one than in the run"
    )
    full = run(f"kenlm:limit_vocab={words}", [load_corpus("fables-en")], tmp_path / "full", audit="none")
    words.write_text("b")
    [(_, text)] = again(full).values()
    assert text == (
        f"not evaluated again: kenlm:limit_vocab={words} has changed since: its version, or a file that it reads"
    )


def test_a_share_of_the_training_text_is_taken_again(tmp_path):
    from lmbench.corpora.selection import list_parts
    from lmbench.runs import runner
    from lmbench.runs.experiment import Experiment
    from lmbench.runs.models import select_models

    parts = list_parts((0.1, 1.0), 2)
    experiment = Experiment(select_models("kenlm:order=2"), (load_corpus("fables-en"),), False, "none", parts)
    with Workers() as workers:
        directory = runner.run(experiment, tmp_path / "run", LocalEngine(workers), RunProgress())
    assert [text.endswith("the same to the last bit") for _, text in again(directory).values()] == [True] * 3


def test_the_figures_of_a_task_are_computed_and_its_items_answered_again(tmp_path):
    corpus = replace(load_corpus("fables-en"), name="fables-qa-en:limit=3")
    directory = run("uniform", [corpus], tmp_path / "run", tasks=[load_task(corpus.name)], audit="none")
    [cell] = directory.task_cells()
    assert [(finding.subject, finding.is_wrong) for finding in examine(directory)] == [
        ("uniform on fables-qa-en:limit=3", False),
        ("uniform on the task fables-qa-en:limit=3", False),
    ]
    [(is_wrong, text)] = again(directory, [cell]).values()
    assert not is_wrong
    assert text.startswith("accuracy ")
    assert text.endswith(", evaluated again: the same to the last bit")
    folder = directory.folder(cell.row)
    rewrite(folder, "items.parquet", accuracy=[1.0, 1.0, 1.0])
    [(subject, text)] = wrongs(RunDirectory.open(tmp_path / "run"))
    assert subject == "uniform on the task fables-qa-en:limit=3"
    assert text.endswith(" of 3 items, but 1.0 by its items")


def test_a_sample_is_chosen_by_a_seed(directory):
    findings = examine(directory)
    findings[0] = replace(findings[0], cell=None, is_wrong=True)
    assert sample_cells(findings, None, 0) == sample_cells(findings, 9, 1) == directory.cells()[1:]
    chosen = {tuple(cell.key for cell in sample_cells(findings, 1, seed)) for seed in range(20)}
    assert len(chosen) == 3
    assert sample_cells(findings, 2, 5) == sample_cells(findings, 2, 5)
    assert sample_cells(findings, 0, 0) == []
