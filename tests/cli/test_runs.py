import csv
import json
import os
import re
import signal
import time
import tomllib
from pathlib import Path

import pytest

from lmbench.runs.store import RunDirectory
from tests.cli.commands import CODE, assert_refused, lmbench, start, without_steps
from tests.ngrams.arpa_texts import SMALL
from tests.plugins import MODELS, installed

SLEEPERS = f"""{MODELS}
import time

class Endless(Good):
    seconds = 300

    def fit(self, data, progress):
        time.sleep(self.seconds)

class Brief(Endless):
    seconds = 3
"""


@pytest.fixture
def sleepers(tmp_path):
    """Install a plugin with models that fit for a while, and return the environment that finds it."""
    folder = tmp_path / "plugins"
    with installed(folder, {name: f"plugin_module:{name.title()}" for name in ("endless", "brief")}, SLEEPERS):
        return os.environ | {"PYTHONPATH": str(folder)}


def test_a_run_prints_and_writes_its_tables_which_report_repeats(tmp_path, text):
    result = lmbench("run", "--models", "uniform,kenlm:order=2", "--corpora", text, "--out", "out", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "kenlm:order=2" in result.stdout
    assert re.search(r"^[12]/2 kenlm:order=2 on", result.stderr, re.MULTILINE)  # whichever ends first
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "manifest.json", "study.toml", "cells", "checks", "logs", "exhibits", ".lock",
        "table.md", "table.csv", "pairs.csv", "table.tex", "report.html", "table.parquet", "pairs.parquet",
    }  # fmt: skip
    names = "table.md, table.csv, pairs.csv, table.tex, report.html, table.parquet, pairs.parquet"
    assert result.stdout.endswith(f"Written: out/{names}\n")
    again = lmbench("report", "out", cwd=tmp_path)
    assert again.returncode == 0
    assert again.stdout == result.stdout
    rows = [json.loads(line) for line in lmbench("report", "out", "--json", cwd=tmp_path).stdout.splitlines()]
    written = list(csv.DictReader((tmp_path / "out" / "table.csv").read_text().splitlines()))
    assert [(row["model"], row["status"]) for row in rows] == [(row["model"], row["status"]) for row in written]
    assert [row["bits_per_byte"] for row in rows] == [float(row["bits_per_byte"]) for row in written]
    assert rows[0]["srilm_ppl"] is None
    equal = lmbench("report", "out", "--margin", "8", "--baseline", "uniform", cwd=tmp_path)
    assert "not within ±8 bits/byte" in equal.stdout
    calibrated = lmbench("report", "out", "--calibration", "kenlm:order=2", "--limit", "1", cwd=tmp_path)
    assert calibrated.stdout == result.stdout, calibrated.stderr
    assert "Reliability of kenlm:order=2 on" in (tmp_path / "out" / "report.html").read_text()
    alone = lmbench("report", "out", "--limit", "1", cwd=tmp_path)
    assert (alone.returncode, alone.stderr) == (2, "Error: --limit is for --calibration; name the models\n")
    unknown = lmbench("report", "out", "--baseline", "unifrm", cwd=tmp_path)
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert unknown.stderr.startswith(
        "Error: unknown baseline 'unifrm'; did you mean 'uniform'? (known: kenlm:order=2, "
    )


def test_a_tuned_run_says_what_was_chosen_and_is_not_fitted_again(tmp_path, text):
    models = ("--models", "ppm:escape=c,kenlm:order=2", "--corpora", text, "--no-check")
    tuned = lmbench("run", *models, "--tune", "--out", "out", cwd=tmp_path)
    assert tuned.returncode == 0, tuned.stderr
    table = (tmp_path / "out" / "table.md").read_text()
    assert re.search(r"ppm:escape=c,order=auto \(order=[2-7] tuned on valid\)", table)
    study = tomllib.loads((tmp_path / "out" / "study.toml").read_text())
    assert study["models"] == ["ppm:escape=c,order=auto", "kenlm:order=2"]
    assert "tune" not in study
    again = lmbench("run", "out/study.toml", "--out", "again", cwd=tmp_path)
    costs = [json.loads(path.read_text())["costs"] for path in (tmp_path / "again").glob("cells/ppm*/cell.json")]
    assert again.returncode == 0, again.stderr
    assert [cost["was_stored"] for cost in costs] == [True]


