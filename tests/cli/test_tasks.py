"""``lmbench tasks``, and ``lmbench run --tasks`` from the file of items to the run directory."""

import json
import re
import tomllib

import pytest

from lmbench.cli.task_lists import format_tasks
from lmbench.runs.store import RunDirectory
from lmbench.tasks import loading
from tests.cli.commands import assert_refused, lmbench, without_steps

ITEMS = (
    {"id": "short", "context": "Who sat?", "choices": ["cat", "the dog"], "gold": 0},
    {"id": "long", "context": "Who ran?", "choices": ["cat", "the dog"], "gold": 1},
)


@pytest.fixture
def items(tmp_path):
    file = tmp_path / "my.jsonl"
    file.write_text("".join(json.dumps(item) + "\n" for item in ITEMS))
    return file


def run(folder, *arguments):
    ran = lmbench("run", "--no-check", "--out", folder / "run", *arguments, cwd=folder)
    assert ran.returncode == 0, ran.stderr
    return ran


def test_tasks_are_listed_with_their_kinds_and_sizes():
    lines = lmbench("tasks").stdout.splitlines()
    assert max(map(len, lines)) <= 80
    entries = re.split(r"\n(?=\S)", "\n".join(lines))
    listed = {name: " ".join(text.split()) for name, text in (entry.split(maxsplit=1) for entry in entries)}
    assert listed["fables-qa-en"].endswith("with four answers [question-answering, en, 24 items]")
    assert "[minimal-pairs, " in listed["blimp"]
    assert listed["fables-qa"] == "fables-qa-en, fables-qa-zh"
    assert listed["all"] == "the tasks that need no download"


def test_tasks_as_json(monkeypatch):
    monkeypatch.setattr(loading, "TASKS", {name: loading.TASKS[name] for name in ("fables-qa-zh", "blimp")})
    listed = {task["name"]: task for task in map(json.loads, format_tasks())}
    assert list(listed) == ["fables-qa-zh", "blimp"]
    questions = listed["fables-qa-zh"]
    assert (questions["kind"], questions["items"], questions["language"]) == ("question-answering", 24, "zh")
    assert questions["metrics"][:2] == ["accuracy", "accuracy_bytes"]
    described = json.loads(lmbench("tasks", "fables-qa-zh", "--json").stdout)
    assert described["metrics"][0]["chance"] == pytest.approx(0.25)


def test_a_task_is_described_with_its_first_items(items):
    described = lmbench("tasks", f"{items}:kind=multiple-choice").stdout
    assert "measure   accuracy: " in described
    assert "chance 50.0%" in described
    assert "score   ' the dog' after 'Who sat?'" in described
    assert "right   'cat'" in described


def test_a_file_of_items_runs_alone_and_its_study_repeats_it(tmp_path, items):
    run(tmp_path, "--models", "uniform", "--tasks", f"{items.name}:kind=multiple-choice", "--train-on", "fables-en")
    directory = RunDirectory.open(tmp_path / "run")
    [cell] = directory.all_cells()
    assert (cell.kind, cell.figures[0].metric, cell.figures[0].value) == ("task", "accuracy", 0.5)
    study = tomllib.loads((tmp_path / "run/study.toml").read_text())
    assert study["corpora"] == []
    assert study["tasks"] == [cell.corpus]
    assert "train=fables-en" in cell.corpus
    again = lmbench("run", tmp_path / "run/study.toml", cwd=tmp_path)
    assert "1 of 1 cells are stored already" in again.stderr
    assert RunDirectory.open(tmp_path / "run").manifest.rows == directory.manifest.rows


def test_corpora_and_tasks_in_one_run_from_a_study(tmp_path, items):
    study = tmp_path / "study.toml"
    study.write_text(
        f'models = ["uniform"]\ncorpora = ["{tmp_path}/text.txt"]\ntasks = ["{items}:kind=multiple-choice"]\n'
        'train-on = "fables-en"\ncheck = false\n'
    )
    (tmp_path / "text.txt").write_text("the cat sat\n" * 20)
    events = map(
        json.loads, lmbench("run", study, "--out", tmp_path / "run", "--json", cwd=tmp_path).stdout.splitlines()
    )
    cells = [event["cell"] for event in events if event["event"] == "cell"]
    assert {(cell["kind"], cell["status"]) for cell in cells} == {("text", "ok"), ("task", "ok")}


def test_the_line_of_a_cell_says_its_first_figure(tmp_path, items):
    ran = run(tmp_path, "--models", "uniform", "--tasks", f"{items}:kind=multiple-choice,train=fables-en")
    assert "accuracy 0.5 of 2 items (" in ran.stderr
    assert "loading corpora" not in ran.stderr
    assert "loading tasks" not in without_steps(ran.stderr)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--tasks", "fables-en"], "Error: 'fables-en' is a corpus and not a task; name it with --corpora"),
        (["--corpora", "blimp"], "Error: 'blimp' is a task and not a corpus; name it with --tasks"),
        (["--corpora", "fables-qa-en"], "Error: 'fables-qa-en' is a task and not a corpus; name it with --tasks"),
        (["--tasks", "fables-qa-fr"], "Error: unknown task 'fables-qa-fr'; did you mean 'fables-qa"),
        (["--tasks", "missing.jsonl"], "Error: no such file: 'missing.jsonl'; a task is a file or one of: "),
        (["--tasks", "fables-qa-en:shots=many"], "Error: fables-qa-en: option shots=many: "),
        (["--tasks", "fables-qa-en", "--train-on", "nowhere"], "Error: unknown corpus 'nowhere'"),
        (["--tasks", "fables-qa-en", "--train-on", "copa"], "Error: 'copa' is a task and not a corpus; models are "),
        (["--tasks", ""], "Error: --tasks is empty; leave it out to use the embedded corpora"),
        (["--corpora", "markov", "--shots", "5"], "Error: --shots: only for tasks; name some with --tasks"),
        (["--train-on", "markov"], "Error: --train-on: only for tasks; name some with --tasks"),
        (["--tasks", "fables-qa-en", "--documents", "line"], "Error: --documents: only for your own text, and no corp"),
    ],
)
def test_wrong_names_are_refused_with_what_is_possible(tmp_path, options, message):
    assert_refused(["run", "--models", "uniform", *options], message, tmp_path)


def test_a_wrong_task_in_a_study_is_named_with_its_line(tmp_path):
    study = tmp_path / "study.toml"
    study.write_text('models = ["uniform"]\ntasks = [\n  "fables-qa-en",\n  "fables-en",\n]\n')
    ran = lmbench("run", study, cwd=tmp_path)
    assert ran.returncode == 2
    assert "study.toml, line 4, tasks: 'fables-en' is a corpus and not a task" in ran.stderr
