import math
import subprocess
import sys
import warnings
from dataclasses import replace

import numpy as np
import pytest

import lmbench
from lmbench import Corpus, Split, Traits
from lmbench.errors import LmbenchError, ResultsError, SpecError, TaskError, UnknownNameError
from lmbench.runs.store import RunDirectory
from tests.api.models import ByteOptions, Bytes
from tests.runs.items import QUESTIONS

TEXTS = [f"the cat saw dog {number}\n" for number in range(30)]

SCRIPT = """
import threading
import lmbench
from tests.api.models import Bytes

class Mine(Bytes):
    pass

def evaluate(models, check):
    table = lmbench.run(models, {"mine": %r}, check=check).to_pandas()
    print(*table.model, *table.status, table.peak_bytes.isna().tolist(), table.unverified[0].partition(":")[0])

evaluate([Mine], True)
thread = threading.Thread(target=evaluate, args=([Mine, "uniform"], False))
thread.start()
thread.join()
"""


@pytest.fixture
def corpus():
    return Corpus("toy", Split(tuple(TEXTS)), Split(tuple(TEXTS[:2])), Split(tuple(TEXTS[:5])), "lines")


def run(models, corpora=None, **options):
    return lmbench.run(models, corpora, **{"check": False, "progress": False} | options)


def test_a_script_needs_no_main_guard_and_may_use_a_thread(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT % TEXTS)
    root = lmbench.__file__.removesuffix("lmbench/__init__.py")
    command = [sys.executable, "-W", "error", "-c", f"import sys; sys.path.insert(0, {root!r}); import runpy; "
               f"runpy.run_path({str(tmp_path / 'script.py')!r}, run_name='__main__')"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "Mine ok [True] normalization cannot be checked",
        "Mine uniform ok ok [True, False] not checked",
    ]


def test_an_instance_of_a_module_has_a_process_of_its_own_and_is_not_changed(corpus):
    model = Bytes(ByteOptions(added=2))
    [mine, other] = run({"mine": model, "other": Bytes(ByteOptions(added=9))}, corpus).to_pandas().to_dict("records")
    assert not hasattr(model, "logprobs")
    assert mine["peak_bytes"] > 0
    model.prepare(corpus.training)
    bits = -sum(float(score.logprobs.sum()) for score in model.score(corpus.test.documents)) / math.log(2)
    assert mine["bits_per_byte"] == pytest.approx(bits / corpus.test.size)
    assert mine["bits_per_byte"] < other["bits_per_byte"] < 8


def test_a_model_that_fails_here_leaves_its_error(corpus):
    class Broken(Bytes):
        def score(self, documents):
            raise RuntimeError("the scorer broke")

    results = run([Broken, "uniform"], corpus)
    table = results.to_pandas().set_index("model")
    assert table.status.to_dict() == {"Broken": "failed", "uniform": "ok"}
    assert table.error["Broken"] == "RuntimeError: the scorer broke; see cells/Broken-on-toy/log.txt"
    assert "raise RuntimeError" in (results.path / "cells/Broken-on-toy/log.txt").read_text()
    assert "Broken (failed)" in repr(results)


def test_a_full_audit_scores_again_here(corpus):
    class Local(Bytes):
        pass

    [row] = run(Local, corpus, audit="full").to_pandas().to_dict("records")
    assert (row["audit_rescored"], row["audit_failure"]) == (5, "")


def test_an_interrupt_keeps_what_is_done(corpus, tmp_path):
    class Interrupted(Bytes):
        def fit(self, data, progress=None):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as stop:
        run(["uniform", Interrupted], corpus, out=tmp_path / "run")
    assert stop.value.__notes__ == [f"1 of 2 cells are stored; resume with out={str(tmp_path / 'run')!r}"]
    assert [cell.model for cell in RunDirectory.open(tmp_path / "run").cells()] == ["uniform"]


def test_a_run_grows_and_can_be_repeated_by_name(tmp_path):
    first = run("uniform", ["fables-en:limit=2"], out=tmp_path / "run", train_size=["10%"])
    started = first.to_pandas().started.tolist()
    grown = run(["ppm:order=1"], "fables-en:limit=2", out=tmp_path / "run", train_size="10%", train_draws=2)
    table = grown.to_pandas()
    assert (table.model.tolist(), table.started.tolist()[:1]) == (["uniform", "ppm:order=1", "ppm:order=1"], started)
    assert '"fables-en:limit=2"' in (tmp_path / "run" / "study.toml").read_text()
    assert grown.words("ppm:order=1").train_size.unique().tolist() == ["10%", "draw 2 of 10%"]