def test_a_study_tunes_its_models(tmp_path, text):
    (tmp_path / "study.toml").write_text(f'models = ["ppm"]\ncorpora = ["{text}"]\ntune = true\ncheck = false\n')
    assert "ppm:order=auto on" in lmbench("run", "study.toml", "--out", "out", cwd=tmp_path).stderr
    plain = lmbench("run", "study.toml", "--no-tune", "--out", "plain", cwd=tmp_path)
    assert "--tune replaces tune of study.toml" in plain.stderr
    assert "1/1 ppm on" in plain.stderr


def test_a_quiet_run_prints_the_tables_alone(tmp_path, text):
    arguments = ("run", "--models", "uniform", "--corpora", text, "--no-check", "--out", "out")
    result = lmbench(*arguments, "--quiet", cwd=tmp_path)
    assert result.returncode == 0
    assert result.stderr == ""
    assert "8.0000" in result.stdout


def test_a_run_prints_its_events_as_json(tmp_path, text):
    arguments = ("run", "--models", "uniform", "--corpora", text, "--out", "out")
    result = lmbench(*arguments, "--json", cwd=tmp_path)
    assert result.returncode == 0
    assert result.stderr == ""
    events = [json.loads(line) for line in result.stdout.splitlines()]
    order = [event["event"] for event in events]
    assert order[0] == "step"
    assert order.index("planned") < order.index("cell") < order.index("written") == len(order) - 1
    [cell] = [event["cell"] for event in events if event["event"] == "cell"]
    assert cell["metrics"]["bits_per_byte"] == pytest.approx(8)
    assert events[-1]["path"] == "out"
    assert "--quiet and --json exclude each other" in lmbench(*arguments, "--json", "--quiet", cwd=tmp_path).stderr


