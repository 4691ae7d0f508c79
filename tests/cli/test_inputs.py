import io

import pytest

from lmbench import LanguageModel, Traits
from lmbench.cli.inputs import load_corpus, prepare
from lmbench.corpora.options import CorpusOptions
from lmbench.errors import UnknownNameError


class Prepared(LanguageModel):
    """Remembers what it was prepared with, and announces a line."""

    def prepare(self, data, progress):
        self.data = data
        progress.notice("ready")

    def score(self, documents):
        return []

    def signature(self):
        raise AssertionError


class Pretrained(Prepared):
    traits = Traits(weights="pretrained")


def test_a_model_is_fitted_on_the_named_corpus(capsys):
    model = Prepared()
    prepare(model, "fables-en")
    assert model.data == load_corpus("fables-en").training
    assert capsys.readouterr().err == "ready\n"


def test_a_pretrained_model_does_not_need_a_corpus(capsys):
    model = Pretrained()
    prepare(model, "unknown")
    assert model.data is None
    assert capsys.readouterr().err == "ready\n"


def test_an_unknown_corpus_is_refused():
    with pytest.raises(UnknownNameError, match="unknown corpus 'fable-en'; did you mean 'fables-en'"):
        prepare(Prepared(), "fable-en")


def test_a_text_is_read_in_its_format(tmp_path):
    (tmp_path / "x.txt").write_text("a\nb\n\nc\n\nd\n\n", encoding="utf-16")
    corpus = load_corpus(f"{tmp_path}/x.txt:encoding=utf-16", CorpusOptions(documents="block"))
    assert [len(split.documents) for split in (corpus.train, corpus.valid, corpus.test)] == [1, 1, 1]


def test_standard_input_is_read_as_lines(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"a\nb\nc\n")))
    assert load_corpus("-").name == "stdin"
