import hashlib
from dataclasses import replace

import pytest

from lmbench.errors import CorpusError, SpecError, UnknownNameError
from lmbench.registry import default_models
from lmbench.runs.experiment import BrokenModel, Experiment, plugin_version, select_models
from tests.plugins import installed


def specs(text, seed=None):
    return [str(model.spec) for model in select_models(text, seed)]


def test_models_are_selected_in_their_order_and_once():
    assert specs("uniform,kenlm:order=3,uniform,kenlm:order=2") == ["uniform", "kenlm:order=3", "kenlm:order=2"]


def test_all_selects_the_default_models():
    defaults = [entry.name for entry in default_models()]
    assert specs("kenlm:order=2,all") == ["kenlm:order=2", *defaults]
    assert specs("all,uniform") == defaults


def test_a_seed_reaches_the_models_that_have_one_and_gives_none():
    assert specs("uniform,hmm:states=2,hmm:seed=1", seed=5) == ["uniform", "hmm:states=2,seed=5", "hmm:seed=1"]


@pytest.mark.parametrize(
    ("text", "error"), [("kenml", UnknownNameError), ("kenlm:oder=2", UnknownNameError), ("kenlm:order=x", SpecError)]
)
def test_mistakes_in_a_list_of_models_raise(text, error):
    with pytest.raises(error):
        select_models(f"uniform,{text}")


def test_a_broken_plugin_is_selected_with_its_error(tmp_path):
    with installed(tmp_path, {"bad": "plugin_module:Bad"}, "1/0"):
        [model] = select_models("bad", seed=1)
    assert isinstance(model, BrokenModel)
    assert "ZeroDivisionError" in str(model.error)
    assert plugin_version(model.registered) == (("lmbench-plugin", "1.2"),)


def test_two_corpora_of_one_name_are_refused(corpus):
    with pytest.raises(CorpusError, match="two corpora have the same name: toy"):
        Experiment(select_models("uniform"), (corpus, corpus))


def test_all_models_run_on_one_corpus_before_the_next(corpus):
    experiment = Experiment(select_models("uniform,kenlm"), (corpus, replace(corpus, name="other")))
    assert [(text.name, str(model.spec)) for text, model in experiment.pairs] == [
        ("toy", "uniform"),
        ("toy", "kenlm"),
        ("other", "uniform"),
        ("other", "kenlm"),
    ]


def test_the_manifest_records_models_files_and_texts(tmp_path, corpus):
    words = tmp_path / "words.txt"
    words.write_text("a b")
    manifest = Experiment(select_models(f"uniform,kenlm:limit_vocab={words}"), (corpus,)).build_manifest()
    assert manifest.models == ("uniform", f"kenlm:limit_vocab={words}")
    assert [set(options) >= {"order"} for options in manifest.options] == [False, True]
    assert manifest.files == ((str(words), hashlib.sha256(b"a b").hexdigest()),)
    [record] = manifest.corpora
    assert (record.name, record.test_documents, record.test_bytes) == ("toy", 2, 10)
    assert record.test_fingerprint == corpus.test.fingerprint
    assert manifest.versions[0][0] == "lmbench"
