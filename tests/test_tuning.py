"""Options that the validation split chooses. The witness is a search by hand, with the metrics of a run."""

import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from lmbench import Corpus, Exportable, Saveable, Split, TrainingText, build
from lmbench.backends.hmm.model import Hmm
from lmbench.backends.ngrams.kenlm import KenlmNgram
from lmbench.checks import check_spec, find_doubt
from lmbench.corpora.loading import load_corpus
from lmbench.errors import (
    CorpusError,
    LmbenchError,
    NotFittedError,
    PluginError,
    SpecError,
    UnavailableError,
)
from lmbench.identity import fit_key
from lmbench.model import ModelSpec, Traits, plain_remarks
from lmbench.registry import resolve
from lmbench.runs.evaluation import evaluate
from tests.plugins import installed
from tests.recording import Recorded

TEXTS = ("the cat sat on the log\n", "a dog saw zebras\n\n  odd\t汉 é", "", "\n")

PLUGIN = """
import weakref
import numpy as np
from typing import Literal
from lmbench import Exportable, LanguageModel, ModelOptions, Score, Signature, Traits
from lmbench.errors import CorpusError, SpecError, UnavailableError


class ToyOptions(ModelOptions):
    cost: int = 8
    shape: Literal["flat", "odd", "short", "absent"] = "flat"
    other: int = 0


class Toy(LanguageModel):
    '''A model whose bits per byte are an option.'''

    Options = ToyOptions
    traits = Traits(grid=(("cost", ("9", "7", "8", "7")), ("shape", ("odd", "flat"))), libraries=("json",))
    alive, most = weakref.WeakSet(), [0]

    def fit(self, data, progress):
        if self.options.shape == "short":
            raise CorpusError(f"the text is too short for cost {self.options.cost}")
        if self.options.shape == "absent":
            raise UnavailableError("the weights are elsewhere")
        self.fitted = True
        self.alive.add(self)
        self.most[0] = max(self.most[0], len(self.alive))

    def score(self, documents):
        bits = self.options.cost + (self.options.shape == "odd")
        sizes = [len(document.encode()) for document in documents]
        return [Score(np.arange(1, n + 1), np.full(n, -bits * np.log(2)), np.zeros(n)) for n in sizes]

    def signature(self):
        return Signature.of(cost=self.options.cost)

    def suspect_histories(self):
        return [str(self.options.cost)]


class Exports(Toy, Exportable):
    def check_exportable(self):
        if self.options.shape == "odd":
            raise SpecError("odd shapes do not have a format")

    def export(self, path):
        path.write_text(str(self.options.cost))
"""


@pytest.fixture
def toy(tmp_path):
    with installed(tmp_path, {"toy": "plugin_module:Toy", "exports": "plugin_module:Exports"}, PLUGIN):
        yield


def fit(spec, data, progress=None):
    model = build(spec)
    model.fit(data, *[progress] if progress else [])
    return model


def search(model):
    """Return the exhibit of a search as its columns and its rows."""
    exhibit = model.exhibits()[-1]
    assert exhibit.title == "Tuning"
    return exhibit.columns, exhibit.rows


def measure_by_hand(spec, data):
    """Return the bits per byte of the validation split, as a run computes those of the test split."""
    corpus = Corpus("by hand", data.train, data.valid, data.valid, "", data.tokenized)
    return evaluate(build(spec), corpus).metrics.bits_per_byte


@pytest.mark.parametrize(
    ("family", "option", "rest"),
    [
        ("kenlm", "order", ""),
        ("ngram", "order", ",min_count=1"),
        ("nltk", "order", ",smoothing=lidstone"),
        ("ppm", "order", ",escape=c"),
        ("cache", "decay", ",min_count=1"),
        ("mix", "models", ""),
        ("hmm", "states", ",iterations=2,seed=3"),
    ],
)
def test_the_best_of_all_candidates_is_chosen(english, family, option, rest):
    values = dict(resolve(family).traits.grid)[option]
    by_hand = {value: measure_by_hand(f"{family}:{option}={value}{rest}", english) for value in values}
    best = min(values, key=by_hand.__getitem__)

    tuned = fit(f"{family}:{option}=auto{rest}", english)
    columns, rows = search(tuned)
    assert columns == (option, "bits/byte on valid", "seconds", "result")
    assert [row[0] for row in rows] == list(values)
    assert [row[1] for row in rows] == pytest.approx(list(by_hand.values()), rel=1e-12)
    assert [row[0] for row in rows if row[3] == "chosen"] == [best]

    chosen = fit(f"{family}:{option}={best}{rest}", english)
    for mine, others in zip(tuned.score(TEXTS), chosen.score(TEXTS), strict=True):
        np.testing.assert_array_equal(mine.logprobs, others.logprobs)
    assert str(tuned.signature()).startswith(str(chosen.signature()))
    assert f"tuned-on-valid:{option}={best}|grid:{option}={','.join(values)}" in str(tuned.signature())
    assert plain_remarks(tuned.remarks())[-1] == f"{option}={best} tuned on valid"


