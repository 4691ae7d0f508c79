import os
import shutil
from dataclasses import replace

import pytest

from lmbench import Split
from lmbench.checks import ChangedOption, Outcome
from lmbench.errors import ResultsError
from lmbench.runs import runner
from lmbench.runs.cell_files import read_documents
from lmbench.runs.engines import LocalEngine
from lmbench.runs.events import RunProgress
from lmbench.runs.experiment import Experiment
from lmbench.runs.merging import merge
from lmbench.runs.models import select_models
from lmbench.runs.records import Verification
from lmbench.runs.store import RunDirectory
from lmbench.runs.templates import Workers
from tests.plugins import MODELS, installed
from tests.running import run
from tests.runs.forging import reseal
from tests.runs.items import QUESTIONS
from tests.storing import suite_key_of


class Notices(RunProgress):
    def __init__(self):
        self.lines = []

    def notice(self, line):
        self.lines.append(line)


def numbers(directory):
    """Return all that the tables show of a run apart from costs, in its order."""
    return [(cell.row, cell.status, cell.metrics, cell.signature, cell.audit_kind) for cell in directory.cells()]


def files(path):
    """Return the files of a run with their contents, apart from its lock."""
    found = {file.relative_to(path): file for file in path.rglob("*") if file.is_file() and file.name != ".lock"}
    return {str(name): file.read_bytes() for name, file in found.items()}


@pytest.fixture
def other(corpus):
    return replace(corpus, name="other", test=Split(("a\n",)))


def test_runs_are_joined_in_the_order_in_which_they_are_given(tmp_path, corpus, other):
    a = run("uniform,kenlm:order=2", [corpus], tmp_path / "a")
    b = run("kenlm:order=2", [other, corpus], tmp_path / "b")
    merged = merge([tmp_path / "a", tmp_path / "b"], tmp_path / "c")
    assert [(cell.model, cell.corpus) for cell in merged.cells()] == [
        ("uniform", "toy"),
        ("kenlm:order=2", "toy"),
        ("kenlm:order=2", "other"),
    ]
    assert numbers(merged) == [*numbers(a), numbers(b)[0]]
    assert numbers(RunDirectory.open(tmp_path / "c")) == numbers(merged)
    for cell in merged.cells():
        columns = read_documents(merged.folder(cell.row))
        assert columns["bits"].sum() == cell.metrics.bits
    assert (merged.damage(), merged.missing()) == ([], [])


def test_a_merged_run_can_be_merged_with_again_and_grows(tmp_path, corpus, other):
    run("uniform", [corpus], tmp_path / "a")
    run("uniform", [other], tmp_path / "b")
    merge([tmp_path / "a"], tmp_path / "c")
    merge([tmp_path / "b"], tmp_path / "c")
    before = files(tmp_path / "c")
    merge([tmp_path / "c", tmp_path / "b", tmp_path / "a"], tmp_path / "c")
    assert files(tmp_path / "c") == before
    grown = run("uniform,kenlm:order=2", [corpus], tmp_path / "c")
    assert [(cell.model, cell.corpus) for cell in grown.cells()] == [
        ("uniform", "toy"),
        ("uniform", "other"),
        ("kenlm:order=2", "toy"),
    ]


def test_shards_join_to_what_one_run_gives(tmp_path, corpus, other):
    experiment = Experiment(select_models("uniform,kenlm:order=2,kenlm:order=3"), (corpus, other), check=False)
    with Workers() as workers:
        engine = LocalEngine(workers)
        whole = runner.run(experiment, tmp_path / "whole", engine, RunProgress())
        for number in (3, 1, 4, 2):
            options = runner.RunOptions(shard=(number, 4))
            shard = runner.run(experiment, tmp_path / f"shard{number}", engine, RunProgress(), options)
            assert len(shard.cells()) == (2 if number < 3 else 1)
    merged = merge([tmp_path / f"shard{number}" for number in (2, 4, 1, 3)], tmp_path / "merged")
    assert numbers(merged) == numbers(whole)
    assert len(numbers(whole)) == 6
    strip = {"created": ""}
    assert merged.manifest.model_copy(update=strip) == whole.manifest.model_copy(update=strip)
    for one, same in zip(merged.cells(), whole.cells(), strict=True):
        assert one.files == same.files