@pytest.mark.parametrize(
    ("models", "options", "documents", "said"),
    [
        ("arpa:path=x.arpa", (), 40, "text.txt: 40 documents (lines)"),
        ("arpa:path=x.arpa", ("--split", "test"), 4, "text.txt: 40 documents (lines)"),
        ("arpa:path=x.arpa", ("--limit", "3"), 3, "text.txt: 40 documents (lines)"),
        ("arpa:path=x.arpa,uniform", (), 4, "text.txt: its last tenth is scored, because some models are fitted on"),
    ],
)
def test_a_file_is_scored_as_a_whole_if_all_models_are_pretrained(tmp_path, text, models, options, documents, said):
    (tmp_path / "x.arpa").write_text(SMALL)
    arguments = ("run", "--models", models, "--corpora", "text.txt", "--no-check", "--audit", "none", "--out", "out")
    result = lmbench(*arguments, *options, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert said in result.stderr
    assert f"of test text in {documents} documents" in result.stdout


def test_nothing_can_be_fitted_if_all_of_a_text_is_scored(tmp_path, text):
    (tmp_path / "x.arpa").write_text(SMALL)
    corpora = "text.txt:split=all,limit=2"
    arguments = ("run", "--models", "arpa:path=x.arpa,kenlm", "--corpora", corpora, "--no-check", "--out", "out")
    result = lmbench(*arguments, cwd=tmp_path)
    assert result.returncode == 1
    assert "kenlm on text.txt: failed: the training split of text.txt is empty" in result.stderr
    assert "of test text in 2 documents" in result.stdout
    assert "Overlap" not in result.stdout


def test_a_source_may_have_options_and_be_named_twice(tmp_path):
    corpora = "a=b.txt,recall:lines=30,seed=3,recall,lines=60,d/a=b.txt"
    (tmp_path / "d").mkdir()
    for path in ("a=b.txt", "d/a=b.txt"):
        (tmp_path / path).write_text("a\nb\nc\n")
    result = lmbench("run", "--models", "uniform", "--no-check", "--corpora", corpora, "--out", "out", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    for corpus in ("a=b.txt", "recall:lines=30,seed=3", "recall:lines=60", "d/a=b.txt"):
        assert f"uniform on {corpus}" in result.stderr
    assert "excess" in result.stdout


@pytest.mark.parametrize(
    ("kind", "is_audited", "is_rescored"), [("none", False, False), ("sample", True, False), ("full", True, True)]
)
def test_the_audit_of_a_cell_can_be_chosen(tmp_path, text, kind, is_audited, is_rescored):
    arguments = ("--models", "uniform", "--no-check", "--corpora", text, "--audit", kind, "--out", "out")
    assert lmbench("run", *arguments, cwd=tmp_path).returncode == 0
    [cell] = RunDirectory.open(tmp_path / "out").cells()
    assert bool(cell.audit) == is_audited
    assert bool(cell.audit and cell.audit.rescored) == is_rescored
    assert cell.doubt == ""


def test_a_run_gets_a_folder_of_its_own_and_a_seed(tmp_path, text):
    result = lmbench(
        "run", "--models", "uniform,hmm:states=2", "--corpora", text, "--no-check", "--seed", 5, cwd=tmp_path
    )
    assert result.returncode == 0, result.stderr
    [folder] = (tmp_path / "results").iterdir()
    assert folder.name.startswith("run-20")
    assert "hmm:states=2,seed=5 on" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Missing option '--models'"),
        (["--models", "kenml"], "unknown model 'kenml'; did you mean 'kenlm'? (known: arpa, cache, gpt2,"),
        (["--models", "kenlm:oder=3"], "unknown option of kenlm 'oder'; did you mean 'order'?"),
        (["--models", "kenlm:order=21"], "kenlm: option order=21: Input should be less than or equal to 20"),
        (["--models", "kenlm:tokenizer=word"], "unknown tokenizer 'word' (known: words, pieces, jieba"),
        (["--models", "nltk:order=1"], "kneser-ney counts continuations"),
        (["--models", "arpa"], "arpa needs path=: "),
        (["--models", "hmm:seed=5000000000"], "hmm: option seed=5000000000: Input should be less than"),
        (["--models", "hmm:prior=inf"], "hmm: option prior=inf: Input should be a finite number"),
        (["--models", "hmm", "--seed", "5000000000"], "Invalid value for '--seed'"),
        (["--models", "uniform", "--corpora", "pydocs,./pydocs"], "unknown corpus './pydocs'"),
        (["--models", ","], "no model is named"),
        (["--models", "uniform", "--corpora", "pydoc"], "unknown corpus 'pydoc'; did you mean 'pydocs'?"),
        (["--models", "uniform", "--corpora", "markov,ordr=3"], "unknown option of markov 'ordr'; did you mean"),
        (["--models", "uniform", "--corpora", "markov:order=9"], "order=9 with words=24 is too large a table"),
        (["--models", "uniform", "--corpora", "a/b.txt"], "no such file or folder: 'a/b.txt'"),
        (["--models", "uniform", "--corpora", ","], "--corpora is empty; leave it out"),
        (["--models", "uniform", "--corpora", "empty.txt"], "empty.txt is empty"),
        (["--models", "uniform", "--corpora", "binary"], "binary is not UTF-8: byte 0xff at offset 0"),
        (["--models", "uniform", "--corpora", "one.txt"], "has 1 document (unit: line)"),
        (["--models", "uniform", "--corpora", "gpt2-tokenizer"], "'gpt2-tokenizer' is not a text to model; it holds"),
        (["--models", "uniform", "--corpora", "one.txt", "--encoding", "utf8x"], "cannot be read as 'utf8x'"),
        (["--models", "uniform", "--corpora", "one.txt", "--field", "text"], "one.txt is a table without a"),
        (["--models", "uniform", "--documents", "word"], "Invalid value for '--documents'"),
        (["--models", "uniform", "--corpora", "recall", "--out", "one.txt"], "one.txt is not a run directory"),
        (["--models", "kenlm:order=5..2"], "the range 5..2 in 'kenlm:order=5..2' is empty"),
        (["--models", "uniform", "--train-size", "0%"], "'0%' is not a share of the training text"),
        (["--models", "uniform", "--timeout", "soon"], "--timeout: 'soon' is not a duration; write for example 90s"),
        (["--models", "uniform", "--shard", "4/3"], "'4/3' is not a shard; write for example 3/16"),
        (["study.toml"], "cannot read study.toml: No such file or directory"),
        (["empty.txt"], "empty.txt, models: no model is named"),
    ],
)
def test_mistakes_are_refused_in_one_line(tmp_path, arguments, message):
    assert_refused(["run", *arguments], message, tmp_path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--corpora", "absent,pydoc"], "unknown corpus 'pydoc'; did you mean 'pydocs'?"),
        (["--corpora", "absent", "--train-size", "2"], "'2' is not a share of the training text"),
        (["--corpora", "absent", "--tasks", "fables-aq"], "unknown task 'fables-aq'; did you mean 'fables-qa'?"),
        (["--corpora", "absent", "--tasks", "blimp", "--shots", "2"], "blimp: shots=2: minimal pairs have no question"),
        (["--corpora", "absent", "--tasks", "copa", "--train-on", "nowhere"], "unknown corpus 'nowhere'"),
        (["--corpora", "absent", "--seeds", "2"], "--seeds: only for models with a seed; none of these has one"),
        (["--corpora", "absent", "--out", "one.txt"], "one.txt is not a run directory"),
    ],
)
def test_mistakes_are_refused_before_a_text_is_read(tmp_path, absent, arguments, message):
    assert_refused(["run", "--models", "uniform", *arguments], message, tmp_path)