def test_the_manual_lists_the_grids():
    page = Path(__file__).parent.parent / "docs" / "running.md"
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \| ([\d., ]+) \|$", page.read_text(), flags=re.MULTILINE)
    assert len(rows) == 6
    for family, option, values in rows:
        assert resolve(family).traits.grid == ((option, tuple(values.split(", "))),)


def test_the_order_of_a_markov_chain_is_found():
    """Each word of `markov` depends on the two before it."""
    tuned = build("kenlm:order=auto")
    assert f"{evaluate(tuned, load_corpus('markov')).metrics.bits_per_byte:.3f}" == "0.895"
    assert tuned.remarks() == ("order=3 tuned on valid",)


def test_the_model_does_what_the_chosen_one_does(english):
    tuned, chosen = fit("kenlm:order=auto", english), fit("kenlm:order=4", english)
    assert tuned.remarks() == ("order=4 tuned on valid",)
    assert tuned.score_continuation("the c", "at") == chosen.score_continuation("the c", "at")
    np.testing.assert_array_equal(tuned.next_events("the").logprobs, chosen.next_events("the").logprobs)
    assert tuned.state_after("the").prefix_logprob(b" c") == chosen.state_after("the").prefix_logprob(b" c")
    assert tuned.footprint() == chosen.footprint()
    assert tuned.score_tolerance == chosen.score_tolerance
    assert type(tuned.chosen) is KenlmNgram


def test_the_chosen_model_is_exported(english, tmp_path):
    for name, spec in (("tuned.arpa", "kenlm:order=auto"), ("chosen.arpa", "kenlm:order=4")):
        model = fit(spec, english)
        assert isinstance(model, Exportable)
        model.check_exportable()
        model.export(tmp_path / name)
    assert (tmp_path / "tuned.arpa").read_bytes() == (tmp_path / "chosen.arpa").read_bytes()
    assert not isinstance(build("ppm:order=auto"), Exportable)


def test_a_candidate_that_cannot_be_exported_is_refused_before_a_search(toy, english, tmp_path):
    with pytest.raises(SpecError, match="odd shapes do not have a format"):
        build("exports:shape=auto").check_exportable()
    model = fit("exports:cost=auto", english)
    model.check_exportable()
    model.export(tmp_path / "file")
    assert (tmp_path / "file").read_text() == "7"
    assert not isinstance(model, Saveable)


@pytest.mark.parametrize("spec", ["kenlm:order=auto", "mix:kenlm:order=auto+cache", "mix:models=auto"])
def test_a_restored_model_is_the_same_without_a_search(english, tmp_path, monkeypatch, spec):
    saved = fit(spec, english)
    saved.save(tmp_path)
    monkeypatch.setattr(KenlmNgram, "fit", None)
    restored = build(spec)
    restored.restore(tmp_path)
    for mine, others in zip(restored.score(TEXTS), saved.score(TEXTS), strict=True):
        np.testing.assert_array_equal(mine.logprobs, others.logprobs)
    assert restored.signature() == saved.signature()
    assert restored.exhibits() == saved.exhibits()
    assert restored.remarks() == saved.remarks()


def test_a_search_restores_only_its_own_candidates(english, tmp_path, monkeypatch):
    fit("kenlm:order=auto", english).save(tmp_path)
    for spec in ("kenlm:order=auto,min_count=1", "ngram:order=auto", "kenlm:order=2"):
        with pytest.raises(SpecError, match="holds"):
            build(spec).restore(tmp_path)
    monkeypatch.setattr(KenlmNgram, "traits", replace(KenlmNgram.traits, grid=(("order", ("2", "3")),)))
    with pytest.raises(SpecError, match="holds"):
        build("kenlm:order=auto").restore(tmp_path)


def test_a_model_that_cannot_be_saved_is_tuned_all_the_same(toy, english):
    assert not isinstance(build("toy:cost=auto"), Saveable)
    assert isinstance(build("kenlm:order=auto"), Saveable)