def test_other_numbers_of_a_cell_are_refused_and_nothing_is_written(tmp_path, corpus):
    directory = run("uniform,kenlm:order=2", [corpus], tmp_path / "a")
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    cell = directory.cells()[1]
    bits = cell.metrics.bits
    changed = float.fromhex(bits.hex()[:-5] + ("1" if bits.hex()[-5] == "0" else "0") + bits.hex()[-4:])
    reseal(tmp_path / "b/cells" / directory.folder(cell.row).name / "cell.json", metrics__bits=changed)
    with pytest.raises(ResultsError) as raised:
        merge([tmp_path / "a", tmp_path / "b"], tmp_path / "c")
    assert str(raised.value) == (
        f"kenlm:order=2 on toy contradicts itself: bits are {bits!r} in {tmp_path}/a and {changed!r} in {tmp_path}/b; "
        "merge one of them alone"
    )
    assert not (tmp_path / "c").exists()


def test_other_figures_or_items_of_a_task_are_refused(tmp_path):
    directory = run("uniform", [], tmp_path / "a", tasks=[QUESTIONS])
    [cell] = directory.task_cells()
    assert merge([tmp_path / "a"], tmp_path / "whole").task_cells() == [cell]
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    figures = [{"metric": "accuracy", "value": 1.0, "items": 4}]
    reseal(tmp_path / "b/tasks/uniform-on-questions/cell.json", figures=figures)
    with pytest.raises(ResultsError, match=r"^uniform on questions contradicts itself: its figures in .*/a are"):
        merge([tmp_path / "a", tmp_path / "b"], tmp_path / "c")
    run("uniform", [], tmp_path / "d", tasks=[replace(QUESTIONS, items=QUESTIONS.items[:2])])
    with pytest.raises(ResultsError, match=r"^questions asks other items in .*/d than in .*/a; merge one of "):
        merge([tmp_path / "a", tmp_path / "d"], tmp_path / "c")


def test_another_text_of_the_same_name_is_refused(tmp_path, corpus):
    run("uniform", [corpus], tmp_path / "a")
    run("uniform", [replace(corpus, train=Split(("a c\n",) * 9))], tmp_path / "b")
    before = files(tmp_path / "b")
    with pytest.raises(ResultsError, match=r"^toy has another text in .*/a than in .*/b; merge one of them alone$"):
        merge([tmp_path / "a"], tmp_path / "b")
    assert files(tmp_path / "b") == before


def test_another_model_of_the_same_name_is_refused(tmp_path, corpus):
    words = tmp_path / "words.txt"
    for name, text in (("a", "a b"), ("b", "a")):
        words.write_text(text)
        run(f"kenlm:limit_vocab={words}", [corpus], tmp_path / name)
    with pytest.raises(
        ResultsError, match=r"kenlm:limit_vocab=.* is another model in .*/b than in .*/a: its spec, its ver"
    ):
        merge([tmp_path / "a", tmp_path / "b"], tmp_path / "c")


def test_two_versions_of_a_model_are_refused_on_different_texts_too(tmp_path, corpus):
    for name, code in (("a", MODELS), ("b", MODELS + "# changed\n")):
        with installed(tmp_path / f"plugin-{name}", {"good": "plugin_module:Good"}, code):
            run("good", [replace(corpus, name=name)], tmp_path / name)
    with pytest.raises(ResultsError, match=r"^good is another model in .*/b than in .*/a: "):
        merge([tmp_path / "a", tmp_path / "b"], tmp_path / "c")


def test_a_damaged_cell_is_named_and_left_out_unless_another_run_has_it(tmp_path, corpus):
    directory = run("uniform,kenlm:order=2", [corpus], tmp_path / "a")
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    damaged = tmp_path / "b/cells" / directory.folder(directory.cells()[0].row).name / "documents.parquet"
    os.truncate(damaged, 10)
    progress = Notices()
    merged = merge([tmp_path / "b"], tmp_path / "c", progress)
    [notice] = progress.lines
    assert notice == f"{damaged} is damaged: its checksum is not that of its contents; the cell is left out"
    assert [cell.model for cell in merged.cells()] == ["kenlm:order=2"]
    assert [row.model for row in merged.missing()] == ["uniform"]
    assert numbers(merge([tmp_path / "b", tmp_path / "a"], tmp_path / "d", Notices())) == numbers(directory)
    assert numbers(merge([tmp_path / "a"], tmp_path / "c")) == numbers(directory)


