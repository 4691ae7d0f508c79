"""A restored model is the fitted one, to the last bit, for every family."""

import importlib.util
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from lmbench import Exportable, Saveable, Split, TrainingText, build
from lmbench.backends.ngrams.fitted import FittedNgrams
from lmbench.backends.ngrams.nltk_counts import CountTable
from lmbench.errors import SpecError
from lmbench.registry import list_registered
from lmbench.saved import FILE
from tests.plugins import MODELS, installed

TEXTS = ("the cat sat on the log\n", "a dog saw zebras\n\n  odd\t汉 é", "", "\n", "the the the cat")
HISTORIES = ("", "the", "a dog ", "the cat\n")
OTHERS = {"arpa", "gpt2", "hf", "mlm", "openai", "smollm2", "transformer"}  # pretrained, or with tests of their own

SPECS = (
    "uniform",
    "ppm",
    "ppm:order=2,escape=c,adaptive=false",
    "cache",
    "cache:window=4,weight=0.3,min_count=1",
    "kenlm",
    "kenlm:order=1,tokenizer=bytes",
    "kenlm:order=3,prune=0-1,interpolate_unigrams=false",
    "kenlm:order=3,tokenizer=bpe:300",
    "kenlm:order=3,memory=1M",
    "kenlm:order=3,engine=kenlm",
    "ngram",
    "ngram:order=2,smoothing=jelinek-mercer",
    "ngram:order=3,smoothing=modified-kneser-ney",
    "ngram:order=2,smoothing=mle",
    "nltk",
    "nltk:order=1,smoothing=lidstone,tokenizer=pieces",
    "nltk:order=5,smoothing=witten-bell",
    "mix",
    "mix:kenlm:order=2;min_count=1+cache:window=4+ngram:order=3",
    "hmm:states=3,iterations=4",
    "hmm:states=2,iterations=2,engine=hmmlearn,start=random",
)


def fit(spec, data):
    model = build(spec)
    model.fit(data)
    return model


def restore(spec, folder):
    model = build(spec)
    model.restore(folder)
    return model


def require_equal(first, second):
    for one, two in zip(first.score(TEXTS), second.score(TEXTS), strict=True):
        for name in ("ends", "logprobs", "spelling"):
            np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
    for history in HISTORIES:
        one, two = (model.next_events(history) for model in (first, second))
        assert (one.names, one.spellings) == (two.names, two.spellings)
        np.testing.assert_array_equal(one.logprobs, two.logprobs)
    for ask in ("signature", "exhibits", "footprint", "remarks"):
        assert getattr(first, ask)() == getattr(second, ask)()


@pytest.mark.parametrize("spec", SPECS)
def test_a_restored_model_is_the_fitted_one(spec, english, tmp_path):
    if "engine=kenlm" in spec and importlib.util.find_spec("kenlm") is None:
        pytest.skip("the package kenlm is not installed")
    model = fit(spec, english)
    model.save(tmp_path)
    restored = restore(spec, tmp_path)
    require_equal(model, restored)
    if isinstance(model, Exportable) and "smoothing=mle" not in spec:
        model.export(tmp_path / "first")
        restored.export(tmp_path / "second")
        assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()


@pytest.mark.parametrize("spec", ["cache", "kenlm:order=3", "nltk", "ppm", "mix", "hmm:states=3"])
def test_a_restored_model_saves_what_it_was_restored_from(spec, english, tmp_path):
    model = fit(spec, english)
    model.save(tmp_path)
    first = contents(tmp_path)
    again = restore(spec, tmp_path)
    again.score(TEXTS)
    again.save(tmp_path)
    assert contents(tmp_path) == first


def contents(folder):
    """Return the checksum of each part of each file."""
    found = {}
    for file in folder.rglob(FILE):
        with zipfile.ZipFile(file) as archive:
            found |= {(file.parent, part.filename): part.CRC for part in archive.infolist()}
    return found


def test_all_built_in_models_that_are_fitted_can_be_saved():
    fitted = [entry for name, entry in list_registered().items() if entry.is_built_in and name not in OTHERS]
    assert len(fitted) >= 8
    assert [entry.name for entry in fitted if not issubclass(entry.load(), Saveable)] == []


def test_a_model_of_an_empty_text_can_be_saved(tmp_path):
    empty = TrainingText(Split(()), Split(()))
    for spec in ("nltk:order=2", "ppm:order=1"):
        model = fit(spec, empty)
        model.save(tmp_path)
        require_equal(model, restore(spec, tmp_path))