def test_tasks_are_named_or_objects(tmp_path):
    results = run("uniform", tasks=["fables-qa-en", replace(QUESTIONS, language="")], limit=3)
    cells = results.directory.all_cells()
    assert [(cell.corpus, cell.kind) for cell in cells] == [("fables-qa-en:limit=3", "task"), ("questions", "task")]
    assert results.directory.manifest.study is None  # no study can name an object
    names = "fables-qa-en:limit=3,fables-qa-zh"
    both = run("uniform", "markov:lines=300", tasks=names, limit=2, out=tmp_path / "run")
    assert [cell.corpus for cell in both.directory.all_cells()] == [
        "markov:lines=300", "fables-qa-en:limit=3", "fables-qa-zh:limit=2"
    ]  # fmt: skip
    [table] = both.directory.manifest.study.experiments
    assert table.limit is None
    assert (table.corpora, table.tasks) == (("markov:lines=300",), ("fables-qa-en:limit=3", "fables-qa-zh:limit=2"))
    with pytest.raises(TaskError, match=r"^an int is not a task; give its name, or a Task$"):
        run("uniform", tasks=[1])
    with pytest.raises(SpecError, match=r"^train_on: only for tasks; name some with tasks=$"):
        run("uniform", "markov", limit=3, train_on="markov")
    unanswerable = replace(QUESTIONS, items=(replace(QUESTIONS.items[0], gold=2),))
    with pytest.raises(TaskError, match=r"^questions, item 1: gold is 2; with 2 choices, it must be from 0 to 1$"):
        run("uniform", tasks=unanswerable)


def test_a_temporary_run_is_silent_and_lasts_as_long_as_its_results(corpus, capfd):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        results = lmbench.run("uniform", corpus, check=False)
    assert capfd.readouterr() == ("", "")
    path = results.path
    assert path.is_dir()
    del results
    assert not path.exists()


@pytest.mark.parametrize("models", [["uniform"], []])
def test_an_interrupt_leaves_a_temporary_run_only_if_something_is_stored(corpus, tmp_path, monkeypatch, models):
    class Interrupted(Bytes):
        def fit(self, data, progress=None):
            raise KeyboardInterrupt

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(KeyboardInterrupt) as stop:
        run([*models, Interrupted], corpus)
    assert [len(RunDirectory.open(path / "run").cells()) for path in tmp_path.glob("lmbench-*")] == [1] * len(models)
    assert len(getattr(stop.value, "__notes__", ())) == len(models)


def test_an_error_leaves_no_temporary_run(corpus, tmp_path, monkeypatch):
    def fail(*_):
        raise ResultsError("the disk is full")

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("lmbench.api.running.runner.run", fail)
    with pytest.raises(ResultsError, match="the disk is full"):
        run("uniform", corpus)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"audit": "all"}, "^audit: it must be 'none', 'sample' or 'full'"),
        ({"seeds": -1}, "^seeds: write how many seeds"),
        ({"seeds": 0}, "^seeds: write how many seeds"),
        ({"seeds": None}, "^seeds: write how many seeds"),
        ({"seeds": np.array([0.5])}, "^seeds: it must be a valid integer"),
        ({"train_size": 0.1}, "^train_size: write a list, not a float"),
        ({"train_size": "5"}, "^'5' is not a share of the training text"),
        ({"timeout": "soon"}, "^timeout: 'soon' is not a duration"),
        ({"memory_limit": "much"}, "^memory_limit: 'much' is not a size"),
        ({"jobs": 0}, "^jobs: it must be greater than 0"),
        ({"shots": 65}, "^shots: it must be less than or equal to 64"),
        ({"limit": 0}, "^limit: it must be greater than 0"),
    ],
)
def test_an_option_that_is_not_valid_is_named(options, message, tmp_path):
    with pytest.raises(SpecError, match=message):
        run("uniform", "fables-en", out=tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"corpora": ["absent", "pydoc"]}, r"unknown corpus 'pydoc'.*if these are documents, write Corpus\.from_texts"),
        ({"tasks": ["fables-aq"]}, "^unknown task 'fables-aq'"),
        ({"tasks": ["fables-qa-en"], "train_on": "nowhere"}, "^unknown corpus 'nowhere'"),
        ({"train_size": "5"}, "^'5' is not a share of the training text"),
        ({"seeds": 2}, "^seeds: only for models with a seed; none of these has one"),
    ],
)
def test_mistakes_are_refused_before_a_text_is_read(absent, options, message):
    with pytest.raises(LmbenchError, match=message):
        run("uniform", **{"corpora": absent} | options)


def test_a_user_is_warned_that_a_pretrained_model_scores_a_part():
    class Loaded(Bytes):
        traits = Traits(weights="pretrained")

        def load(self, progress=None):
            self.logprobs = np.full(256, -math.log(256))

    with pytest.warns(
        UserWarning, match="^texts: its last tenth is scored, because some models are fitted on the rest"
    ):
        assert run([Loaded, "uniform"], TEXTS).to_pandas().documents.tolist() == [3, 3]
    assert run(Loaded, TEXTS).to_pandas().documents.tolist() == [30]


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(ResultsError, match=r"manifest\.json is missing; choose another folder$"):
        run("uniform", "fables-en:limit=2", out=tmp_path)


def test_a_misspelled_model_stops_at_once(tmp_path):
    with pytest.raises(UnknownNameError, match="unknown model 'kenml'; did you mean 'kenlm'"):
        run("kenml", "fables-en", out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
