import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

COMMANDS = ("run", "report", "models", "corpora", "score", "generate", "export", "inspect", "check", "new-model")


def lmbench(*arguments, cwd=None, **kwargs):
    return subprocess.run(
        [sys.executable, "-c", "from lmbench.cli.main import main; main()", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        stdin=kwargs.pop("stdin", subprocess.DEVNULL),
        **kwargs,
    )


@pytest.fixture
def text(tmp_path):
    file = tmp_path / "text.txt"
    file.write_text("the cat sat on the mat .\n" * 30 + "a dog .\n" * 10)
    return file


@pytest.mark.parametrize("command", [(), *((command,) for command in COMMANDS)])
def test_help_has_examples(command):
    result = lmbench(*command, "--help")
    assert result.returncode == 0
    assert "Example" in result.stdout
    assert "lmbench" in result.stdout.split("Example")[1]


def test_help_lists_every_command():
    result = lmbench("--help")
    assert all(f"\n  {command} " in result.stdout for command in COMMANDS)


def test_a_run_prints_writes_and_is_reported_again(tmp_path, text):
    result = lmbench("run", "--models", "uniform,kenlm:order=2", "--corpora", text, "--out", "out", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "kenlm:order=2" in result.stdout
    assert "2/2 kenlm:order=2 on" in result.stderr
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "manifest.json", "cells", "checks", "documents", "logs", "table.md", "table.csv", ".lock",
    }  # fmt: skip
    again = lmbench("report", "out", cwd=tmp_path)
    assert again.returncode == 0
    assert again.stdout == result.stdout


def test_a_source_may_have_options_and_stand_twice(tmp_path):
    corpora = "a=b.txt,recall:lines=30,seed=3,recall,lines=60,d/a=b.txt"
    (tmp_path / "d").mkdir()
    for path in ("a=b.txt", "d/a=b.txt"):
        (tmp_path / path).write_text("a\nb\nc\n")
    result = lmbench("run", "--models", "uniform", "--no-check", "--corpora", corpora, "--out", "out", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    for corpus in ("a=b.txt", "recall:lines=30,seed=3", "recall:lines=60", "d/a=b.txt"):
        assert f"uniform on {corpus}" in result.stderr
    assert "excess" in result.stdout


def test_runs_have_a_folder_of_their_own_and_a_seed(tmp_path, text):
    result = lmbench("run", "--models", "uniform,hmm:states=2", "--corpora", text, "--seed", 5, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    [folder] = (tmp_path / "results").iterdir()
    assert folder.name.startswith("run-20")
    assert "hmm:states=2,seed=5 on" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rum"], "unknown command 'rum'; did you mean 'run'?"),
        (["run"], "Missing option '--models'"),
        (["run", "--models", "kenml"], "unknown model 'kenml'; did you mean 'kenlm'? (known: arpa, cache, gpt2,"),
        (["run", "--models", "kenlm:oder=3"], "unknown option of kenlm 'oder'; did you mean 'order'?"),
        (["run", "--models", "kenlm:order=21"], "kenlm: option order=21: Input should be less than or equal to 20"),
        (["run", "--models", "kenlm:tokenizer=word"], "unknown tokenizer 'word' (known: words, pieces, jieba"),
        (["run", "--models", "nltk:order=1"], "kneser-ney counts continuations"),
        (["run", "--models", "hf"], "hf: option path"),
        (["run", "--models", "hmm:seed=5000000000"], "hmm: option seed=5000000000: Input should be less than"),
        (["run", "--models", "hmm:prior=inf"], "hmm: option prior=inf: Input should be a finite number"),
        (["run", "--models", "hmm", "--seed", "5000000000"], "Invalid value for '--seed'"),
        (["run", "--models", "all,kenml"], "unknown model 'kenml'"),
        (["run", "--models", "uniform", "--corpora", "pydocs,./pydocs"], "unknown corpus './pydocs'"),
        (["run", "--models", ","], "no model is named"),
        (["run", "--models", "uniform", "--corpora", "pydoc"], "unknown corpus 'pydoc'; did you mean 'pydocs'?"),
        (["run", "--models", "uniform", "--corpora", "markov,ordr=3"], "unknown option of markov 'ordr'; did you mean"),
        (["run", "--models", "uniform", "--corpora", "markov:order=9"], "order=9 with words=24 is too large a table"),
        (["run", "--models", "uniform", "--corpora", "a/b.txt"], "no such file or folder: 'a/b.txt'"),
        (["run", "--models", "uniform", "--corpora", ","], "no corpus is named"),
        (["run", "--models", "uniform", "--corpora", "empty.txt"], "empty.txt is empty"),
        (["run", "--models", "uniform", "--corpora", "binary"], "binary is not UTF-8: byte 0xff at offset 0"),
        (["run", "--models", "uniform", "--corpora", "one.txt"], "has 1 document (unit: line)"),
        (["run", "--models", "uniform", "--corpora", "gpt2-tokenizer"], "'gpt2-tokenizer' is not a text to model; it holds tokenizer"),
        (["run", "--models", "uniform", "--corpora", "one.txt", "--encoding", "utf8x"], "cannot be read as 'utf8x'"),
        (["run", "--models", "uniform", "--corpora", "one.txt", "--field", "text"], "one.txt, line 1, is not JSON"),
        (["corpora", "show", "wikitext"], "unknown corpus 'wikitext'; did you mean 'wikitext-"),
        (["corpora", "fetch", "blim"], "unknown corpus of the catalog 'blim'; did you mean 'blimp'?"),
        (["corpora", "shw"], "unknown command 'shw'; did you mean 'show'?"),
        (["run", "--models", "uniform", "--documents", "word"], "Invalid value for '--documents'"),
        (["run", "--models", "uniform", "--out", "one.txt"], "one.txt is no run"),
        (["report", "nowhere"], "nowhere is no run"),
        (["new-model", "kenlm"], "there is a model 'kenlm' already"),
        (["check", "kenml"], "unknown model 'kenml'"),
        (["check", "kenlm:ordr=3"], "unknown option of kenlm 'ordr'; did you mean 'order'?"),
        (["check", "arpa"], "arpa: option path"),
        (["new-model", "all"], "'all' means all models"),
        (["models", "kenml"], "unknown model 'kenml'"),
        (["inspect", "uniform"], "uniform has nothing to show of what it learned"),
        (["inspect", "hmm", "--save", "states.jpg"], "'states.jpg' does not end in .png"),
        (["inspect", "hmm", "--save", "no/states.png"], "there is no folder 'no' to save a picture in"),
        (["inspect", "kenml"], "unknown model 'kenml'"),
        (["score", "uniform", "nowhere.txt"], "nowhere.txt: No such file or directory"),
        (["score", "uniform", "binary"], "binary is not UTF-8"),
        (["score", "kenlm", "one.txt", "--corpus", "x"], "unknown corpus 'x'"),
        (["export", "uniform", "x"], "'uniform' cannot be exported"),
        (["export", "kenlm", "one.txt"], "one.txt exists already"),
        (["export", "kenlm", "no/x.arpa"], "cannot write no/x.arpa: there is no folder"),
        (["export", "kenlm", "x.arpa", "--corpus", "x"], "unknown corpus 'x'"),
        (["export", "kenml", "x.arpa"], "unknown model 'kenml'"),
    ],
)  # fmt: skip
def test_a_users_mistake_is_one_line_and_exit_code_2(tmp_path, arguments, message):
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\0")
    (tmp_path / "one.txt").write_text("one line")
    result = lmbench(*arguments, cwd=tmp_path)
    assert result.returncode == 2, result.stderr
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    assert message in result.stderr
    assert result.stdout == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["binary", "empty.txt", "one.txt"]


def test_a_failed_cell_is_exit_code_1_and_the_table_stands(tmp_path):
    text = tmp_path / "text.txt"
    text.write_text("a b\n" * 9 + "b a\n")
    result = lmbench("run", "--models", "nltk:smoothing=mle,uniform", "--corpora", text, cwd=tmp_path)
    assert result.returncode == 1
    assert "8.0000" in result.stdout
    assert "nltk:smoothing=mle is failed: document" in " ".join(result.stdout.split())


def test_a_text_of_a_megabyte_in_one_line(tmp_path):
    for name in ("train", "valid", "test"):
        (tmp_path / f"{name}.txt").write_text(f"{name} ab c " * 100_000)
    result = lmbench(
        "run", "--models", "uniform,kenlm:order=3,hmm:states=2,iterations=1", "--corpora", tmp_path, cwd=tmp_path
    )
    assert result.returncode == 0, result.stdout


def test_score_prints_each_event(tmp_path):
    (tmp_path / "x.txt").write_text("é\n")
    result = lmbench("score", "uniform", tmp_path / "x.txt")
    assert result.stdout.splitlines() == [
        "start\tend\tbits\tspelling\tevent",
        "0\t1\t8.0000\t0.0000\tb'\\xc3'",
        "1\t2\t8.0000\t0.0000\tb'\\xa9'",
        "2\t3\t8.0000\t0.0000\t'\\n'",
    ]


def test_an_empty_text_has_no_events(tmp_path):
    result = lmbench("score", "uniform", "-")
    assert (result.returncode, result.stdout) == (0, "start\tend\tbits\tspelling\tevent\n")


def test_lmbench_alone_shows_its_help():
    result = lmbench()
    assert result.returncode == 0
    assert result.stdout == lmbench("--help").stdout


def test_score_reads_standard_input_and_escapes_what_it_shows(tmp_path):
    (tmp_path / "x.txt").write_bytes(b"a\x1b[31m b\n")
    with (tmp_path / "x.txt").open() as file:
        result = lmbench("score", "kenlm:order=2,tokenizer=words", "-", "--corpus", "markov", stdin=file)
    assert "\x1b" not in result.stdout
    assert "'a\\x1b[31m'" in result.stdout


def test_inspect_shows_what_a_model_learned_and_draws_it(tmp_path, text):
    folder = tmp_path / "corpus"
    folder.mkdir()
    for split in ("train", "valid", "test"):
        (folder / f"{split}.txt").write_text(text.read_text() + f"{split} [b]\n" * 2)
    result = lmbench("inspect", "hmm:states=3,iterations=2", "--corpus", folder, "--save", "s.png", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "States" in result.stdout
    assert "␣the" in result.stdout
    assert "from the state of a row to the state of a column" in " ".join(result.stdout.split())
    assert (tmp_path / "s.png").read_bytes().startswith(b"\x89PNG")


def test_check_says_what_it_found():
    result = lmbench("check", "kenlm:order=2")
    assert result.returncode == 0
    assert "kenlm:order=2 is verified." in result.stdout
    assert "windows         n/a" in result.stdout
    failing = lmbench("check", "nltk:smoothing=mle", "--json")
    assert failing.returncode == 1
    verification = json.loads(failing.stdout)
    assert verification["doubt"].startswith("normalization failed")
    outcomes = {outcome["check"]: outcome for outcome in verification["outcomes"]}
    assert outcomes["finite"]["status"] == "fail"
    assert "log-probability -inf" in outcomes["finite"]["detail"]


def test_a_model_that_is_not_here_cannot_be_checked():
    result = lmbench("check", "hf:no/such/folder")
    assert (result.returncode, result.stderr) == (2, "Error: there is no folder 'no/such/folder'\n")


def test_models_lists_and_explains():
    listed = lmbench("models").stdout
    assert "kenlm          Interpolated modified Kneser-Ney" in listed
    assert "[lmbench " in listed
    explained = lmbench("models", "kenlm").stdout
    assert "order" in explained
    assert "(default 5)" in explained


def test_corpora_are_listed():
    listed = lmbench("corpora").stdout
    assert "pydocs" in listed
    assert "wikitext-2" in listed
    assert "CC BY-SA 3.0" in listed


def test_a_corpus_is_explained():
    shown = lmbench("corpora", "show", "ptb").stdout
    assert "141.2 word perplexity (test): Kneser-Ney 5-gram (10,000 types" in shown
    assert "use it only if you hold a right to it" in shown
    assert "sha256 fcea919f6cf83f35d4d00c6cbf08040d13d4155226340912e2fef9c9c4102cbf" in shown
    assert "  test      24 documents, " in lmbench("corpora", "show", "fables-zh").stdout


def test_a_sources_options_are_explained():
    shown = lmbench("corpora", "show", "markov:lines=50,order=1").stdout
    assert "  train     50 documents, " in shown
    assert "  order           number of words that the next one depends on (default 2)\n" in shown
    assert "  stop            probability that a line ends after any of its words (default 0.08)\n" in shown


def test_corpora_are_fetched_and_checked(mirror, text):
    fetched = lmbench("corpora", "fetch", "multiple-choice", "tinyshakespeare").stdout
    assert fetched.startswith("multiple-choice: 2 files, verified, in ")
    checked = lmbench("corpora", "check", text, "wikitext-2").stdout.splitlines()
    assert "documents" in checked[0]
    assert "0.09% of the test split's 13-grams of words (224 of 241,199) are in the training split" in checked[1]


def test_what_cannot_be_fetched_is_one_line(tmp_path):
    nowhere = dict(os.environ, XDG_CACHE_HOME=str(tmp_path), LMBENCH_MIRROR="", https_proxy="http://127.0.0.1:9")
    failed = lmbench("corpora", "fetch", "ptb", env=nowhere)
    assert failed.returncode == 2
    assert re.fullmatch(r"Error: cannot download https://\S+ \(\w+\); LMBENCH_MIRROR may name .*\n", failed.stderr)


def test_standard_input_in_another_encoding_is_run(tmp_path):
    lines = "".join(f"我是第{i}个程序员\n" for i in range(30)).encode("gb18030")
    result = subprocess.run(
        [sys.executable, "-c", "from lmbench.cli.main import main; main()",
         "run", "--models", "uniform", "--corpora", "-", "--encoding", "gb18030", "--out", "out", "--no-check"],
        cwd=tmp_path, input=lines, capture_output=True, check=True,
    )  # fmt: skip
    assert b"stdin: " in result.stdout
    manifest = (tmp_path / "out/manifest.json").read_text()
    assert "lines,encoding=gb18030,split=80/10/10-contiguous" in manifest
    assert "Overlap: " in (tmp_path / "out/table.md").read_text()


def interruptible_run(models, folder, text):
    # tests that a shell runs in the background are started with interrupts ignored, and so would the run be
    heeded = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    return subprocess.Popen(
        [sys.executable, "-c", f"{heeded}; from lmbench.cli.main import main; main()",
         "run", "--models", models, "--corpora", str(text), "--out", "out", "--no-check"],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


def test_ctrl_c_keeps_what_is_done_and_says_how_to_go_on(tmp_path, text):
    process = interruptible_run("uniform,transformer:budget=300", tmp_path, text)
    deadline = time.monotonic() + 60
    while not (tmp_path / "out/logs/002-transformer-budget=300.txt").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(1)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.splitlines()[-1] == "Interrupted: 1 of 2 cells are kept; repeat it with --out out to go on."
    assert "Traceback" not in errors
    assert [path.name for path in (tmp_path / "out/cells").iterdir()] == ["001-uniform.json"]


def children_of(process):
    return Path(f"/proc/{process}/task/{process}/children")


@pytest.mark.skipif(not children_of(os.getpid()).exists(), reason="/proc does not list a process's children")
def test_ctrl_c_while_a_process_starts_is_one_line(tmp_path, text):
    process = interruptible_run("uniform", tmp_path, text)
    deadline = time.monotonic() + 60  # until there are multiprocessing's own process and the cell's
    while len(children_of(process.pid).read_text().split()) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.1)  # it imports what it needs
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert len(errors.split("\n")) <= 3
    assert errors.splitlines()[-1].startswith("Interrupted")


def test_a_run_that_is_killed_leaves_no_cell_behind(tmp_path, text):
    process = subprocess.Popen(
        [sys.executable, "-c", "from lmbench.cli.main import main; main()",
         "run", "--models", "transformer:budget=300", "--corpora", str(text), "--out", "out", "--no-check"],
        cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    log = tmp_path / "out/logs/001-transformer-budget=300.txt"
    while not log.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(2)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)  # until nobody has this end of the pipe any longer
    while time.monotonic() < deadline:
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGKILL)
    pytest.fail("a process of the run goes on")


def test_a_closed_pipe_is_no_error(tmp_path):
    script = "from lmbench.cli.main import main; main()"
    (tmp_path / "x.txt").write_text("x" * 300_000)
    command = f'"{sys.executable}" -c "{script}" score uniform x.txt | head -1'
    result = subprocess.run(command, shell=True, capture_output=True, text=True, cwd=tmp_path, check=True)
    assert result.stderr == ""


def test_generate_writes_on_from_a_prompt(text):
    command = ("generate", "kenlm:order=3", "--corpus", text, "--max-new-tokens", 4)
    assert lmbench(*command, "--prompt", "the cat").stdout == "the cat sat on the mat\n"
    drawn = lmbench(*command, "--prompt", "我是一个程序员", "--temperature", 1, "--num", 2, "--seed", 3)
    assert drawn.returncode == 0, drawn.stderr
    first, second = drawn.stdout.removeprefix("--- 1 of 2\n").split("--- 2 of 2\n")
    assert first.startswith("我是一个程序员")
    assert second.startswith("我是一个程序员")
    assert (
        drawn.stdout == lmbench(*command, "--prompt", "我是一个程序员", "--top-k", 9999, "--num", 2, "--seed", 3).stdout
    )


def test_generate_shows_what_is_no_text(tmp_path):
    result = lmbench("generate", "uniform", "--prompt", "\x1b[31m", "--temperature", 1, "--max-new-tokens", 300)
    assert result.returncode == 0
    assert result.stdout.startswith("\\x1b[31m")
    assert "\ufffd" in result.stdout
    assert all(character == "\n" or character == "\t" or character.isprintable() for character in result.stdout)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("uniform", "--num", 2), "without a temperature all 2 texts would be the same; add --temperature 1"),
        (("uniform", "--temperature", 0, "--top-k", 3), "at temperature 0 nothing is drawn"),
        (("uniform", "--temperature", -1), "a temperature of -1 is not between 0 and infinity"),
        (("uniform", "--top-p", 0), "a top-p of 0 is not above 0 and at most 1"),
        (("unifrom",), "unknown model 'unifrom'; did you mean 'uniform'?"),
        (("uniform", "--prompt", "a\udcff"), "the prompt is not UTF-8 at character 1"),
    ],
)
def test_generate_names_what_cannot_be(arguments, message):
    result = lmbench("generate", *arguments)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith(f"Error: {message}")
    assert len(result.stderr.splitlines()) == 1


def test_offline_neither_models_nor_corpora_are_asked_for(tmp_path):
    home = {**os.environ, "XDG_CACHE_HOME": str(tmp_path), "LMBENCH_MIRROR": ""}
    model = lmbench("--offline", "generate", "hf:no-such-owner/no-such-model", env=home)
    corpus = lmbench("--offline", "generate", "uniform", "--corpus", "wikitext-2", env=home)
    for result, message in ((model, "the hub is not contacted (offline)"), (corpus, "--offline downloads nothing")):
        assert (result.returncode, len(result.stderr.splitlines())) == (2, 1)
        assert message in result.stderr
