import json
import shutil

import numpy as np
import pandas as pd
import pytest

from lmbench.backends.uniform import Uniform
from lmbench.checks import ChangedOption, Outcome
from lmbench.errors import ResultsError
from lmbench.exhibit import Exhibit
from lmbench.metrics import summarize, tally
from lmbench.printable import printable_lines
from lmbench.runs.store import Cell, Costs, Manifest, RunDirectory, Verification, stem

MANIFEST = Manifest(
    created="2026-01-01T00:00:00+00:00",
    models=("uniform",),
    options=({},),
    corpora=(),
    versions=(("lmbench", "1"),),
    python="3",
    platform="x",
    cpus=2,
)
COSTS = Costs(fit_seconds=1.0, score_seconds=0.5, bytes_per_second=16.0, peak_bytes=10, parameters=None, disk_bytes=3)


@pytest.fixture
def counts():
    documents = ["ab\n", "中\n"]
    return tally(documents, Uniform().score(documents))


def cell(counts, number=1):
    return Cell(
        number=number, model="uniform", corpus="c", status="ok", signature="x:1", metrics=summarize(counts), costs=COSTS
    )


def test_cells_are_read_as_they_were_written(tmp_path, counts):
    directory = RunDirectory.start(tmp_path / "run", MANIFEST)
    directory.write(cell(counts), counts)
    again = RunDirectory.open(tmp_path / "run")
    assert again.manifest == MANIFEST
    assert again.cells() == [cell(counts)]


def test_bits_of_each_document_are_parquet(tmp_path, counts):
    directory = RunDirectory.start(tmp_path / "run", MANIFEST)
    directory.write(cell(counts), counts)
    frame = pd.read_parquet(tmp_path / "run/documents/001-uniform.parquet")
    assert frame["bits"].tolist() == pytest.approx([24.0, 32.0])
    assert frame["characters"].tolist() == [3, 2]
    assert frame["bytes"].dtype == np.int64


def test_documents_of_several_row_groups_stay_in_order(tmp_path, monkeypatch):
    monkeypatch.setattr("lmbench.runs.store._ROW_GROUP", 7)
    documents = [f"{'x' * (300 * (i == 13))}{i}\n" for i in range(20)]
    counts = tally(documents, Uniform().score(documents))
    directory = RunDirectory.start(tmp_path / "run", MANIFEST)
    directory.write(cell(counts), counts)
    frame = pd.read_parquet(tmp_path / "run/documents/001-uniform.parquet")
    assert frame["bytes"].tolist() == list(map(len, documents))
    assert frame["bits"].tolist() == [8 * len(document) for document in documents]
    assert {str(kind) for kind in frame.dtypes} == {"int64", "float64"}


def test_exhibits_are_stored_with_their_cell(tmp_path, counts):
    exhibit = Exhibit(title="a", shows="b", kind="table", columns=("c",), rows=((1,), ("汉\n",)))
    directory = RunDirectory.start(tmp_path / "run", MANIFEST)
    directory.write(cell(counts), counts, (exhibit, exhibit))
    directory.write(cell(counts, number=2), counts)
    assert directory.exhibits(cell(counts)) == (exhibit, exhibit)
    assert directory.exhibits(cell(counts, number=2)) == ()
    (tmp_path / "run/exhibits/001-uniform.json").write_text('[{"title": 1}]')
    with pytest.raises(ResultsError, match=r"001-uniform.json cannot be read as format 1: 0.title"):
        directory.exhibits(cell(counts))


def test_verifications_are_read_as_they_were_written_and_older_ones_too(tmp_path):
    directory = RunDirectory.start(tmp_path / "run", MANIFEST)
    changed = (ChangedOption(name="steps", checked="60", own="0"),)
    new = Verification(model="new", doubt="", outcomes=(), changed=changed)
    directory.write_verification(1, new)
    (tmp_path / "run/checks/002-old.json").write_text('{"model": "old", "doubt": "not checked", "outcomes": []}')
    old = Verification(model="old", doubt="not checked", outcomes=(), changed=())
    assert directory.verifications() == {"new": new, "old": old}


def test_a_verification_says_what_the_check_prior_found(tmp_path):
    prior = Outcome(check="prior", status="fail", detail="English is cheap", seconds=0)
    assert Verification(model="m", doubt="", outcomes=(prior,)).prior_knowledge == "English is cheap"
    assert Verification(model="m", doubt="", outcomes=()).prior_knowledge == ""


