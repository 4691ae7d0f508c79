import io
import re

import pytest

from lmbench import LanguageModel, ModelOptions, Saveable, Traits
from lmbench.cli.inputs import Fitting, load_corpus, prepare
from lmbench.corpora.options import NO_OPTIONS, CorpusOptions
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


def fitting(corpus, refit=False):
    return Fitting(corpus, NO_OPTIONS, refit)


def test_a_model_is_fitted_on_the_named_corpus(capsys):
    model = Prepared()
    prepare(model, "uniform", fitting("fables-en"))
    assert model.data == load_corpus("fables-en").training
    assert capsys.readouterr().err == "ready\n"


def test_a_pretrained_model_does_not_need_a_corpus(capsys):
    model = Pretrained()
    prepare(model, "pretrained", fitting("unknown"))
    assert model.data is None
    assert capsys.readouterr().err == "ready\n"


def test_an_unknown_corpus_is_refused():
    with pytest.raises(UnknownNameError, match="unknown corpus 'fable-en'; did you mean 'fables-en'"):
        prepare(Prepared(), "prepared", fitting("fable-en"))


class Numbered(Prepared, Saveable):
    """Counts how often it was fitted."""

    fits = 0

    def prepare(self, data, progress):
        Numbered.fits += 1
        self.number = Numbered.fits

    def save(self, folder):
        (folder / "number").write_text(str(self.number))

    def restore(self, folder):
        self.number = int((folder / "number").read_text())


def test_a_stored_model_is_not_fitted_again_unless_that_is_asked_for(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("LMBENCH_CACHE", str(tmp_path))
    numbers = []
    for corpus, refit in (("fables-en", False), ("fables-en", False), ("fables-zh", False), ("fables-en", True)):
        model = Numbered(ModelOptions())
        prepare(model, "uniform", fitting(corpus, refit))
        numbers.append(model.number)
    assert numbers == [1, 1, 2, 3]
    [line] = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r"uniform was fitted on [\d-]{10} and stored; --refit fits it again", line)


def test_a_text_is_read_in_its_format(tmp_path):
    (tmp_path / "x.txt").write_text("a\nb\n\nc\n\nd\n\n", encoding="utf-16")
    corpus = load_corpus(f"{tmp_path}/x.txt:encoding=utf-16", CorpusOptions(documents="block"))
    assert [len(split.documents) for split in (corpus.train, corpus.valid, corpus.test)] == [1, 1, 1]


def test_standard_input_is_read_as_lines(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"a\nb\nc\n")))
    assert load_corpus("-").name == "stdin"


@pytest.mark.parametrize("refit", [False, True])
def test_a_model_gets_as_many_threads_as_in_a_run(monkeypatch, tmp_path, refit):
    monkeypatch.setenv("LMBENCH_CACHE", str(tmp_path))
    counts = []
    monkeypatch.setattr("lmbench.runs.processes.limit_threads", counts.append)
    model = Prepared()
    model.traits = Traits(threads=1)
    prepare(model, "uniform", fitting("fables-en", refit))
    assert counts == [1]
