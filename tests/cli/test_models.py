import os
import subprocess
import sys

import pytest

from lmbench.cli.descriptions import docstring
from lmbench.registry import list_registered
from tests.cli.commands import assert_refused, lmbench
from tests.plugins import MODELS, installed


def test_models_are_listed_and_described():
    listed = lmbench("models").stdout
    assert "kenlm          Interpolated modified Kneser-Ney" in listed
    assert "[lmbench-suite " in listed
    described = lmbench("models", "kenlm").stdout
    assert "order" in described
    assert "(default 5; auto tries 1, 2, 3, 4, 5, 6)" in described


def test_the_list_has_the_docstrings_of_the_classes_and_imports_none_of_the_heavy_libraries():
    """Importing everything takes ten seconds, and gives the same lines."""
    code = "import sys; from lmbench.cli.main import main\ntry: main()\nfinally: print(*sys.modules, file=sys.stderr)"
    ran = subprocess.run([sys.executable, "-c", code, "models"], capture_output=True, text=True, check=True)
    assert not {"torch", "transformers", "nltk", "hmmlearn", "kenlm", "scipy", "pandas"} & set(ran.stderr.split())
    assert ran.stdout.splitlines() == [
        f"{entry.name:<14} {docstring(entry.load()).splitlines()[0]} [{entry.origin} {entry.version}]"
        for entry in list_registered().values()
    ]


def test_broken_and_shadowed_models_are_listed_with_the_reason(tmp_path):
    models = {"bad": "plugin_module:Missing", "kenlm": "plugin_module:Good"}
    with installed(tmp_path, models, MODELS):
        listed = lmbench("models", env={**os.environ, "PYTHONPATH": str(tmp_path)}).stdout.splitlines()
    [bad] = [line for line in listed if line.startswith("bad ")]
    assert bad.startswith("bad            broken: model 'bad' of lmbench-plugin 1.2 cannot be loaded: AttributeError")
    assert "kenlm          not used: lmbench-suite has a model of this name [lmbench-plugin 1.2]" in listed


def test_inspect_shows_and_draws_what_a_model_learned(tmp_path, text):
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


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["models", "kenml"], "unknown model 'kenml'"),
        (["inspect", "uniform"], "uniform cannot show what it learned"),
        (["inspect", "hmm", "--save", "states.jpg"], "'states.jpg' does not end in .png"),
        (["inspect", "hmm", "--save", "no/states.png"], "cannot save the picture: the folder 'no' does not exist"),
        (["inspect", "kenml"], "unknown model 'kenml'"),
    ],
)
def test_mistakes_are_refused_in_one_line(tmp_path, arguments, message):
    assert_refused(arguments, message, tmp_path)