def run_well(folder, *arguments):
    """Run models, and return the labels of all cells and what was printed on standard error."""
    result = lmbench("run", *arguments, "--out", "out", cwd=folder)
    assert result.returncode == 0, result.stderr
    directory = RunDirectory.open(folder / "out")
    assert directory.missing() == []
    return [cell.label for cell in directory.cells()], result.stderr


def test_a_run_grows_and_a_study_repeats_it(tmp_path, text):
    corpora = ("--corpora", "text.txt", "--no-check")
    labels, _ = run_well(tmp_path, "--models", "kenlm:order=2..3,uniform:label=U", *corpora)
    assert labels == ["kenlm:order=2", "kenlm:order=3", "U"]
    labels, said = run_well(tmp_path, "--models", "uniform,hmm:states=2", "--seeds", 2, *corpora)
    assert labels[3:] == ["hmm:states=2,seed=0", "hmm:states=2,seed=1"]
    assert "1 of 3 cells are stored already" in said
    assert "5 of 5 cells are stored already" in lmbench("run", "out/study.toml", cwd=tmp_path).stderr
    again = lmbench("run", "out/study.toml", "--out", "elsewhere", cwd=tmp_path)
    assert again.returncode == 0
    first, second = (RunDirectory.open(tmp_path / name) for name in ("out", "elsewhere"))
    assert [(cell.row, cell.metrics) for cell in first.cells()] == [(cell.row, cell.metrics) for cell in second.cells()]


def test_a_study_file_says_what_to_run_and_options_replace_its_keys(tmp_path, text):
    (tmp_path / "study.toml").write_text("""
models = ["kenlm", "uniform"]
corpora = ["text.txt"]
train-size = ["10%", "100%"]
check = false
scores = false
audit = "full"
out = "there"
""")
    labels, said = run_well(tmp_path, "study.toml", "--audit", "none", "--models", "kenlm")
    assert "--audit replaces audit of study.toml" in said
    assert "--models replaces models of study.toml" in said
    assert "--out replaces out of study.toml" in said
    assert labels == ["kenlm (10% of train)", "kenlm"]
    assert not list((tmp_path / "out").rglob("scores.parquet"))
    assert {cell.audit_kind for cell in RunDirectory.open(tmp_path / "out").cells()} == {"none"}