def test_a_cell_with_numbers_and_a_strong_audit_is_preferred(tmp_path, plugins, corpus):
    with_numbers = run("good", [corpus], tmp_path / "a", audit="none")
    shutil.copytree(tmp_path / "a", tmp_path / "failed")
    [folder] = (tmp_path / "failed/cells").iterdir()
    reseal(folder / "cell.json", status="failed", error="out of memory", metrics=None, costs=None)
    audited = run("good", [corpus], tmp_path / "audited", audit="full")
    for order in (("failed", "a", "audited"), ("audited", "a", "failed")):
        merged = merge([tmp_path / name for name in order], tmp_path / "-".join(order))
        assert numbers(merged) == numbers(audited) != numbers(with_numbers)


def test_a_model_that_is_broken_on_one_machine_does_not_contradict(tmp_path, corpus):
    with installed(tmp_path / "one", {"good": "plugin_module:Good"}, "import not_there"):
        broken = run("good,uniform", [corpus], tmp_path / "a")
    assert [cell.status for cell in broken.cells()] == ["failed", "ok"]
    with installed(tmp_path / "two", {"good": "plugin_module:Good"}, MODELS):
        whole = run("good,uniform", [corpus], tmp_path / "b")
    for name, order in (("c", "ab"), ("d", "ba")):
        merged = merge([tmp_path / letter for letter in order], tmp_path / name)
        assert {row: status for row, status, *_ in numbers(merged)} == dict.fromkeys(whole.manifest.rows, "ok")


def test_a_cell_of_the_same_model_under_another_label_is_renamed(tmp_path, corpus):
    """The first run has no numbers of the cell, which both have under the same identity."""
    first = run("kenlm", [corpus], tmp_path / "a")
    shutil.rmtree(first.folder(first.manifest.rows[0]))
    second = run("kenlm:min_count=2", [corpus], tmp_path / "b")
    assert first.manifest.rows[0].key == second.manifest.rows[0].key
    [cell] = merge([tmp_path / "a", tmp_path / "b"], tmp_path / "c").cells()
    assert (cell.model, cell.metrics) == ("kenlm", second.cells()[0].metrics)


def test_results_in_the_suite_are_joined(tmp_path, corpus):
    passed = (Outcome(check="sums", status="pass", detail="", seconds=0),)
    failed = (Outcome(check="sums", status="fail", detail="no", seconds=0),)
    changed = (ChangedOption(name="steps", checked="60", own="0"),)
    key = suite_key_of(run("uniform", [corpus], tmp_path / "run"), "uniform")
    plain = Verification(model="uniform", key=key, doubt="", outcomes=passed, changed=changed)
    own = plain.with_own(failed)
    dead = Verification(model="uniform", key=key, doubt="the suite did not end", outcomes=())
    doubtful = Verification(model="uniform", key=key, doubt="sums failed: no", outcomes=failed, changed=changed)
    for number, (one, other, joined) in enumerate(
        [(plain, own, own), (dead, plain, plain), (plain, doubtful, doubtful), (doubtful, own, None)]
    ):
        for place, verification in (("a", one), ("b", other)):
            shutil.copytree(tmp_path / "run", tmp_path / str(number) / place)
            RunDirectory.open(tmp_path / str(number) / place).write_verification(verification)
        merged = [
            merge([tmp_path / str(number) / letter for letter in order], tmp_path / str(number) / order)
            for order in ("ab", "ba")
        ]
        found = [directory.verifications()["uniform"] for directory in merged]
        if joined is not None:
            assert found == [joined, joined]
        assert all(verification.doubt for verification in found if joined is None)


def test_what_is_not_a_run_is_refused(tmp_path, corpus):
    run("uniform", [corpus], tmp_path / "a")
    (tmp_path / "text").mkdir()
    (tmp_path / "text/x").write_text("")
    with pytest.raises(ResultsError, match=r"/missing is not a run directory"):
        merge([tmp_path / "a", tmp_path / "missing"], tmp_path / "c")
    with pytest.raises(ResultsError, match=r"/text is not a run directory"):
        merge([tmp_path / "a"], tmp_path / "text")
    assert not (tmp_path / "c").exists()
