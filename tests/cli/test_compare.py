import json
import sys
from types import SimpleNamespace

import pytest

from lmbench.cli.commands import execute
from lmbench.printable import printable_lines
from tests import answering
from tests.analysis.crafted import NOISE, add, new_run
from tests.cli.commands import lmbench
from tests.report.cells import text

HOSTILE = "x\x1b]52;c;x\x07"


@pytest.fixture
def compare(monkeypatch, capsys):
    """Return a function that runs the command in this process, which takes less time than a process of its own."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["lmbench", "compare", *map(str, arguments)])
        code = execute()
        return SimpleNamespace(returncode=code, **capsys.readouterr()._asdict())

    return call


@pytest.fixture
def runs(tmp_path):
    """The folders of two runs. The model "b" is better in the second one."""
    folders = tmp_path / "x", tmp_path / "y"
    for folder, gain in zip(folders, (0, 10), strict=True):
        directory = new_run(folder, text(), text(HOSTILE))
        add(directory, "a", 195 + NOISE)
        add(directory, "b", 200 + NOISE - gain)
        add(directory, HOSTILE, 190 + NOISE, corpus=HOSTILE)
    return folders


def test_two_models_of_a_run(runs):
    result = lmbench("compare", runs[0], "a", "b")
    assert (result.returncode, result.stderr) == (0, "")
    [row] = [line.split() for line in result.stdout.splitlines() if line.startswith("c ")]
    assert (row[3], row[-2], row[-1]) == ("−0.0500", "12/12", "better")


def test_two_runs(compare, runs):
    result = compare(*runs)
    assert (result.returncode, result.err) == (0, "")
    [row] = [line.split() for line in result.out.splitlines() if line.startswith("b ")]
    assert (row[3], row[-1]) == ("−0.1000", "better")
    assert "2 of 3 rows have the same numbers." in result.out
    chosen = compare(*runs, "--models", "a,b", "--corpus", "c")
    assert "1 of 2 rows has the same numbers." in chosen.out


def test_models_of_two_runs(compare, runs):
    result = compare(runs[0], "b", runs[1], "b", "--json")
    [row] = map(json.loads, result.out.splitlines())
    assert (row["model"], row["baseline"], row["verdict"]) == ("b", "b", "worse")
    assert row["difference"] == pytest.approx(0.1)


def test_the_margin(compare, runs):
    result = compare(runs[0], "a", "b", "--margin", "0.1", "--json")
    assert json.loads(result.out)["verdict"] == "equal"


@pytest.mark.parametrize("json_option", [(), ("--json",)])
def test_names_are_escaped(compare, runs, json_option):
    for arguments in ((runs[0], HOSTILE, HOSTILE), runs):
        result = compare(*arguments, *json_option)
        assert (result.returncode, result.err) == (0, "")
        assert printable_lines(result.out) == result.out
        assert "52;c;x" in result.out
    if json_option:
        assert json.loads(result.out.splitlines()[2])["model"] == HOSTILE


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("x", "a", "bb"), "unknown model of x 'bb'; did you mean 'b'? (known: a, b, x\\x1b]52;c;x\\x07)"),
        (("x", "a", HOSTILE), "nothing can be compared: c: x does not have x\\x1b]52;c;x\\x07 on it; x\\x1b"),
        (("x", "a", "b", "--corpus", "d"), "unknown corpus of x 'd'"),
        (("x", "a"), "a is not a run directory; to compare models of x, name two of them"),
        (("x",), "name two models of a run (RUN MODEL MODEL), two runs (RUN RUN), or RUN MODEL RUN MODEL"),
        (("x", "a", "b", "--models", "a"), "--models goes with two runs"),
        (("z", "a", "b"), "z is not a run directory: manifest.json is missing"),
        (("x", "a", "b", "--margin", "-1"), "Invalid value for '--margin'"),
    ],
)
def test_mistakes_are_reported_in_one_line(compare, runs, arguments, message, monkeypatch):
    monkeypatch.chdir(runs[0].parent)
    result = compare(*arguments)
    assert (result.returncode, result.out) == (2, "")
    [line] = result.err.splitlines()
    assert line.startswith(f"Error: {message}")


def test_another_text_of_the_same_name_is_refused(compare, tmp_path):
    for name, fingerprint in (("x", "e"), ("y", "f")):
        add(new_run(tmp_path / name, text(test_fingerprint=fingerprint * 64)), "a", 200 + NOISE)
    result = compare(tmp_path / "x", tmp_path / "y")
    assert (result.returncode, result.out) == (2, "")
    assert result.err.startswith("Error: nothing can be compared: c: the test texts differ (")


def test_distributions_of_two_models(compare, tmp_path):
    text_file = tmp_path / "text.txt"
    text_file.write_text("\n\n".join(f"the cat {number} saw the dog" for number in range(40)))
    result = compare("uniform", "uniform", "--distributions", "--corpus", text_file, "--json")
    assert result.returncode == 0
    assert result.err.count("40 documents") == 1
    [row] = map(json.loads, result.out.splitlines())
    assert (row["divergence"]["maximum"], row["same_top"]) == (0, 1)
    shown = compare("ppm:order=1", "ppm:order=2", "--distributions", "--corpus", text_file).out
    assert "ppm:order=1 against ppm:order=2" in shown
    assert "same top" in shown


@pytest.mark.parametrize(
    "arguments", [["ppm"], ["ppm", "ppm"], ["ppm", "ppm", "ppm", "--corpus", "x"], ["ppm", "ppm", "--models", "ppm"]]
)
def test_distributions_need_two_models_and_a_corpus(compare, arguments):
    result = compare("--distributions", *arguments)
    assert result.returncode == 2
    assert "MODEL MODEL --corpus NAME" in result.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["uniform", "uniform", "--corpus", "absent", "--corpus", "nowhere"], "unknown corpus 'nowhere'"),
        (["uniform", "uniform", "--corpus", "absent", "--margin", "0"], "--margin does not go with --distributions"),
        (["uniform", "uniform", "--corpus", "absent", "--task", "copa"], "--task does not go with --distributions"),
        (["uniform", "uniforn", "--corpus", "absent"], "unknown model 'uniforn'"),
    ],
)
def test_distributions_are_refused_before_a_text_is_read(compare, absent, arguments, message):
    result = compare("--distributions", *arguments)
    assert result.returncode == 2
    assert message in result.err


def test_models_of_other_vocabularies_do_not_compare(compare, tmp_path):
    text_file = tmp_path / "text.txt"
    text_file.write_text("\n\n".join(f"the cat {number} saw the dog" for number in range(40)))
    result = compare("kenlm:min_count=1", "kenlm", "--distributions", "--corpus", text_file)
    assert result.returncode == 2
    assert "different vocabularies" in result.err


@pytest.fixture
def answered(tmp_path):
    """The folders of two runs with a corpus and a task. The model "b" answers better in the second one."""
    folders = tmp_path / "x", tmp_path / "y"
    for folder, count in zip(folders, (20, 34), strict=True):
        directory = answering.new_run(folder, answering.task_of(HOSTILE), corpora=(text(),))
        add(directory, "a", 195 + NOISE)
        add(directory, "b", 200 + NOISE)
        answering.answer(directory, "a", HOSTILE, accuracy=answering.right(20, 40))
        answering.answer(directory, "b", HOSTILE, accuracy=answering.right(count, 40))
    return folders


def test_two_models_are_compared_on_tasks_too(compare, answered):
    result = compare(answered[1], "b", "a")
    assert (result.returncode, result.err) == (0, "")
    assert "b and a on x\\x1b]52;c;x\\x07: 40 items" in result.out
    assert "\x1b" not in result.out
    [row] = [line.split() for line in result.out.splitlines() if line.startswith("accuracy ")]
    assert (row[:4], row[-1]) == (["accuracy", "85.0", "50.0", "35.0"], "better")
    assert "first, second: bits/byte" in result.out


def test_a_task_or_a_corpus_can_be_chosen(compare, answered):
    [task] = map(json.loads, compare(answered[1], "b", "a", "--task", HOSTILE, "--json").out.splitlines())
    assert (task["task"], task["metric"], task["verdict"]) == (HOSTILE, "accuracy", "better")
    [corpus] = map(json.loads, compare(answered[1], "b", "a", "--corpus", "c", "--json").out.splitlines())
    assert corpus["corpus"] == "c"


def test_two_runs_are_compared_on_tasks_too(compare, answered):
    result = compare(*answered)
    assert "2 of 2 rows have the same numbers." in result.out
    assert "1 of 2 figures on tasks are the same." in result.out
    [row] = [line.split() for line in result.out.splitlines() if line.startswith("b ")]
    assert row[-1] == "better"


def test_runs_with_tasks_alone_are_compared(compare, tmp_path):
    directory = answering.new_run(tmp_path / "run", answering.task_of())
    for model, count in (("a", 30), ("b", 10)):
        answering.answer(directory, model, accuracy=answering.right(count, 40))
    assert "a and b on quiz" in compare(directory.path, "a", "b").out
    assert "2 of 2 figures on tasks are the same." in compare(directory.path, directory.path).out
    refused = compare(directory.path, "a", "nobody")
    assert refused.returncode == 2
    assert "nothing can be compared: quiz: one of the runs does not have nobody on it" in refused.err
    assert compare(directory.path, "a", "b", "--task", "other").returncode == 2
