"""The options that a search chooses, and its candidates."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from lmbench import build
from lmbench.backends.ngrams.kenlm import KenlmNgram
from lmbench.errors import LmbenchError, PluginError
from lmbench.identity import fit_key
from lmbench.model import Traits
from lmbench.registry import resolve
from tests.plugins import installed
from tests.tuning.toys import PLUGIN, fit, search


def test_the_manual_lists_the_grids():
    page = Path(__file__).parents[2] / "docs" / "running.md"
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \| ([\d., ]+) \|$", page.read_text(), flags=re.MULTILINE)
    assert len(rows) == 6
    for family, option, values in rows:
        assert resolve(family).traits.grid == ((option, tuple(values.split(", "))),)


def test_combinations_that_the_model_refuses_are_not_candidates(english):
    tuned = fit("kenlm:order=auto,prune=0-0-1", english)
    assert [row[0] for row in search(tuned)[1]] == ["3", "4", "5", "6"]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("kenlm:min_count=auto", "kenlm: option min_count=auto: Input should be a valid integer, .*; "
         "auto can choose only order"),
        ("hmm:iterations=auto,states=auto", "hmm: option iterations=auto: .*; auto can choose only states"),
        ("arpa:path=x,escaped=auto", "arpa: option escaped=auto: .*; auto can choose no option of arpa"),
        ("kenlm:order=auto,order=auto", "option 'order' is given twice in 'kenlm:order=auto,order=auto'"),
        ("kenlm:order=auto,min_count=x", "kenlm: option min_count=x: Input should be a valid integer"),
        ("hmm:states=auto,supervised=upos", "hmm: supervised=upos counts one state per tag, .*; leave out states"),
        ("kenlm:order=auto,path=a.arpa", "kenlm: order= is for estimating n-grams"),
        ("kenlm:order=auto,ordr=3", "unknown option of kenlm 'ordr'"),
        ("uniform:order=auto", "unknown option of uniform 'order'"),
    ],
)  # fmt: skip
def test_an_option_that_cannot_be_tuned_is_an_error(spec, message):
    with pytest.raises(LmbenchError, match=message) as error:
        build(spec)
    assert "\n" not in str(error.value)


def test_auto_is_still_the_value_of_other_options():
    assert build("kenlm:tokenizer=auto").options.tokenizer == "auto"
    assert build("kenlm:tokenizer=auto,order=auto").options.candidates[0].options.tokenizer == "auto"


def test_a_grid_of_unknown_options_is_a_plugins_error(tmp_path):
    module = PLUGIN.replace('("cost", ("9"', '("price", ("9"')
    with (
        installed(tmp_path, {"toy": "plugin_module:Toy"}, module),
        pytest.raises(PluginError, match="has a grid for price, which is not one of its opt"),
    ):
        resolve("toy")


def test_the_identity_has_the_grid_the_versions_and_all_options(english, monkeypatch, tmp_path):
    def key(spec="kenlm:order=auto"):
        return fit_key(resolve(spec).identity(), english)

    words = tmp_path / "words"
    words.write_text("the cat")
    keys = [key(), key(), key("kenlm:order=auto,min_count=1"), key("kenlm"), key("ngram:order=auto")]
    keys.append(key(f"kenlm:order=auto,limit_vocab={words}"))
    words.write_text("the dog")
    keys.append(key(f"kenlm:order=auto,limit_vocab={words}"))
    with monkeypatch.context() as patch:
        patch.setattr(KenlmNgram, "traits", replace(KenlmNgram.traits, grid=(("order", ("2", "3")),)))
        keys.append(key())
    with monkeypatch.context() as patch:
        patch.setattr(KenlmNgram, "traits", replace(KenlmNgram.traits, version=99))
        keys.append(key())
    assert keys[0] == keys[1]
    assert len(set(keys)) == len(keys) - 1


def test_a_plugins_sources_are_a_part_of_the_identity(tmp_path):
    identities = []
    for number, module in enumerate((PLUGIN, PLUGIN + "\n# changed")):
        with installed(tmp_path / str(number), {"toy": "plugin_module:Toy"}, module):
            identities.append(resolve("toy:cost=auto").identity())
    assert identities[0] != identities[1]


def test_the_options_have_their_names_and_the_files_count(tmp_path):
    words = tmp_path / "words"
    resolved = resolve(f"kenlm:order=auto,limit_vocab={words}")
    plain = resolve(f"kenlm:limit_vocab={words}")
    assert resolved.dump_options() == plain.dump_options() | {"order": "auto"}
    assert resolved.options.files() == (words,)


@pytest.mark.parametrize(
    ("spec", "tuned"),
    [
        ("kenlm", "kenlm:order=auto"),
        ("kenlm:order=3", "kenlm:order=3"),
        ("kenlm:order=auto", "kenlm:order=auto"),
        ("kenlm:path=a.arpa", "kenlm:path=a.arpa"),
        ("hmm:supervised=upos", "hmm:supervised=upos"),
        ("cache:window=9", "cache:window=9"),
        ("mix:kenlm+ngram", "mix:kenlm+ngram"),
        ("mix", "mix:models=auto"),
        ("uniform", "uniform"),
        ("toy:shape=flat", "toy:shape=flat,cost=auto"),
        ("toy", "toy:cost=auto,shape=auto"),
    ],
)
def test_tuning_sets_what_a_spec_leaves_open(toy, spec, tuned):
    assert str(resolve(spec).tuned().spec) == tuned
    left_open = resolve(spec).list_untuned()
    assert resolve(spec).with_arguments(*[(option, "auto") for option in left_open]).spec == resolve(tuned).spec
    assert resolve(tuned).list_untuned() == ()


@pytest.mark.parametrize("grid", [(("order",),), (("order", ()),), (("order", (2, 3)),), ("order",), {"order": ("2",)}])
def test_a_grid_has_options_with_the_texts_of_their_values(grid):
    with pytest.raises(PluginError, match=r"the trait grid=.* is not valid"):
        Traits(grid=grid)
