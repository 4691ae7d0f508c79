import io
import sys

import numpy as np
import pytest

import lmbench
from lmbench.corpora.loading import (
    EMBEDDED,
    check_corpus,
    is_local,
    known_names,
    load_corpus,
    load_documents,
    read_corpus,
    refuse_idle_options,
)
from lmbench.corpora.names import parse_names
from lmbench.corpora.options import CorpusOptions
from lmbench.corpora.synthetic.sources import make_source
from lmbench.errors import CorpusError, LmbenchError, SpecError, UnknownNameError


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
        ("pydocs:order=3", UnknownNameError, "unknown option of pydocs 'order' .known: draw, limit, sample, split"),
        ("pydocs:3", CorpusError, "'pydocs:3': write the options of 'pydocs' as pydocs:option=value"),
        (":x", UnknownNameError, "unknown corpus ':x'"),
        ("no/such.txt", CorpusError, "no such file or folder: 'no/such.txt'; a corpus is a path or one of: pydocs"),
    ],
)
def test_unknown_corpora(name, error, message):
    with pytest.raises(error, match=message):
        load_corpus(name)


def test_names_are_checked_before_anything_is_read(absent):
    check_corpus(absent, CorpusOptions(split="valid"))
    with pytest.raises(CorpusError, match=r"absent\.txt is not in"):
        load_corpus(absent)
    for name, message in (
        (f"{absent}:field=a", "unknown option of absent 'field'; it is an option of your own text"),
        ("markov:order=9", "order=9 with words=24 is too large a table"),
        ("blimp", "'blimp' is not a text to model; it holds minimal pairs"),
        ("pydoc", "unknown corpus 'pydoc'; did you mean 'pydocs'"),
    ):
        with pytest.raises(LmbenchError, match=message):
            check_corpus(name)


def test_paths_may_have_equals_signs(tmp_path):
    (tmp_path / "a=b.txt").write_text("a\nb\nc\n")
    assert load_corpus(str(tmp_path / "a=b.txt")).train.documents == ("a\n",)


def test_a_hyphen_names_standard_input(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a\nb\nc\n")))
    assert load_corpus("-").train.documents == ("a\n",)


@pytest.mark.parametrize("option", ["documents=line", "encoding=gb18030", "field=text", "format=text", "strip=true"])
def test_options_of_texts_are_for_users_texts(option):
    with pytest.raises(UnknownNameError, match=r"unknown option of pydocs '.*'; it is an option of your own text"):
        load_corpus(f"pydocs:{option}")
    with pytest.raises(UnknownNameError, match="unknown option of markov "):
        load_corpus(f"markov:{option}")


def test_options_belong_to_each_text(tmp_path):
    (tmp_path / "x.txt").write_text("a\nb\n\nc\n\nd\n")
    (tmp_path / "y.jsonl").write_text("".join(f'{{"body": "a{i}"}}\n' for i in range(3)))
    block, line = CorpusOptions(documents="block"), CorpusOptions(documents="line")
    assert read_corpus(str(tmp_path / "x.txt"), block).train.documents == ("a\nb\n\n",)
    assert read_corpus(f"{tmp_path}/x.txt:documents=block", line).train.documents == ("a\nb\n\n",)
    assert read_corpus(f"{tmp_path}/x.txt:split=all,limit=2", line).test.documents == ("a\n", "b\n")
    corpus = load_corpus(f"{tmp_path}/y.jsonl:field=body")
    assert (corpus.name, corpus.test.documents) == (f"{tmp_path}/y.jsonl", ("a2\n",))
    with pytest.raises(UnknownNameError, match=r"unknown option of .*/x.txt 'feild'; did you mean 'field'"):
        load_corpus(f"{tmp_path}/x.txt:feild=a")


def test_options_may_be_arguments(tmp_path):
    (tmp_path / "x.txt").write_bytes("é \n\nb\n\nc\n\nd\n".encode("latin-1"))
    corpus = load_corpus(tmp_path / "x.txt", documents="block", encoding="latin-1", strip=True, split="all", limit=2)
    assert (corpus.name, corpus.test.documents) == (f"{tmp_path}/x.txt", ("é\n\n", "b\n\n"))
    assert corpus == load_corpus(f"{tmp_path}/x.txt:documents=block,encoding=latin-1,strip=true,split=all,limit=2")
    (tmp_path / "y").write_text("n,body\n0,a0\n1,a1\n2,a2\n")
    assert load_corpus(tmp_path / "y", field="body", format="csv").train.documents == ("a0\n",)
    assert len(load_corpus("fables-en", limit=2).test.documents) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"documents": "word"}, "option documents=word: Input should be 'auto', 'line', 'block'"),
        ({"limit": 0}, "option limit=0: Input should be greater than 0"),
        ({"split": "all"}, "option 'split' is given twice"),
    ],
)
def test_wrong_arguments_are_refused_as_in_a_name(options, message):
    with pytest.raises(SpecError, match=message):
        load_corpus("-:split=test", **options)
    with pytest.raises(UnknownNameError, match="unknown option of pydocs 'encoding'; it is an option of your own text"):
        load_corpus("pydocs", encoding="latin-1")


