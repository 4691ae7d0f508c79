import errno
import json
import os
import shutil
from pathlib import Path

import pytest

from lmbench.backends.uniform import Uniform
from lmbench.checks import Outcome
from lmbench.errors import ResultsError
from lmbench.exhibit import Exhibit
from lmbench.metrics import summarize, tally
from lmbench.printable import printable_lines
from lmbench.runs.cell_files import DOCUMENTS, EXHIBITS, Exhibits, write_cell, write_documents
from lmbench.runs.records import Cell, Costs, Manifest, ModelRecord, Row, Verification
from lmbench.runs.store import RunDirectory, close_log, model_stem, stem
from tests.storing import suite_key_of

TEXTS = ["ab\n", "中\n"]
COSTS = Costs(fit_seconds=1.0, score_seconds=0.5, bytes_per_second=16.0, peak_bytes=10, parameters=None, disk_bytes=3)


def row(model="uniform", key="k"):
    return Row(model=model, corpus="c", key=key)


def manifest(*rows, models=()):
    return Manifest(created="2026-01-01T00:00:00+00:00", models=models, corpora=(), rows=rows)


def store(directory, place, **changes):
    """Store a cell in a row, and return it."""
    folder, counts = directory.new_work_folder(), tally(TEXTS, Uniform().score(TEXTS))
    write_documents(folder / DOCUMENTS, counts, None)
    fields = place.model_dump() | {"status": "ok", "metrics": summarize(counts), "costs": COSTS}
    cell = write_cell(folder, Cell(**fields | changes), ())
    directory.adopt(folder, cell)
    return cell


def filled(path, *rows):
    """Return a run directory with a cell in each row."""
    with RunDirectory.growing(path, manifest(*rows)) as directory:
        for place in rows:
            store(directory, place)
    return directory


def test_cells_are_read_as_they_were_written_in_the_order_of_the_rows(tmp_path):
    rows = (row("b", "1"), row("a", "2"))
    with RunDirectory.growing(tmp_path / "run", manifest(*rows)) as directory:
        stored = [store(directory, place) for place in reversed(rows)]
    again = RunDirectory.open(tmp_path / "run")
    assert again.manifest == manifest(*rows)
    assert again.cells() == stored[::-1]
    assert (again.damage(), again.missing()) == ([], [])


def test_a_run_grows_and_keeps_what_it_has(tmp_path):
    filled(tmp_path / "run", row("a", "1"))
    with RunDirectory.growing(tmp_path / "run", manifest(row("b", "2"))) as directory:
        assert [cell.model for cell in directory.cells()] == ["a"]
        assert directory.missing() == [row("b", "2")]
    assert RunDirectory.open(tmp_path / "run").manifest.rows == (row("a", "1"), row("b", "2"))


def test_a_cell_that_a_row_has_already_is_not_asked_for_again(tmp_path):
    filled(tmp_path / "run", row("kenlm", "1"))
    with RunDirectory.growing(tmp_path / "run", manifest(row("kenlm:order=5", "1"))) as directory:
        assert directory.manifest.rows == (row("kenlm", "1"),)


def test_a_row_with_another_identity_has_no_cell_until_it_is_evaluated_again(tmp_path):
    filled(tmp_path / "run", row("a", "1"))
    with RunDirectory.growing(tmp_path / "run", manifest(row("a", "2"))) as directory:
        assert (directory.cells(), directory.damage(), directory.missing()) == ([], [], [row("a", "2")])
        cell = store(directory, row("a", "2"))
        assert directory.cells() == [cell]


def version(number):
    """Return the record of a version of the model "a"."""
    return ModelRecord(label="a", spec="a", origin="plugin", options={}, identity={"version": number})


def test_the_other_rows_of_a_model_that_changed_have_no_cell(tmp_path):
    """They are of an earlier version, and a table must not show them beside the cells of the present one."""
    other = Row(model="a", corpus="d", key="2")
    with RunDirectory.growing(tmp_path / "run", manifest(row("a", "1"), other, models=(version(1),))) as directory:
        store(directory, row("a", "1"))
        store(directory, other)
    with RunDirectory.growing(tmp_path / "run", manifest(row("a", "3"), models=(version(2),))) as directory:
        cell = store(directory, row("a", "3"))
        assert directory.cells() == [cell]
        assert [place.slot for place in directory.missing()] == [other.slot]


def test_a_stored_cell_is_replaced_as_a_whole(tmp_path):
    with RunDirectory.growing(tmp_path / "run", manifest(row())) as directory:
        store(directory, row())
        failed = store(directory, row(), status="failed", error="no")
        assert directory.cells() == [failed]
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [".lock", "cells", "manifest.json"]


def forge(text, **changes):
    return json.dumps(json.loads(text) | changes)


def edit_cell(change):
    """Return how to change a cell's record."""

    def edit(run, cell):
        (cell / "cell.json").write_text(change((cell / "cell.json").read_text()))

    return edit