@pytest.mark.parametrize(
    ("spec", "other", "message"),
    [
        ("ppm", "ppm:order=3", "holds a model with order=7, not 3"),
        ("kenlm:order=2", "kenlm:order=3", "holds a model with order=2, not 3"),
        ("kenlm:order=2", "kenlm:order=2,tokenizer=words", "holds a model with tokenizer=auto, not words"),
        ("ngram:order=2", "ngram:order=2,smoothing=laplace", "holds a model with smoothing=good-turing, not laplace"),
        ("nltk", "nltk:discount=0.5", "holds a model with discount=0.75, not 0.5"),
        ("hmm:states=2", "hmm:states=2,seed=1", "holds a model with seed=0, not 1"),
        ("mix:kenlm:order=2+cache", "mix:kenlm:order=2+cache,weight=0.5", "holds a model with weight=None, not 0.5"),
        ("mix:kenlm:order=2+cache", "mix:kenlm:order=3+cache", "holds a model with models="),
        ("cache", "kenlm", "holds Cache of lmbench, version 1, not KenlmNgram of lmbench"),
    ],
)
def test_a_folder_with_other_options_is_refused(spec, other, message, english, tmp_path):
    fit(spec, english).save(tmp_path)
    with pytest.raises(SpecError, match=message):
        restore(other, tmp_path)


@pytest.mark.parametrize(
    ("spec", "other"),
    [
        ("kenlm:order=2", "kenlm:order=2,memory=1M"),
        ("kenlm:order=2,memory=1M", "kenlm:order=2"),
        ("hmm:states=2", "hmm:states=2,device=cpu"),
        ("mix:kenlm:order=2+cache", "mix:kenlm:order=2;min_count=2+cache:decay=0.999"),  # the same in other words
    ],
)
def test_options_that_change_nothing_may_differ(spec, other, english, tmp_path):
    model = fit(spec, english)
    model.save(tmp_path)
    require_equal(model, restore(other, tmp_path))


def test_a_file_of_words_may_move_but_not_change(english, tmp_path):
    words, moved, changed = (tmp_path / name for name in ("words", "moved", "changed"))
    words.write_text("the cat sat")
    moved.write_text("the cat sat")
    changed.write_text("the cat saw")
    model = fit(f"kenlm:order=2,limit_vocab={words}", english)
    model.save(tmp_path)
    require_equal(model, restore(f"kenlm:order=2,limit_vocab={moved}", tmp_path))
    with pytest.raises(SpecError, match="holds a model with limit_vocab=sha256:"):
        restore(f"kenlm:order=2,limit_vocab={changed}", tmp_path)


def test_restored_ngrams_are_in_files_if_memory_is_limited(english, tmp_path):
    fit("kenlm:order=2", english).save(tmp_path)
    for spec, is_mapped in (("kenlm:order=2", False), ("kenlm:order=2,memory=1M", True)):
        orders = restore(spec, tmp_path)._fitted.ngrams.orders
        assert all(isinstance(order.keys, np.memmap) == is_mapped for order in orders)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("probs2", "the n-grams of order 2 are not complete"),
        ("backoffs1", "the n-grams of order 1 are not complete"),
        ("kept", "the unigrams are not those of the lexicon"),
    ],
)
def test_ngrams_that_do_not_belong_together_are_refused(name, message, english, tmp_path, monkeypatch):
    model = fit("ngram:order=2", english)
    arrays = model._fitted.ngrams.arrays()
    monkeypatch.setattr(FittedNgrams, "arrays", lambda _: arrays | {name: arrays[name][:-1]})
    model.save(tmp_path)
    with pytest.raises(SpecError, match=message):
        restore("ngram:order=2", tmp_path)


def test_counts_that_do_not_belong_together_are_refused(english, tmp_path):
    model = fit("nltk:order=2", english)
    *others, table = model._fitted.tables
    model._fitted = replace(model._fitted, tables=[*others, CountTable(table.ngrams[:-1], table.counts)])
    model.save(tmp_path)
    with pytest.raises(SpecError, match="the n-grams of length 2 are not complete"):
        restore("nltk:order=2", tmp_path)


def test_parts_of_a_mixture_are_saved_in_folders(english, tmp_path):
    model = fit("mix:kenlm:order=2+cache", english)
    model.save(tmp_path)
    names = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.npz"))
    assert names == ["model.npz", "model1/model.npz", "model2/model.npz"]
    (tmp_path / "model2" / FILE).unlink()
    with pytest.raises(SpecError, match="model2 does not hold a saved model"):
        restore("mix:kenlm:order=2+cache", tmp_path)


def test_a_mixture_saves_no_pretrained_model(english, tmp_path):
    fit("ngram:order=2", english).export(tmp_path / "x.arpa")
    spec = f"mix:kenlm:order=2+arpa:path={tmp_path / 'x.arpa'}"
    folder = tmp_path / "saved"
    folder.mkdir()
    model = fit(spec, english)
    model.save(folder)
    assert sorted(path.name for path in folder.iterdir()) == ["model.npz", "model1"]
    require_equal(model, restore(spec, folder))


def test_a_mixture_with_a_model_that_cannot_be_saved_cannot_be_saved(english, tmp_path):
    with installed(tmp_path, {"good": "plugin_module:Good"}, MODELS):
        model = fit("mix:good+ppm:order=1", english)
        assert not isinstance(model, Saveable)
        [score] = model.score(["the cat\n"])
        assert len(score.check("the cat\n").ends) == 8
    assert isinstance(build("mix:uniform+ppm:order=1"), Saveable)
