import sys
from contextlib import contextmanager
from dataclasses import replace

import pytest
from pydantic import Field

from lmbench import Corpus, ModelOptions, Split
from lmbench.identity import cell_key, digest, fit_key
from lmbench.registry import resolve
from tests.plugins import installed

CORPUS = Corpus("toy", Split(("a b\n", "c\n")), Split(("a\n",)), Split(("b\n",)), provenance="lines")
PLUGIN = "from lmbench import LanguageModel\nclass Own(LanguageModel):\n    score = signature = None\n"


def identity(spec):
    return resolve(spec).identity()


def keys(spec, corpus):
    return fit_key(identity(spec), corpus.training), cell_key(identity(spec), False, corpus)


@pytest.mark.parametrize(
    "changes",
    [
        {"train": Split(("a b\n", "d\n"))},
        {"train": Split(("a b\nc\n",))},  # the same bytes in one document
        {"valid": Split(("b\n",))},
        {"tokenized": True},
    ],
)
def test_another_training_text_is_another_fit_and_another_cell(changes):
    fitted, cell = keys("kenlm", CORPUS)
    other_fitted, other_cell = keys("kenlm", replace(CORPUS, **changes))
    assert fitted != other_fitted
    assert cell != other_cell


@pytest.mark.parametrize("changes", [{"test": Split(("c\n",))}, {"name": "other"}, {"floor": (1.0,)}])
def test_another_test_text_is_another_cell_of_the_same_fit(changes):
    fitted, cell = keys("kenlm", CORPUS)
    other_fitted, other_cell = keys("kenlm", replace(CORPUS, **changes))
    assert fitted == other_fitted
    assert cell != other_cell


def test_descriptions_change_nothing():
    described = replace(CORPUS, description="two lines", provenance="blocks", spaced=False, floor_note="none")
    assert keys("kenlm", described) == keys("kenlm", CORPUS)


def test_the_training_text_of_a_pretrained_model_does_not_matter():
    other = replace(CORPUS, train=Split(("z\n",)))
    assert cell_key({}, True, CORPUS) == cell_key({}, True, other)
    assert fit_key({}, None) != fit_key({}, CORPUS.training)


def test_spellings_of_one_model_are_one_model():
    assert identity("kenlm") == identity("kenlm:order=5")
    assert identity("kenlm") != identity("kenlm:order=4")
    assert identity("kenlm") != identity("ngram")


def test_a_history_is_another_cell_of_the_same_fit():
    fitted, cell = keys("kenlm", CORPUS)
    cut_fitted, cut_cell = keys("kenlm:history=2", CORPUS)
    assert fitted == cut_fitted
    assert cell != cut_cell


@pytest.mark.parametrize(("spec", "other"), [("kenlm", "kenlm:memory=1G"), ("hmm", "hmm:device=cpu")])
def test_options_that_decide_how_fitting_works_are_another_fit(spec, other):
    """Its time and its memory are others, and the weights of another device are others by rounding."""
    assert keys(spec, CORPUS)[0] != keys(other, CORPUS)[0]


def test_a_default_that_is_made_is_known():
    class Own(ModelOptions):
        scoring_only = frozenset({"window"})
        window: int = Field(default_factory=lambda: 7)

    assert Own(window=9).for_fitting() == Own()


def test_a_file_counts_by_its_contents(tmp_path):
    first, second = tmp_path / "a.txt", tmp_path / "b.txt"
    first.write_text("a b")
    second.write_text("a b")
    assert identity(f"kenlm:limit_vocab={first}") == identity(f"kenlm:limit_vocab={second}")
    second.write_text("a c")
    assert identity(f"kenlm:limit_vocab={first}") != identity(f"kenlm:limit_vocab={second}")
    second.unlink()
    assert identity(f"kenlm:limit_vocab={first}") != identity(f"kenlm:limit_vocab={second}")


def test_a_mixture_counts_by_its_parts(tmp_path):
    words = tmp_path / "words.txt"
    words.write_text("a b")
    one = identity(f"mix:kenlm:limit_vocab={words}+cache")
    assert one == identity(f"mix:kenlm:order=5;limit_vocab={words}+cache")
    words.write_text("a c")
    assert one != identity(f"mix:kenlm:limit_vocab={words}+cache")


def test_a_plugin_counts_by_its_source(tmp_path):
    found = []
    for name, code in (("one", PLUGIN), ("two", PLUGIN), ("three", PLUGIN + "# changed\n")):
        with installed(tmp_path / name, {"own": "plugin_module:Own"}, code):
            found.append(identity("own"))
    assert found[0] == found[1] != found[2]


def test_equal_names_in_one_package_are_different_models(tmp_path):
    files = {"pack/__init__.py": "", "pack/one.py": PLUGIN, "pack/two.py": PLUGIN}
    points = {"one": "pack.one:Own", "two": "pack.two:Own", "alias": "pack.two:Own"}
    with package(tmp_path, points, files):
        assert len({digest(identity(name)) for name in points}) == 3


@pytest.mark.parametrize("changed", ["pack/inner/model.py", "pack/inner/helper.py", "base_pack.py"])
def test_a_plugin_counts_by_all_packages_that_it_is_from(tmp_path, changed):
    """Its package may lack an __init__.py, and a base may be from another one."""
    files = {
        "pack/inner/model.py": "import base_pack\nclass Own(base_pack.Own): pass\n",
        "pack/inner/helper.py": "",
        "base_pack.py": PLUGIN,
    }
    found = []
    for name, code in (("one", ""), ("two", ""), ("three", "# changed\n")):
        with package(tmp_path / name, {"own": "pack.inner.model:Own"}, files | {changed: files[changed] + code}):
            found.append(identity("own"))
    assert found[0] == found[1] != found[2]


@contextmanager
def package(folder, models, files):
    """Install a distribution of several files, and forget its modules afterwards."""
    for name, code in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(code)
    with installed(folder, models):
        yield
    for name in [name for name in sys.modules if name.partition(".")[0] in ("pack", "base_pack")]:
        del sys.modules[name]


def test_a_digest_depends_on_values_and_not_on_their_order():
    assert digest({"a": 1, "b": [2, 3]}) == digest({"b": [2, 3], "a": 1})
    assert digest({"a": 1}) != digest({"a": "1"})
