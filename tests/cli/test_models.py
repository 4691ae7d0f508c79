import json
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


def test_models_as_json():
    listed = [json.loads(line) for line in lmbench("models", "--json").stdout.splitlines()]
    assert [model["name"] for model in listed] == list(list_registered())
    [kenlm] = [model for model in listed if model["name"] == "kenlm"]
    assert kenlm["description"].startswith("Interpolated modified Kneser-Ney")
    assert kenlm["origin"] == "lmbench-suite"


def test_a_model_as_json():
    described = json.loads(lmbench("models", "kenlm", "--json").stdout)
    options = {option["name"]: option for option in described["options"]}
    order = options["order"]
    assert (order["required"], order["default"], order["auto"]) == (False, 5, ["1", "2", "3", "4", "5", "6"])
    [path, *_] = json.loads(lmbench("models", "arpa", "--json").stdout)["options"]
    assert (path["name"], path["required"], path["default"]) == ("path", True, None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["models", "kenml"], "unknown model 'kenml'"),
        (["models", "kenml", "--json"], "unknown model 'kenml'"),
    ],
)
def test_mistakes_are_refused_in_one_line(tmp_path, arguments, message):
    assert_refused(arguments, message, tmp_path)
