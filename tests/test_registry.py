import re
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import save_file

from lmbench import ModelSpec, about, build, registry
from lmbench.errors import PluginError, SpecError, UnknownNameError
from lmbench.registry import resolve
from tests.plugins import MODELS, installed

BUILT_IN = [
    "arpa",
    "cache",
    "gpt2",
    "hf",
    "hmm",
    "kenlm",
    "mix",
    "mlm",
    "ngram",
    "nltk",
    "openai",
    "ppm",
    "smollm2",
    "transformer",
    "uniform",
]


def test_built_ins_are_registered_like_plugins():
    found = registry.list_registered()
    assert list(found) == BUILT_IN
    assert {entry.origin for entry in found.values()} == {about.DISTRIBUTION_NAME}
    assert all(entry.is_built_in for entry in found.values())


def test_all_means_the_models_that_need_no_option():
    assert [entry.name for entry in registry.default_models()] == [
        "cache",
        "gpt2",
        "hmm",
        "kenlm",
        "mix",
        "ngram",
        "nltk",
        "ppm",
        "smollm2",
        "transformer",
        "uniform",
    ]


def test_a_plugin_is_found_and_built(tmp_path):
    with installed(tmp_path, {"good": "plugin_module:Good"}, MODELS):
        entry = registry.list_registered()["good"]
        assert (entry.origin, entry.version) == ("lmbench-plugin", "1.2")
        assert build("good").score(["ab"])[0].check("ab")


def test_traits_may_be_computed_for_each_instance(tmp_path):
    computed = (
        MODELS
        + """
from lmbench import Traits

class Computes(Good):
    traits = property(lambda self: Traits(in_all=False))
"""
    )
    with installed(tmp_path, {"computes": "plugin_module:Computes"}, computed):
        assert "computes" in [entry.name for entry in registry.default_models()]
        assert resolve("computes").traits.quick_options == ()


def test_a_plugin_cannot_take_a_built_ins_name(tmp_path):
    with installed(tmp_path, {"kenlm": "plugin_module:Good"}, MODELS):
        assert registry.list_registered()["kenlm"].origin == about.DISTRIBUTION_NAME
        assert [(entry.name, entry.origin) for entry in registry.list_shadowed()] == [("kenlm", "lmbench-plugin")]


def test_the_first_of_two_plugins_with_one_name_is_used(tmp_path):
    with (
        installed(tmp_path / "b", {"good": "plugin_module:Good"}, MODELS, name="b-plugin"),
        installed(tmp_path / "a", {"good": "plugin_module:Good"}, MODELS, name="a-plugin"),
    ):
        assert registry.list_registered()["good"].origin == "a-plugin"
        assert [entry.origin for entry in registry.list_shadowed()] == ["b-plugin"]


@pytest.mark.parametrize(
    ("module", "message"),
    [
        ("import not_there", "model 'bad' of lmbench-plugin 1.2 cannot be loaded: ModuleNotFoundError"),
        ("1/0", "ZeroDivisionError: division by zero"),
        ("class Other: pass", "AttributeError"),
        ("class Bad: pass", "is not a LanguageModel"),
        ("from lmbench import LanguageModel\nclass Bad(LanguageModel): pass", "lacks score, signature"),
        (MODELS + "class Bad(Good):\n    Options = dict", "has Options that are not ModelOptions"),
    ],
)
def test_a_broken_plugin_raises_one_error_and_leaves_the_others_usable(tmp_path, module, message):
    with installed(tmp_path, {"bad": "plugin_module:Bad"}, module):
        with pytest.raises(PluginError, match=message):
            build("bad")
        assert build("uniform")
        assert "bad" in [entry.name for entry in registry.default_models()]


def test_a_plugin_that_exits_on_import_leaves_the_others_usable(tmp_path):
    with installed(tmp_path, {"bad": "plugin_module:Bad"}, "import sys; sys.exit('needs a license')"):
        with pytest.raises(PluginError, match="SystemExit: needs a license"):
            build("bad")
        assert "uniform" in [entry.name for entry in registry.default_models()]


def test_a_plugin_that_cannot_be_built_raises_one_error(tmp_path):
    module = MODELS + "class Bad(Good):\n    def __init__(self, options): raise RuntimeError('no GPU')"
    with (
        installed(tmp_path, {"bad": "plugin_module:Bad"}, module),
        pytest.raises(PluginError, match="model 'bad' cannot be built: RuntimeError: no GPU"),
    ):
        build("bad")


def test_a_misspelled_model_is_corrected():
    with pytest.raises(
        UnknownNameError,
        match=r"unknown model 'kenml'; did you mean 'kenlm'\? \(known: arpa, cache, gpt2, hf,",
    ):
        build("kenml")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("gpt2-xl", r"; write gpt2:gpt2-xl \("),
        ("kenlm-3", r"; did you mean 'kenlm'\? \("),  # kenlm's options are all named
        ("xl-gpt2", r"; did you mean 'gpt2'\? \("),
    ],
)
def test_a_version_of_a_model_is_an_option_of_it(name, hint):
    with pytest.raises(UnknownNameError, match=f"^unknown model '{name}'{hint}"):
        build(name)


def test_only_the_work_of_a_model_imports_heavy_libraries(tmp_path):
    """Not even the models of a run are selected and identified with them, which would take seconds."""
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "tokenizer.json").write_text("{}")
    save_file({"weights": np.zeros(1)}, tmp_path / "model.safetensors")
    specs = f"all,transformer,smollm2,hf:{tmp_path},mlm:{tmp_path},hf:{tmp_path},finetune=steps:3"
    code = (
        "import sys, lmbench.cli.commands, lmbench.runs.runner; from lmbench.runs.models import select_models; "
        "print({m.identity['options']['path'] for m in select_models(sys.argv[1]) if m.spec.name in ('hf', 'mlm')}, "
        "[m for m in ('torch', 'transformers', 'nltk', 'hmmlearn', 'kenlm') if m in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code, specs], capture_output=True, text=True, check=True)
    assert re.fullmatch(r"\{'sha256=[0-9a-f]{12}'\} \[\]\n", ran.stdout)


def test_a_spec_is_resolved_to_its_model_and_options():
    model = resolve("kenlm:order=4")
    assert (model.spec, model.registered.name) == (ModelSpec("kenlm", (("order", "4"),)), "kenlm")
    assert model.build().options.order == 4
    assert type(model.build()) is model.model is registry.find("kenlm").load()


def test_more_arguments_can_be_given_once():
    model = resolve("kenlm:order=4").with_arguments(("min_count", "1"))
    assert (model.options.order, model.options.min_count) == (4, 1)
    with pytest.raises(SpecError, match="option 'order' is given twice"):
        model.with_arguments(("order", "3"))