def test_several_options_are_chosen_together_and_the_first_of_equals_wins(toy, english):
    tuned = fit("toy:shape=auto,cost=auto,other=3", english)
    columns, rows = search(tuned)
    assert columns[:2] == ("shape", "cost")
    shapes, costs = ("odd", "flat"), (9, 7, 8, 7)
    assert [row[:3] for row in rows] == [
        (shape, str(cost), pytest.approx(cost + (shape == "odd"))) for shape in shapes for cost in costs
    ]
    assert [row[-1] for row in rows].index("chosen") == 5
    assert tuned.chosen.options.other == 3
    assert tuned.remarks() == ("shape=flat, cost=7 tuned on valid",)
    assert tuned.suspect_histories() == ["7"]
    assert "grid:shape=odd,flat;cost=9,7,8" in str(tuned.signature())


def test_a_search_holds_the_best_model_and_the_one_at_work(toy, english):
    tuned = fit("toy:cost=auto", english)
    assert type(tuned.chosen).most == [2]
    assert list(type(tuned.chosen).alive) == [tuned.chosen]


def test_progress_says_which_candidate_is_at_work(english):
    progress = Recorded()
    fit("kenlm:order=auto", english, progress)
    shares = [share for _, share in progress.messages]
    assert all(first <= second for first, second in pairwise(shares))
    assert shares[-1] == 1
    names = dict.fromkeys(message.partition(":")[0] for message, _ in progress.messages)
    assert list(names) == [f"order={order}" for order in range(1, 7)]


def test_candidates_that_fail_are_left_out(toy, english, monkeypatch):
    model = resolve("toy").model
    monkeypatch.setattr(model, "traits", Traits(grid=(("shape", ("short", "odd", "flat")),)))
    tuned = fit("toy:shape=auto", english)
    _, rows = search(tuned)
    assert [row[1] for row in rows] == [None, pytest.approx(9), pytest.approx(8)]
    assert [row[3] for row in rows] == ["the text is too short for cost 8", "", "chosen"]

    monkeypatch.setattr(model, "traits", Traits(grid=(("cost", ("3", "4")),)))
    with pytest.raises(LmbenchError, match="all candidates failed; cost=3: the text is too short for cost 3"):
        fit("toy:cost=auto,shape=short", english)
    with pytest.raises(UnavailableError, match="the weights are elsewhere"):
        fit("toy:cost=auto,shape=absent", english)


def test_combinations_that_the_model_refuses_are_not_candidates(english):
    tuned = fit("kenlm:order=auto,prune=0-0-1", english)
    assert [row[0] for row in search(tuned)[1]] == ["3", "4", "5", "6"]


def test_a_model_that_breaks_the_contract_never_wins(english):
    unseen = TrainingText(english.train, Split(("dog the mat zebra\n",)), tokenized=True)
    with pytest.raises(LmbenchError, match="all candidates failed; order=2: document 0: event 0"):
        fit("nltk:order=auto,smoothing=mle", unseen)


def test_a_search_needs_a_validation_split(english):
    for empty in (Split(()), Split(("",))):
        with pytest.raises(CorpusError, match=r"^order=auto needs a validation split; give the option a value$"):
            fit("kenlm:order=auto", TrainingText(english.train, empty))
    with pytest.raises(NotFittedError):
        build("kenlm:order=auto").score(["a"])


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


def test_the_traits_suffice_for_all_candidates(toy, monkeypatch):
    assert build("hmm:states=auto").traits.threads == build("hmm:states=128").traits.threads
    assert resolve("hmm:states=auto").traits.libraries == Hmm.traits.libraries
    assert build("toy:cost=auto").traits.libraries == ("json",)
    monkeypatch.setattr(resolve("toy").model, "traits", Traits(weights="pretrained", grid=(("cost", ("3",)),)))
    assert build("toy:cost=auto").traits.weights == "partly pretrained"  # a search needs a text


def test_a_long_choice_is_named_by_its_options(toy, english, monkeypatch):
    long = "7".zfill(60)
    monkeypatch.setattr(resolve("toy").model, "traits", Traits(grid=(("cost", (long,)),)))
    assert plain_remarks(fit("toy:cost=auto", english).remarks()) == ("cost=auto on valid",)


def test_mixed_models_are_tuned_and_share_a_tokenizer(english):
    mixed = fit("mix:kenlm:order=auto+cache:tokenizer=bytes", english)
    assert "tok:bytes" in str(mixed.signature())
    assert any(re.fullmatch(r"order=\d tuned on valid", remark) for remark in mixed.remarks())


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


def test_a_tuned_model_passes_the_conformance_suite():
    assert find_doubt(check_spec(ModelSpec.parse("kenlm:order=auto"))) == ""


@pytest.mark.parametrize("grid", [(("order",),), (("order", ()),), (("order", (2, 3)),), ("order",), {"order": ("2",)}])
def test_a_grid_has_options_with_the_texts_of_their_values(grid):
    with pytest.raises(PluginError, match=r"the trait grid=.* is not valid"):
        Traits(grid=grid)