FORGERIES = {
    "bits per byte is another number": edit_cell(
        lambda text: text.replace('"bits_per_byte": 8.0', '"bits_per_byte": 0.5')
    ),
    "it is negative": edit_cell(lambda text: text.replace('"bits_per_byte": 8.0', '"bits_per_byte": -1.0')),
    "it is not a number": edit_cell(lambda text: text.replace('"bits_per_byte": 8.0', '"bits_per_byte": "NaN"')),
    "the model is renamed": edit_cell(lambda text: forge(text, model="better")),
    "the corpus is renamed": edit_cell(lambda text: forge(text, corpus="d")),
    "ok without metrics": edit_cell(lambda text: forge(text, metrics=None)),
    "no checksum": edit_cell(lambda text: text.replace('"checksum"', '"other"')),
    "not an object": edit_cell(lambda text: "[]"),
    "nested too deeply": edit_cell(lambda text: 100_000 * "["),
    "truncated": edit_cell(lambda text: text[:100]),
    "empty": edit_cell(lambda text: ""),
    "another format": edit_cell(lambda text: forge(text, format=3)),
    "not UTF-8": lambda run, cell: (cell / "cell.json").write_bytes(b"\xff\xfe{}"),
    "without a record": lambda run, cell: (cell / "cell.json").unlink(),
    "a link to nowhere": lambda run, cell: ((cell / "cell.json").unlink(), (cell / "cell.json").symlink_to("nowhere")),
    "documents are truncated": lambda run, cell: os.truncate(cell / DOCUMENTS, 100),
    "documents are deleted": lambda run, cell: (cell / DOCUMENTS).unlink(),
    "copied from another row": lambda run, cell: (
        shutil.rmtree(cell),
        shutil.copytree(run / "cells/b-on-c", cell),
    ),
    "metrics of another row": lambda run, cell: shutil.copy(run / "cells/b-on-c/cell.json", cell / "cell.json"),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forged_or_damaged_cell_is_named_and_not_believed(tmp_path, forgery):
    directory = filled(tmp_path / "run", row("a", "1"), row("b", "2"))
    FORGERIES[forgery](tmp_path / "run", tmp_path / "run/cells/a-on-c")
    for opened in (directory, RunDirectory.open(tmp_path / "run")):
        assert [cell.model for cell in opened.cells()] == ["b"]
        [damage] = opened.damage()
        assert damage.row == row("a", "1")
        assert "a-on-c" in damage.reason
        assert opened.missing() == [row("a", "1")]


def test_exhibits_that_a_cell_does_not_list_are_not_believed(tmp_path):
    directory = filled(tmp_path / "run", row())
    forged = Exhibit(title="a", shows="b", kind="table", columns=("c",), rows=((1,),))
    (directory.folder(row()) / EXHIBITS).write_text(Exhibits((forged,)).model_dump_json())
    assert directory.exhibits(directory.cells()[0]) == ()


def test_a_checksum_that_was_forged_too_does_not_help_a_contradiction(tmp_path):
    """Bits per byte must be bits divided by bytes, whatever the checksum says."""
    with RunDirectory.growing(tmp_path / "run", manifest(row())) as directory:
        good = store(directory, row()).metrics
        store(directory, row(), metrics=good.model_copy(update={"bits_per_byte": 0.5}))
        assert directory.cells() == []
        assert "its bits per byte are not its bits divided by its bytes" in directory.damage()[0].reason


def test_a_forged_manifest_is_refused(tmp_path):
    filled(tmp_path / "run", row())
    file = tmp_path / "run/manifest.json"
    file.write_text(file.read_text().replace("uniform", "better"))
    reason = r"manifest.json is damaged: its checksum is not that of its contents; remove it, and `lmbench run .*` uses"
    with pytest.raises(ResultsError, match=reason):
        RunDirectory.open(tmp_path / "run")


def test_cells_are_used_again_if_the_manifest_was_lost(tmp_path):
    filled(tmp_path / "run", row())
    (tmp_path / "run/manifest.json").unlink()
    with RunDirectory.growing(tmp_path / "run", manifest(row())) as directory:
        assert [cell.model for cell in directory.cells()] == ["uniform"]


def test_verifications_are_read_as_they_were_written_and_forged_ones_are_not_believed(tmp_path):
    with RunDirectory.growing(tmp_path / "run", manifest(row())) as directory:
        found = Verification(model="kenlm:order=3", key="k", doubt="", outcomes=())
        directory.write_verification(found)
        assert directory.verifications() == {"kenlm:order=3": found}
        file = tmp_path / f"run/checks/{model_stem('kenlm:order=3')}.json"
        shutil.copy(file, file.with_name("other.json"))
        assert directory.verifications() == {"kenlm:order=3": found}
        file.write_text(file.read_text().replace("kenlm", "other"))
        assert directory.verifications() == {}


def test_a_verification_of_another_version_is_not_believed(tmp_path):
    def directory(version):
        model = ModelRecord(label="uniform", spec="uniform", origin="", options={}, identity={"version": version})
        return RunDirectory.growing(tmp_path / "run", manifest(row()).model_copy(update={"models": (model,)}))

    with directory(1) as run:
        key = suite_key_of(run, "uniform")
        run.write_verification(Verification(model="uniform", key=key, doubt="", outcomes=()))
        assert list(run.verifications()) == ["uniform"]
    with directory(2) as run:
        assert run.verifications() == {}


def test_own_outcomes_are_added_if_there_are_others(tmp_path):
    passed = (Outcome(check="sums", status="pass", detail="", seconds=0),)
    with RunDirectory.growing(tmp_path / "run", manifest(row())) as directory:
        assert directory.add_own_outcomes("uniform", passed) is None
        directory.write_verification(Verification(model="uniform", doubt="", outcomes=passed))
        assert directory.add_own_outcomes("uniform", passed) == directory.verifications()["uniform"]
        assert directory.verifications()["uniform"].own_outcomes == passed


def test_a_verification_says_what_the_check_prior_found():
    prior = Outcome(check="prior", status="fail", detail="English is cheap", seconds=0)
    assert Verification(model="m", doubt="", outcomes=(prior,)).prior_knowledge == "English is cheap"
    assert Verification(model="m", doubt="", outcomes=()).prior_knowledge == ""


def test_an_empty_folder_may_become_a_run(tmp_path):
    (tmp_path / ".lock").touch()  # left by a run that was killed at once
    with RunDirectory.growing(tmp_path, manifest()) as directory:
        assert directory.cells() == []


def test_other_folders_are_refused(tmp_path):
    (tmp_path / "file").write_text("x")
    for path in (tmp_path, tmp_path / "missing", tmp_path / "file"):
        with pytest.raises(ResultsError, match=r"is not a run directory: manifest.json is missing"):
            RunDirectory.open(path)
    for path in (tmp_path, tmp_path / "file"):
        with (
            pytest.raises(ResultsError, match=r"is not a run directory"),
            RunDirectory.growing(path, manifest()),
        ):
            pass
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_run_directory_of_an_earlier_format_is_refused(tmp_path):
    (tmp_path / "manifest.json").write_text('{"format": 1, "models": []}')
    with pytest.raises(
        ResultsError, match=r"manifest.json has format 1, of another version of lmbench; this one reads 2"
    ):
        RunDirectory.open(tmp_path)


def test_a_full_disk_is_reported_and_leaves_no_partial_file(tmp_path, monkeypatch):
    with RunDirectory.growing(tmp_path / "run", manifest(row())) as directory:

        def fail(path, target):
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(Path, "rename", fail)
        with pytest.raises(ResultsError, match=r"cannot write .*uniform-on-c: No space left on device"):
            store(directory, row())
        monkeypatch.undo()
    assert sorted(path.name for path in (tmp_path / "run").rglob("*") if path.is_file()) == [".lock", "manifest.json"]


@pytest.mark.parametrize(
    ("model", "name"),
    [("kenlm", "kenlm"), ("kenlm:order=3", "kenlm-order=3-"), ("hf:../../etc/x", "hf-..-..-etc-x-"), ("汉", "-")],
)
def test_file_names_stay_in_the_folder(model, name):
    assert model_stem(model).startswith(name)
    assert "/" not in model_stem(model) + stem(row(model))


def test_other_names_have_other_files():
    names = ["kenlm:order=3", "kenlm.order=3", "kenlm-order=3", "KENLM-order=3"]
    assert len(set(map(model_stem, names))) == 4
    assert stem(row("a")) != stem(Row(model="a", corpus="c", train_size="10%", key="k"))
    assert stem(Row(model="a-on-b", corpus="c", key="k")) != stem(Row(model="a", corpus="b-on-c", key="k"))


def test_nothing_is_written_once_the_directory_was_removed(tmp_path):
    with RunDirectory.growing(tmp_path / "run", manifest(row())) as directory:
        shutil.rmtree(tmp_path / "run")
        for write in (lambda: store(directory, row()), lambda: directory.write_text("table.md", "")):
            with pytest.raises(ResultsError, match=r"/run was moved or removed during the run; resume with --out"):
                write()
    assert list(tmp_path.iterdir()) == []


def test_json_and_logs_are_printable(tmp_path):
    hostile = Row(model="m", corpus="汉\u202e\x9b", key="k")
    with RunDirectory.growing(tmp_path / "run", manifest(hostile)) as directory:
        cell = store(directory, hostile, status="failed", error="\x1b]52;c;x\x07\u2028")
    stored = (directory.folder(hostile) / "cell.json").read_bytes().decode()
    assert printable_lines(stored) == stored
    assert json.loads(stored)["corpus"] == hostile.corpus
    assert directory.cells() == [cell]
    log = tmp_path / "log.txt"
    log.write_bytes("10 %\r20 %\r\n\x1b[31m汉\n".encode() + b"\xff")
    close_log(log)
    assert log.read_text() == "10 %\n20 %\n\\x1b[31m汉\n\\xff"
