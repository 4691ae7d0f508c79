import pytest

from lmbench import build, registry
from lmbench.errors import PluginError, UnknownNameError
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
    "ppm",
    "transformer",
    "uniform",
]


def test_the_built_ins_come_through_the_same_door():
    found = registry.registered()
    assert list(found) == BUILT_IN
    assert {entry.origin for entry in found.values()} == {"lmbench"}


def test_all_is_what_needs_no_option():
    assert [entry.name for entry in registry.without_options()] == [
        "cache",
        "gpt2",
        "hmm",
        "kenlm",
        "mix",
        "ngram",
        "nltk",
        "ppm",
        "transformer",
        "uniform",
    ]


def test_a_plugin_is_found_and_built(tmp_path):
    with installed(tmp_path, {"good": "plugin_module:Good"}, MODELS):
        entry = registry.registered()["good"]
        assert (entry.origin, entry.version) == ("lmbench-plugin", "1.2")
        assert build("good").score(["ab"])[0].check("ab")


def test_a_plugin_cannot_take_a_built_ins_name(tmp_path):
    with installed(tmp_path, {"kenlm": "plugin_module:Good"}, MODELS):
        assert registry.registered()["kenlm"].origin == "lmbench"
        assert [(entry.name, entry.origin) for entry in registry.shadowed()] == [("kenlm", "lmbench-plugin")]


def test_two_plugins_with_one_name_are_told_apart_in_a_fixed_order(tmp_path):
    with (
        installed(tmp_path / "b", {"good": "plugin_module:Good"}, MODELS, name="b-plugin"),
        installed(tmp_path / "a", {"good": "plugin_module:Good"}, MODELS, name="a-plugin"),
    ):
        assert registry.registered()["good"].origin == "a-plugin"
        assert [entry.origin for entry in registry.shadowed()] == ["b-plugin"]


@pytest.mark.parametrize(
    ("module", "message"),
    [
        ("import not_there", "model 'bad' of lmbench-plugin 1.2 cannot be loaded: ModuleNotFoundError"),
        ("1/0", "ZeroDivisionError: division by zero"),
        ("class Other: pass", "AttributeError"),
        ("class Bad: pass", "is no LanguageModel"),
        ("from lmbench import LanguageModel\nclass Bad(LanguageModel): pass", "lacks score, signature"),
        (MODELS + "class Bad(Good):\n    Options = dict", "has Options that are no ModelOptions"),
    ],
)
def test_a_broken_plugin_is_one_clear_line_and_stops_no_other(tmp_path, module, message):
    with installed(tmp_path, {"bad": "plugin_module:Bad"}, module):
        with pytest.raises(PluginError, match=message):
            build("bad")
        assert build("uniform")
        assert "bad" in [entry.name for entry in registry.without_options()]


def test_a_plugin_that_exits_when_imported_stops_no_other(tmp_path):
    with installed(tmp_path, {"bad": "plugin_module:Bad"}, "import sys; sys.exit('needs a license')"):
        with pytest.raises(PluginError, match="SystemExit: needs a license"):
            build("bad")
        assert "uniform" in [entry.name for entry in registry.without_options()]


def test_a_plugin_that_cannot_be_made_is_one_clear_line(tmp_path):
    module = MODELS + "class Bad(Good):\n    def __init__(self, options): raise RuntimeError('no GPU')"
    with (
        installed(tmp_path, {"bad": "plugin_module:Bad"}, module),
        pytest.raises(PluginError, match="model 'bad' cannot be made: RuntimeError: no GPU"),
    ):
        build("bad")


def test_a_misspelled_model():
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


def test_heavy_libraries_are_imported_by_backends_alone():
    import subprocess
    import sys

    code = (
        "import sys, lmbench, lmbench.cli.main, lmbench.runs.runner, lmbench.registry; lmbench.registry.registered(); "
        "print([m for m in ('torch', 'transformers', 'nltk', 'hmmlearn', 'kenlm') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
