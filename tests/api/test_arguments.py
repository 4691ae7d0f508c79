import numpy as np
import pandas as pd
import pytest

from lmbench import Corpus, build
from lmbench.api.arguments import gather_corpora, list_names, select_models
from lmbench.errors import CorpusError, SpecError, UnknownNameError
from lmbench.progress import SILENT
from lmbench.runs.study import ExperimentTable
from tests.api.models import ByteOptions, Bytes

DOCUMENTS = ["one document", "another document", "a third"]


def select(models, **keys):
    """Return the label of each model, and whether an object stands for it."""
    table = ExperimentTable.model_validate(keys)
    return {model.label: model.given is not None for model in select_models(models, table, pytest.fail)}


def gather(corpora, whole=False):
    return {corpus.name: corpus for corpus in gather_corpora(corpora, whole, SILENT)}


def test_models_are_specs_objects_and_classes():
    assert select("kenlm:order=2..3,uniform") == {"kenlm:order=2": False, "kenlm:order=3": False, "uniform": False}
    assert select(Bytes) == {"Bytes": True}
    given = ["uniform", Bytes(ByteOptions(added=2)), build("ppm:order=3")]
    assert select(given) == {"uniform": False, "Bytes:added=2.0": True, "ppm:order=3": False}


def test_a_dict_gives_labels():
    assert select({"mine": Bytes, "theirs": build("ppm"), "its": "uniform"}) == {
        "mine": True, "theirs": False, "its": False,
    }  # fmt: skip


def test_each_seed_is_a_model():
    assert select([Bytes], seeds=2) == {"Bytes:seed=0": True, "Bytes:seed=1": True}
    assert select({"mine": Bytes}, seeds=2) == {"mine seed=0": True, "mine seed=1": True}
    assert select([Bytes(ByteOptions(seed=7))], seeds=2) == {"Bytes:seed=7": True}


@pytest.mark.parametrize("models", ["", [], {}])
def test_no_model(models):
    with pytest.raises(SpecError, match=r"^no model is named"):
        select(models)


@pytest.mark.parametrize("models", [3, [3], {"mine": None}])
def test_what_is_not_a_model(models):
    with pytest.raises(SpecError, match=r"(an int|None) is not a model; give a spec, a LanguageModel, or a class"):
        select(models)


def test_corpora_are_names_corpora_and_documents():
    own = Corpus.from_texts(DOCUMENTS, "own")
    assert list(gather("fables-en,markov:lines=10")) == ["fables-en", "markov:lines=10"]
    assert list(gather(["fables-en", own, DOCUMENTS])) == ["fables-en", "own", "texts"]
    assert gather(own)["own"] is not None


def test_a_list_of_strings_with_spaces_holds_documents():
    assert gather(DOCUMENTS)["texts"].test.documents == ("a third",)
    assert gather(DOCUMENTS, whole=True)["texts"].test.documents == tuple(DOCUMENTS)
    assert list(gather(["fables-en", "fables-zh"])) == ["fables-en", "fables-zh"]


@pytest.mark.parametrize("texts", [pd.Series(DOCUMENTS, name="text"), np.array(DOCUMENTS), iter(DOCUMENTS)])
def test_other_iterables_hold_documents(texts):
    [(name, corpus)] = gather(texts).items()
    assert (name, corpus.train.documents) == ("text" if isinstance(texts, pd.Series) else "texts", ("one document",))


def test_a_dict_gives_names():
    given = {"a": "fables-en", "b": DOCUMENTS, "c": Corpus.from_texts(DOCUMENTS, "own")}
    assert list(gather(given)) == ["a", "b", "c"]


def test_a_path_is_a_name(tmp_path):
    path = tmp_path / "a, b.txt"
    path.write_text("one\n\ntwo\n\nthree\n")
    for given in (path, [path, "fables-en"], {"mine": path}):
        assert next(iter(gather(given).values())).test.documents == ("three\n",)
    assert list_names([path]) == [str(path)]
    with pytest.raises(CorpusError, match=r"^no such file or folder: '.*missing\.txt'"):
        gather(tmp_path / "missing.txt")


def test_labels_and_names_may_be_numbers():
    assert select({3: "uniform"}) == {"3": False}
    assert list(gather({1: DOCUMENTS})) == ["1"]


def test_a_misspelled_corpus_in_a_list_may_be_a_document():
    with pytest.raises(UnknownNameError, match=r"unknown corpus 'fables-em'; did you mean 'fables-en'"):
        gather("fables-em")
    with pytest.raises(CorpusError, match=r"unknown corpus '一个'.*if these are documents, write Corpus\.from_texts"):
        gather(["一个", "研究"])


@pytest.mark.parametrize("corpora", ["", [], {}])
def test_no_corpus(corpora):
    with pytest.raises(CorpusError, match=r"^no corpus is named"):
        gather(corpora)


def test_only_names_can_be_asked_for_again():
    assert list_names(["fables-en:limit=3,markov", "ppm.txt"]) == ["fables-en:limit=3", "markov", "ppm.txt"]
    assert list_names(DOCUMENTS) is None
    assert list_names({"a": "fables-en"}) is None
