from importlib import import_module

import numpy as np
import pandas as pd
import pytest

import lmbench
from lmbench import Fitted, LanguageModel, Score, Signature, Traits, build, load_corpus, surprisal
from lmbench.errors import CorpusError, ScoreError, SpecError, UnknownNameError

ITEMS = ["The fox saw the grapes.", "A crow sat."]


@pytest.fixture(autouse=True, scope="module")
def _own_cache(tmp_path_factory):
    """Store no model for the other tests, which would then be told so."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LMBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def measure(models, items=ITEMS, **options):
    return surprisal(models, items, progress=False, **options)


def test_it_is_a_function_whatever_was_imported():
    import_module("lmbench.api.surprisal")
    assert callable(lmbench.surprisal)


@pytest.mark.parametrize(
    ("models", "labels"),
    [
        ("kenlm:order=2,uniform", ["kenlm:order=2", "uniform"]),
        (["kenlm:order=2", "uniform"], ["kenlm:order=2", "uniform"]),
        ("kenlm:order=1..2,label=n-gram", ["n-gram order=1", "n-gram order=2"]),
        ({"bigram": "kenlm:order=2", "zero": build("uniform")}, ["bigram", "zero"]),
        ([build("uniform"), "ppm:order=1"], ["Uniform", "ppm:order=1"]),
    ],
)
def test_models_are_named_in_many_ways(models, labels):
    table = measure(models, corpus="fables-en")

    assert list(dict.fromkeys(table["model"])) == labels
    assert table["word"].tolist() == [word for text in ITEMS for word in text.split()] * len(labels)


def test_the_numbers_are_those_of_a_model_that_was_fitted_by_hand():
    model = build("kenlm:order=3")
    model.prepare(load_corpus("fables-en").training)

    for given in ("kenlm:order=3", model, build("kenlm:order=3")):
        table = measure({"m": given}, corpus="fables-en")
        total = -sum(score.logprobs.sum() for score in model.score(ITEMS))
        assert table["bits"].sum() * 0.6931471805599453 == pytest.approx(total)


def test_a_class_of_a_notebook_is_a_model():
    class Halves(LanguageModel):
        """Each character has a half."""

        def fit(self, data, progress=None):
            self.size = data.train.size

        def score(self, documents):
            ends = [np.arange(1, len(text) + 1) for text in documents]
            return [Score(end, np.full(len(end), -np.log(2)), np.zeros(len(end))) for end in ends]

        def signature(self):
            return Signature()

    assert measure(Halves, ["ab c"])["bits"].tolist() == pytest.approx([2, 2])


class Plain(LanguageModel):
    """A model that does not declare what fitting sets, and whose constructor takes something else than options."""

    def __init__(self, name="plain"):
        super().__init__()
        self.name = name

    def fit(self, data, progress=None):
        self.nats = -np.log(2.0)

    def score(self, documents):
        return [
            Score(np.arange(1, len(text) + 1), np.full(len(text), self.nats), np.zeros(len(text))) for text in documents
        ]

    def signature(self):
        return Signature()


@pytest.mark.parametrize("given", [Plain, Plain(), Plain("other")])
def test_a_model_need_not_declare_what_fitting_sets(given):
    assert measure(given, ["ab c"])["bits"].tolist() == pytest.approx([2, 2])


def test_a_corpus_is_read_only_if_a_model_is_fitted_on_it():
    class Loaded(Plain):
        traits = Traits(weights="pretrained")
        loaded = Fitted[float]()

        def load(self, progress=None):
            self.loaded = -np.log(2.0)

        @property
        def nats(self):
            return self.loaded

    for given in (Loaded(), Loaded):
        assert measure(given, ["ab c"], corpus="no-such-corpus")["bits"].tolist() == pytest.approx([2, 2])


def test_a_request_that_cannot_be_met_is_refused_before_models_are_fitted(absent):
    frame = pd.DataFrame({"text": ["a"], "bits": [1]})
    with pytest.raises(CorpusError, match="the items have a column 'bits', which the result has too"):
        measure("ppm", frame, corpus=absent)

    class Scorer(Plain):
        traits = Traits(normalized=False)

    with pytest.raises(ScoreError, match="the scores of Scorer are not probabilities of a text"):
        measure(["ppm", Scorer], corpus=absent)


def test_the_corpus_may_be_texts():
    same = ["a b\n"] * 40
    table = measure("kenlm:order=2,min_count=1,tokenizer=words", ["a b"], corpus=same)
    assert table["bits"].sum() < 1


def test_items_that_are_not_tokenized_like_the_corpus_are_announced(english):
    corpus = lmbench.Corpus("words", english.train, english.valid, english.valid, "", tokenized=True)
    with pytest.warns(UserWarning, match=r"words has spaces between words and punctuation.* 'cat\.' is"):
        measure("kenlm:order=2", ["the cat."], corpus=corpus)
    measure("kenlm:order=2", ["the cat ."], corpus=corpus)


def test_columns_are_named_in_one_string():
    frame = pd.DataFrame({"s": ["The fox saw"], "r": ["The fox|saw"]})
    table = measure("ppm", frame, column="s", regions="r", corpus="fables-en", boundary="trailing", add="entropy,rank")

    assert table["word"].tolist() == ["The fox", "saw"]
    assert list(table.columns)[-2:] == ["entropy", "rank"]


def test_words_of_chinese():
    pytest.importorskip("jieba")
    assert measure("uniform", ["狐狸看见了葡萄。"], words="jieba")["bits"].sum() == 8 * 3 * 8


@pytest.mark.parametrize(
    ("models", "options", "error", "message"),
    [
        ("knlm", {}, UnknownNameError, "unknown model 'knlm'"),
        ([], {}, SpecError, "no model is named"),
        (3, {}, SpecError, "an int is not a model"),
        (["uniform", "uniform"], {}, SpecError, "two models are named 'uniform'"),
        ("uniform", {"add": "ranks"}, UnknownNameError, "unknown measure 'ranks'"),
        (
            "ppm",
            {"corpus": "fables-en,fables-zh"},
            CorpusError,
            "one corpus here, and 2 are named",
        ),
        ("uniform", {"items": "The cat sat."}, CorpusError, "the file 'The cat sat.' does not exist; items are a file"),
    ],
)
def test_what_cannot_be_measured_is_refused(models, options, error, message):
    with pytest.raises(error, match=message):
        measure(models, **options)