def test_mistakes_in_a_study_are_reported_with_their_line(tmp_path, text, absent):
    study = tmp_path / "study.toml"
    for contents, message in (
        ("models = [\n'kenlm',\n'ppn']", "study.toml, line 3, models: unknown model 'ppn'; did you mean 'ppm'?"),
        ("models = ['uniform']\ncorpora = 'pydoc'", "study.toml, line 2, corpora: unknown corpus 'pydoc'; did you"),
        ("models = ['uniform']\ntrain-size = '2'", "study.toml, line 2, train-size: '2' is not a share"),
        ("models = ['uniform', 'ppm,kenlm']", "study.toml, line 1, models: unknown model 'ppm,kenlm'"),
        ("models = ['kenlm:label=ppm', 'ppm']", "study.toml, line 1, models: two models have the same label: ppm"),
        (
            "models = 'uniform'\n[[experiment]]\ncorpora = 'absent'\n[[experiment]]\ncorpora = ['markov', 'pydoc']",
            "study.toml, line 5, corpora: unknown corpus 'pydoc'; did you",
        ),
        ("seeds = 2\n\n[[experiment]]\naudit = 'full'", "study.toml, line 3, models: no model is named"),
    ):
        study.write_text(contents)
        result = lmbench("run", "study.toml", cwd=tmp_path)
        assert (result.returncode, "Traceback" in result.stderr) == (2, False)
        assert message in without_steps(result.stderr)[-1]


def test_a_study_of_a_users_own_is_not_overwritten(tmp_path, text):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/study.toml").write_text("models = ['uniform']\ncorpora = ['text.txt']\n")
    result = lmbench("run", "out/study.toml", "--out", "out", cwd=tmp_path)
    assert "out is not a run directory" in result.stderr
    assert (tmp_path / "out/study.toml").read_text().startswith("models")


def test_shards_share_the_cells(tmp_path, text):
    shards = []
    for number in (1, 2):
        arguments = ("--models", "kenlm:order=2..3,uniform", "--corpora", "text.txt", "--no-check")
        result = lmbench("run", *arguments, "--shard", f"{number}/2", "--out", f"out{number}", cwd=tmp_path)
        assert result.returncode == 0
        shards.append([cell.model for cell in RunDirectory.open(tmp_path / f"out{number}").cells()])
    assert shards == [["kenlm:order=2", "uniform"], ["kenlm:order=3"]]


def test_a_share_without_cells_is_not_a_failure(tmp_path, text):
    arguments = ("--models", "uniform", "--corpora", text, "--no-check", "--out", "out")
    codes = [lmbench("run", *arguments, "--shard", f"{number}/2", cwd=tmp_path).returncode for number in (2, 1)]
    assert codes == [0, 0]
    assert len(RunDirectory.open(tmp_path / "out").cells()) == 1


def test_a_cell_has_limits(tmp_path, text, sleepers):
    arguments = ("--models", "endless", "--corpora", text, "--no-check", "--out", "out")
    for limit, error in (
        (("--timeout", "1.5s"), "stopped after the time limit of 1.5 s; give more with --timeout"),
        (("--memory-limit", "30M"), "used more than the limit of 30 MiB (--memory-limit)"),
    ):
        result = lmbench("run", *arguments, *limit, cwd=tmp_path, env=sleepers)
        assert result.returncode == 1
        [cell] = RunDirectory.open(tmp_path / "out").cells()
        assert (cell.status, error in cell.error) == ("failed", True)


def test_report_refuses_other_folders(tmp_path):
    assert_refused(["report", "nowhere"], "nowhere is not a run directory", tmp_path)


def test_a_failed_cell_is_in_the_table_and_the_exit_code_is_1(tmp_path):
    text = tmp_path / "text.txt"
    text.write_text("a b\n" * 9 + "b a\n")
    result = lmbench("run", "--models", "nltk:smoothing=mle,uniform", "--corpora", text, "--no-check", cwd=tmp_path)
    assert result.returncode == 1
    assert "8.0000" in result.stdout
    assert "nltk:smoothing=mle failed: document" in " ".join(result.stdout.split())


def test_a_broken_plugin_is_in_the_table_and_the_other_models_run(tmp_path, text):
    with installed(tmp_path / "plugins", {"bad": "plugin_module:Bad"}, "import not_there"):
        environment = {**os.environ, "PYTHONPATH": str(tmp_path / "plugins")}
        arguments = ("--models", "bad,uniform", "--corpora", text, "--no-check")
        result = lmbench("run", *arguments, cwd=tmp_path, env=environment)
    assert result.returncode == 1
    assert re.search(r"^[12]/2 bad on", result.stderr, re.MULTILINE)
    assert "Traceback" not in result.stderr
    shown = " ".join(result.stdout.split())
    assert "bad failed: model 'bad' of lmbench-plugin 1.2 cannot be loaded: ModuleNotFoundError" in shown
    assert "8.0000" in shown


