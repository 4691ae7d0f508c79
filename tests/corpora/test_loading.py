import io
import sys

import pytest

import lmbench
from lmbench.corpora.formats import TextFormat
from lmbench.corpora.loading import EMBEDDED, known_names, load_corpus, load_text, parse_names
from lmbench.errors import CorpusError, UnknownNameError


def test_load_corpus_is_public():
    assert lmbench.load_corpus is load_corpus


def test_embedded_corpora_are_named_as_they_are_listed():
    assert {name: make().name for name, make in EMBEDDED.items()} == {name: name for name in EMBEDDED}
    assert known_names()[: len(EMBEDDED)] == list(EMBEDDED)
    assert "wikitext-2" in known_names()


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        (
            "pydoc",
            UnknownNameError,
            "unknown corpus 'pydoc'; did you mean 'pydocs'.*known: blimp, .*fables-en, fables-zh, ",
        ),
        ("markv:stop=0.5", UnknownNameError, "unknown corpus 'markv'; did you mean 'markov'"),
        ("markov:ordr=3", UnknownNameError, "unknown option of markov 'ordr'; did you mean 'order'"),
        ("pydocs:order=3", CorpusError, "'pydocs:order=3': 'pydocs' does not take options; only these do: markov, "),
        (":x", UnknownNameError, "unknown corpus ':x'"),
        ("no/such.txt", CorpusError, "no such file or folder: 'no/such.txt'; a corpus is a path or one of: pydocs"),
    ],
)
def test_unknown_corpora(name, error, message):
    with pytest.raises(error, match=message):
        load_corpus(name)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("markov:order=2,seed=3,pydocs", ["markov:order=2,seed=3", "pydocs"]),
        ("pydocs,recall,lines=10, grammar", ["pydocs", "recall:lines=10", "grammar"]),
        ("pydocs,a=b.txt", ["pydocs", "a=b.txt"]),
        ("markov,./a=b.txt,x/c=d", ["markov", "./a=b.txt", "x/c=d"]),
        ("markov,markov,a.txt, ,", ["markov", "a.txt"]),
        ("", []),
    ],
)
def test_lists_of_corpora(text, names):
    assert parse_names(text) == names


def test_a_path_with_commas_is_one_name(tmp_path):
    (tmp_path / "a,b.txt").write_text("a\n")
    assert parse_names(str(tmp_path / "a,b.txt")) == [str(tmp_path / "a,b.txt")]


def test_paths_may_have_equals_signs(tmp_path):
    (tmp_path / "a=b.txt").write_text("a\nb\nc\n")
    assert load_corpus(str(tmp_path / "a=b.txt")).train.documents == ("a\n",)


def test_a_hyphen_names_standard_input(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a\nb\nc\n")))
    assert load_corpus("-").train.documents == ("a\n",)


def test_formats_are_for_paths(tmp_path):
    for text_format in (
        TextFormat(unit="line"),
        TextFormat(encoding="gb18030"),
        TextFormat(field="text"),
        TextFormat(layout="text"),
    ):
        with pytest.raises(CorpusError, match="'pydocs' has its own documents, encoding and field"):
            load_corpus("pydocs", text_format)
        with pytest.raises(CorpusError, match="'markov:order=1' has its own documents"):
            load_corpus("markov:order=1", text_format)
    (tmp_path / "x.txt").write_text("a\nb\n\nc\n\nd\n")
    assert load_corpus(str(tmp_path / "x.txt"), TextFormat("block")).train.documents == ("a\nb\n\n",)


def test_a_text_is_a_file_or_standard_input(tmp_path, monkeypatch):
    (tmp_path / "x.jsonl").write_text('{"text": "a"}\n{"text": "b"}\n')
    assert load_text(str(tmp_path / "x.jsonl")) == "a\nb\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a\nb\n")))
    assert load_text("-") == "a\nb\n"
    with pytest.raises(CorpusError, match=r"cannot read .*/missing: No such file"):
        load_text(str(tmp_path / "missing"))


@pytest.mark.parametrize("name", ["~", "./~", "--help", "./--help", "./-"])
def test_files_may_have_any_name(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_text("a\nb\nc\n")
    assert load_text(name) == "a\nb\nc\n"
    assert load_corpus(name).train.documents == ("a\n",)
    assert parse_names(name) == [name]


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "x.txt").write_text("a\nb\nc\n")
    assert load_text("~/x.txt") == "a\nb\nc\n"
    assert load_corpus("~/x.txt").train.documents == ("a\n",)


def test_a_corpus_that_does_not_fit_in_memory_is_one_line(monkeypatch):
    def fail():
        raise MemoryError

    monkeypatch.setitem(EMBEDDED, "pydocs", fail)
    with pytest.raises(CorpusError, match=r"^pydocs does not fit in memory; make it smaller, or divide it$"):
        load_corpus("pydocs")
