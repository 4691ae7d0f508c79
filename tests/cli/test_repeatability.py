"""Two runs of one command, in company or not, differ in nothing but costs."""

import os

from tests.cli.commands import lmbench
from tests.runs.killing import read_numbers

MODELS = "uniform,kenlm,ngram:order=3,nltk:order=2,cache,ppm:order=3,mix,hmm:states=8,transformer:steps=10,layers=1"
STORED = ("documents.parquet", "scores.parquet", "exhibits.json")


def run(folder, jobs):
    """Run models on the beginning of the fables, and return their numbers and all that is stored of their cells."""
    options = ("--models", MODELS, "--corpora", "fables-en:limit=6", "--no-check", "--audit=none", "--jobs", str(jobs))
    environment = os.environ | {"LMBENCH_CACHE": str(folder / "cache")}
    done = lmbench("run", *options, "--quiet", "--out", folder / "run", env=environment, fresh=True)
    assert (done.returncode, done.stderr) == (0, "")
    files = {
        f"{file.parent.name}/{file.name}": file.read_bytes()
        for name in STORED
        for file in sorted(folder.glob(f"run/cells/*/{name}"))
    }
    return read_numbers(folder / "run"), files


def test_two_runs_of_one_command_have_the_same_numbers(tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    one, two = run(tmp_path / "one", jobs=1), run(tmp_path / "two", jobs=2)
    assert one[0] == two[0]
    assert {row["status"] for row in one[0]} == {"ok", "compressor"}
    assert [name for name, data in one[1].items() if data != two[1][name]] == []