def test_a_table_is_never_read_as_lines(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.csv").write_text('item,text,note\n1,"the cat, black",a\n2,b,a\n3,c,a\n')
    (tmp_path / "x.tsv").write_text("item\tsentence\n1\tthe cat\n")
    assert load_corpus("x.csv").train.documents == ("the cat, black\n",)
    assert load_corpus("x.csv:column=note,split=all").test.documents == ("a\n", "a\n", "a\n")
    assert load_documents("x.tsv:column=sentence") == ("the cat\n",)
    with pytest.raises(CorpusError, match=r"x.tsv is a table without a column 'text'; .* \(columns: item, sentence\)"):
        load_documents("x.tsv")
    with pytest.raises(SpecError, match="option 'field' is given twice"):
        load_documents("x.tsv:column=sentence,field=item")


def test_each_corpus_can_be_cut():
    whole = load_corpus("markov:lines=20")
    cut = load_corpus("markov:lines=20,limit=2")
    assert (cut.name, cut.test.documents, cut.floor) == (whole.name, whole.test.documents[:2], whole.floor[:2])
    assert read_corpus("markov:lines=20", CorpusOptions(split="valid")).test == whole.valid
    assert load_corpus("fables-en:split=valid,limit=1").test.documents == load_corpus("fables-en").valid.documents[:1]


def test_the_floor_of_a_source_is_sampled_with_its_lines():
    corpus = load_corpus("markov:lines=100,sample=5,draw=2")
    source = make_source("markov:lines=100")
    expected = [-source.score(document).logprobs.sum() for document in corpus.test.documents]
    np.testing.assert_allclose(corpus.floor, expected)
    assert (corpus.name, len(expected)) == ("markov:lines=100", 5)
    assert corpus.train == load_corpus("markov:lines=100").train


@pytest.mark.parametrize(
    ("option", "whole", "counts"),
    [
        ("", False, (8, 1, 1)),
        ("", True, (0, 0, 10)),
        (":split=all", False, (0, 0, 10)),
        (":split=test", True, (8, 1, 1)),
        (":split=valid", True, (7, 1, 1)),
        (":split=all,limit=3", False, (0, 0, 3)),
        (":limit=3", True, (0, 0, 3)),
    ],
)
def test_a_file_is_scored_as_a_whole_if_nothing_is_fitted(tmp_path, option, whole, counts):
    (tmp_path / "x.txt").write_text("".join(f"{i}\n" for i in range(10)))
    corpus = read_corpus(f"{tmp_path}/x.txt{option}", whole=whole)
    assert tuple(len(split.documents) for split in (corpus.train, corpus.valid, corpus.test)) == counts
    assert ("scored=all" in corpus.provenance) == (counts[0] == 0)


def test_standard_input_may_be_scored_as_a_whole(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a\n")))
    corpus = read_corpus("-", whole=True)
    assert (corpus.test.documents, corpus.provenance) == (("a\n",), "lines,scored=all")


def test_a_folder_needs_a_training_file_only_if_something_is_fitted(tmp_path):
    (tmp_path / "test.txt").write_text("a\nb\n")
    for option in ("", ":split=test", ":split=all"):
        corpus = read_corpus(f"{tmp_path}{option}", whole=True)
        assert (corpus.train.documents, corpus.valid.documents) == ((), ())
        assert (corpus.test.documents, corpus.provenance) == (("a\n", "b\n"), "lines,split=files")
    with pytest.raises(CorpusError, match="lacks a train file"):
        load_corpus(str(tmp_path))
    (tmp_path / "valid.txt").write_text("c\n")
    assert load_corpus(f"{tmp_path}:split=all").test.documents == ("c\n", "a\n", "b\n")


def test_options_that_no_corpus_uses_are_refused(tmp_path):
    given = CorpusOptions(documents="line", field="a", limit=3)
    with pytest.raises(
        CorpusError, match=r"^--documents, --field: only for your own text, not for pydocs, markov:order=1"
    ):
        refuse_idle_options(["pydocs", "markov:order=1"], given)
    refuse_idle_options(["pydocs", "x.txt"], given)
    refuse_idle_options(["-"], given)
    refuse_idle_options(["pydocs"], CorpusOptions(limit=3))


def test_a_text_is_a_file_or_standard_input(tmp_path, monkeypatch):
    (tmp_path / "x.jsonl").write_text('{"text": "a"}\n{"text": "b"}\n')
    assert load_documents(str(tmp_path / "x.jsonl")) == ("a\n", "b\n")
    assert load_documents(f"{tmp_path}/x.jsonl:documents=file,limit=1") == ("a\nb\n",)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a\nb\n")))
    assert load_documents("-", CorpusOptions(limit=1)) == ("a\n",)
    with pytest.raises(CorpusError, match=r"cannot read .*/missing: No such file"):
        load_documents(str(tmp_path / "missing"))
    with pytest.raises(CorpusError, match=r"x.jsonl:split=valid' is scored as a whole; leave out split=valid"):
        load_documents(f"{tmp_path}/x.jsonl:split=valid")


@pytest.mark.parametrize("name", ["~", "./~", "--help", "./--help", "./-"])
def test_files_may_have_any_name(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_text("a\nb\nc\n")
    assert load_documents(name) == ("a\n", "b\n", "c\n")
    assert load_corpus(name).train.documents == ("a\n",)
    assert parse_names(name) == [name]


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "x.txt").write_text("a\nb\nc\n")
    assert load_documents("~/x.txt") == ("a\n", "b\n", "c\n")
    assert load_corpus("~/x.txt").train.documents == ("a\n",)


def test_a_corpus_that_does_not_fit_in_memory_is_one_line(monkeypatch):
    def fail():
        raise MemoryError

    monkeypatch.setitem(EMBEDDED, "pydocs", fail)
    with pytest.raises(CorpusError, match=r"^pydocs does not fit in memory; make it smaller, or divide it$"):
        load_corpus("pydocs")


def test_a_folder_with_wikitexts_files_is_the_catalogs_corpus_if_its_lines_are_stripped(mirror):
    own, listed = load_corpus(f"{mirror}/wikitext-2:strip=true"), load_corpus("wikitext-2")
    assert (own.train, own.valid, own.test) == (listed.train, listed.valid, listed.test)
    assert own.provenance == listed.provenance == "articles,lines-stripped,split=files"


def test_corpora_that_would_be_downloaded_are_not_local(tmp_path, monkeypatch):
    monkeypatch.setenv("LMBENCH_MIRROR", str(tmp_path))
    monkeypatch.setenv("LMBENCH_CACHE", str(tmp_path))
    names = ("pydocs", "markov:order=3", "fables-en:limit=2", str(tmp_path))
    assert all(map(is_local, names))
    assert not any(map(is_local, ("wikitext-2", "wikitext-2:limit=1", "hf:some/dataset")))