def test_a_text_of_half_a_megabyte_in_one_line(tmp_path):
    for name in ("train", "valid", "test"):
        (tmp_path / f"{name}.txt").write_text(f"{name} ab c " * 45_000)
    result = lmbench(
        "run",
        "--models",
        "uniform,kenlm:order=3,hmm:states=2,iterations=1",
        "--no-check",
        "--corpora",
        tmp_path,
        cwd=tmp_path,
    )
    assert result.returncode == 0, result.stdout


def test_standard_input_may_have_another_encoding(tmp_path):
    lines = "".join(f"我是第{i}个程序员\n" for i in range(30)).encode("gb18030")
    options = ("--encoding", "gb18030", "--out", "out", "--no-check")
    result = lmbench(
        "run", "--models", "uniform", "--corpora", "-", *options,
        cwd=tmp_path, input=lines, stdin=None, text=False, check=True,
    )  # fmt: skip
    assert b"stdin: " in result.stdout
    manifest = (tmp_path / "out/manifest.json").read_text()
    assert "lines,encoding=gb18030,split=80/10/10-contiguous" in manifest
    assert "Overlap: " in (tmp_path / "out/table.md").read_text()


def start_run(models, folder, text, env=None):
    # a shell that runs the tests in the background makes them ignore interrupts, which the run would inherit
    interruptible = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    arguments = ("--models", models, "--corpora", text, "--out", "out", "--no-check")
    return start("run", *arguments, cwd=folder, code=f"{interruptible}; {CODE}", env=env)


def wait_for(condition, seconds=60.0):
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("number", "word", "code"),
    [(signal.SIGINT, "Interrupted", 130), (signal.SIGTERM, "Terminated", 143), (signal.SIGHUP, "Hung up", 129)],
)
def test_a_stopped_run_says_how_to_resume_it_and_ends_its_processes(tmp_path, text, sleepers, number, word, code):
    process = start_run("uniform,endless", tmp_path, "text.txt", sleepers)
    wait_for((tmp_path / "out/cells/uniform-on-text.txt").exists)
    time.sleep(1)
    os.kill(process.pid, number)
    _, errors = process.communicate(timeout=60)  # returns once every process has closed its end of the pipe
    assert process.returncode == code
    assert errors.splitlines()[-1] == f"{word}: 1 of 2 cells are stored; resume with --out out."
    assert "Traceback" not in errors
    assert [path.name for path in (tmp_path / "out/cells").iterdir()] == ["uniform-on-text.txt"]


def test_a_run_directory_that_is_removed_stops_the_run_in_one_line(tmp_path, text, sleepers):
    process = start_run("brief,uniform", tmp_path, text, sleepers)
    wait_for(lambda: list((tmp_path / "out/.work").glob("*/log.txt")))
    time.sleep(1)
    (tmp_path / "out").rename(tmp_path / "elsewhere")
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 2
    line = errors.splitlines()[-1]
    assert line == "Error: out was moved or removed during the run; resume with --out and its new place"
    assert "Traceback" not in errors
    assert not (tmp_path / "out").exists()


def children_of(process):
    return Path(f"/proc/{process}/task/{process}/children")


@pytest.mark.skipif(not children_of(os.getpid()).exists(), reason="/proc does not list a process's children")
def test_an_interrupt_while_a_process_starts_is_one_line(tmp_path, text):
    process = start_run("uniform", tmp_path, text)
    wait_for(lambda: children_of(process.pid).read_text())
    time.sleep(0.1)  # the process is importing
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.splitlines()[-1].startswith("Interrupted")
    assert "Traceback" not in errors


def test_a_killed_run_takes_its_processes_with_it(tmp_path, text, sleepers):
    arguments = ("--models", "endless", "--corpora", text, "--out", "out", "--no-check")
    process = start("run", *arguments, cwd=tmp_path, env=sleepers)
    wait_for(lambda: list((tmp_path / "out/.work").glob("*/log.txt")))
    time.sleep(2)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)  # returns once every process has closed its end of the pipe
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGKILL)
    pytest.fail("a process of the run is still alive")