def test_a_run_resumes_only_with_the_same_work(tmp_path):
    RunDirectory.start(tmp_path / "run", MANIFEST)
    later = MANIFEST.model_copy(update={"created": "2026-01-02T00:00:00+00:00"})
    assert RunDirectory.start(tmp_path / "run", later).manifest == MANIFEST
    for change in ({"models": ("kenlm",)}, {"versions": (("lmbench", "2"),)}, {"cpus": 4}):
        with pytest.raises(ResultsError, match=r"holds another run"):
            RunDirectory.start(tmp_path / "run", MANIFEST.model_copy(update=change))


def test_an_empty_folder_may_become_a_run(tmp_path):
    assert RunDirectory.start(tmp_path, MANIFEST).cells() == []


def test_other_folders_are_refused(tmp_path):
    (tmp_path / "file").write_text("x")
    for path in (tmp_path, tmp_path / "missing", tmp_path / "file"):
        with pytest.raises(ResultsError, match=r"is not a run directory: manifest.json is missing"):
            RunDirectory.open(path)
    with pytest.raises(ResultsError, match=r"is not a run directory"):
        RunDirectory.start(tmp_path, MANIFEST)


@pytest.mark.parametrize("text", ["", "{", '{"format": 2}', '{"number": 1}'])
def test_a_damaged_cell_is_named(tmp_path, text):
    directory = RunDirectory.start(tmp_path / "run", MANIFEST)
    (tmp_path / "run/cells").mkdir(exist_ok=True)
    (tmp_path / "run/cells/001-x.json").write_text(text)
    with pytest.raises(ResultsError, match=r"001-x.json cannot be read as format 1"):
        directory.cells()


def test_a_full_disk_is_reported_and_leaves_no_partial_file(tmp_path, monkeypatch, counts):
    import errno
    import io
    from pathlib import Path

    directory = RunDirectory.start(tmp_path / "run", MANIFEST)

    class Full(io.FileIO):
        def write(self, data):
            super().write(data[: len(data) // 2])
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "open", lambda path, mode: Full(path, mode))
    with pytest.raises(ResultsError, match=r"cannot write .*001-uniform.parquet: No space left on device"):
        directory.write(cell(counts), counts)
    assert [path.name for path in (tmp_path / "run").rglob("*") if path.is_file()] == ["manifest.json"]


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("kenlm:order=3,tokenizer=bpe:512", "003-kenlm-order=3-tokenizer=bpe-512"),
        ("hf:../../etc/x", "003-hf-..-..-etc-x"),
    ],
)
def test_file_names_stay_in_the_folder(model, name):
    assert stem(3, model) == name
    assert "/" not in stem(3, model)


def test_a_log_is_emptied_for_each_process(tmp_path):
    directory = RunDirectory.start(tmp_path / "run", MANIFEST)
    log = directory.log(1, "uniform")
    assert log == tmp_path / "run/logs/001-uniform.txt"
    log.write_text("an earlier run")
    assert directory.log(1, "uniform").read_text() == ""
    assert directory.log(1, "uniform", "check") == tmp_path / "run/logs/check-001-uniform.txt"


def test_nothing_is_written_once_the_directory_was_removed(tmp_path, counts):
    directory = RunDirectory.start(tmp_path / "run", MANIFEST)
    shutil.rmtree(tmp_path / "run")
    writes = (
        lambda: directory.write(cell(counts), counts),
        lambda: directory.write_text("table.md", ""),
        lambda: directory.log(1, "uniform"),
    )
    for write in writes:
        with pytest.raises(ResultsError, match=r"/run was moved or removed during the run; resume with --out"):
            write()
    assert list(tmp_path.iterdir()) == []


def test_files_that_vanish_are_named(tmp_path):
    directory = RunDirectory.start(tmp_path / "run", MANIFEST)
    (tmp_path / "run/cells").mkdir()
    (tmp_path / "run/cells/001-x.json").symlink_to("nowhere")
    with pytest.raises(ResultsError, match=r"cannot read .*001-x.json: No such file"):
        directory.cells()


def test_json_and_logs_are_printable(tmp_path):
    directory = RunDirectory.start(tmp_path / "run", MANIFEST)
    hostile = Cell(number=1, model="m", corpus="汉\u202e\x9b", status="failed", error="\x1b]52;c;x\x07\u2028")
    directory.write(hostile, None)
    stored = (tmp_path / "run/cells/001-m.json").read_bytes().decode()
    assert printable_lines(stored) == stored
    assert json.loads(stored)["corpus"] == hostile.corpus
    assert directory.cells() == [hostile]
    log = directory.log(1, "m")
    log.write_bytes("10 %\r20 %\r\n\x1b[31m汉\n".encode() + b"\xff")
    directory.close_log(log)
    assert log.read_text() == "10 %\n20 %\n\\x1b[31m汉\n\\xff"
