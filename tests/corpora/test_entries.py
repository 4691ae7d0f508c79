import json
import zipfile

import pytest

from lmbench.corpora.entries import read_entry
from lmbench.corpora.loading import load_corpus
from lmbench.corpora.on_disk import StoredDocuments
from lmbench.errors import CorpusError
from tests.corpora.entries import documents_of, make_entry


def test_wikitext2_from_the_mirror(mirror):
    corpus = load_corpus("wikitext-2")
    assert corpus.tokenized
    assert len(corpus.test.documents) == 60
    assert corpus.test.documents[0].startswith("\n= Robert <unk> =\n")


def test_the_note_of_wikitext2_gives_the_share_of_unk(mirror):
    corpus = load_corpus("wikitext-2")
    text = "".join(corpus.test.documents)
    share = len(" <unk>") * text.split().count("<unk>") / corpus.test.size
    assert corpus.note.startswith(f"<unk> and the space before it are {100 * share:.1f} % of the bytes")


@pytest.mark.parametrize(
    ("name", "documents", "first"),
    [
        ("war-and-peace", [36243, 7870, 8052], "\nAuthor: Leo Tolstoy\n"),
        ("wikitext-2-raw-valid", [48, 6, 6], "= "),
        ("tinyshakespeare", [5778, 722, 722], "PETRUCHIO:\nI am content.\n\nKATHARINA:"),
        ("ud-english-ewt", [540, 318, 316], "What if Google Morphed Into GoogleOS ?\n"),
        ("ud-english-ewt-raw", [540, 318, 316], "What if Google Morphed Into GoogleOS?\n"),
        ("ud-chinese-gsd", [3997, 500, 500], "然而 , 这样 的 处理 也 衍生 了 一些 问题 .\n"),
        ("chinese-classics", [553, 69, 69], "錦瑟無端五十絃，一絃一柱思華年。\n"),
    ],
)
def test_text_entries_from_the_mirror(mirror, name, documents, first):
    corpus = load_corpus(name)
    assert [len(split) for split in documents_of(corpus)] == documents
    assert "".join(corpus.test.documents).startswith(first)
    if name == "ud-english-ewt":  # a tagged corpus has a tag for each word
        tagged = corpus.test.tagged[0]
        assert [word.form for line in tagged for word in line] == corpus.test.documents[0].split()


def test_an_entry_may_have_a_test_split_alone(own_mirror):
    found = make_entry(own_mirror, {"a.txt": b"a\n"}, splits={"test": ["a.txt"]})
    assert documents_of(read_entry("x", found)) == [(), (), ("a\n",)]


@pytest.mark.parametrize(
    ("field", "value"),
    [("tokenized", True), ("tokenized", False), ("spaced", True), ("spaced", False), ("note", "It is old.")],
)
def test_the_corpus_repeats_the_entrys_fields(own_mirror, field, value):
    found = make_entry(own_mirror, {"a.txt": b"a\n"}, splits={"test": ["a.txt"]}, **{field: value})
    assert getattr(read_entry("x", found), field) == value


def test_proportions_of_documents(own_mirror):
    found = make_entry(
        own_mirror,
        {"a.txt": b"a\nb\n\nc\n\nd\n"},
        splits={"all": ["a.txt"]},
        split_rule={"by": "documents", "sizes": [1, 1, 1]},
        unit="block",
    )
    corpus = read_entry("x", found)
    assert documents_of(corpus) == [("a\nb\n\n",), ("c\n\n",), ("d\n",)]
    assert corpus.provenance == "blocks,split=documents-1/1/1"


def test_documents_in_turns(own_mirror):
    files = {
        "a.json": json.dumps([{"p": [str(i), "x"]} for i in range(4)]).encode(),
        "b.json": b'[{"q": "4"}, {"q": "5\\n"}]',
    }
    found = make_entry(
        own_mirror,
        files,
        splits={"all": ["a.json", "b.json"]},
        split_rule={"by": "turns", "sizes": [2, 1, 1]},
        format="json",
        field=["p", "q"],
    )
    corpus = read_entry("x", found)
    assert documents_of(corpus) == [("0\nx\n", "1\nx\n", "4\n", "5\n"), ("2\nx\n",), ("3\nx\n",)]
    assert corpus.provenance == "json=p/q,split=turns-2/1/1"


def test_bytes_of_a_zip_archives_member_are_divided_between_characters(own_mirror, tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("../outside", "ab汉汉c")
    data = (tmp_path / "a.zip").read_bytes()
    rule = {"by": "bytes", "sizes": [3, 3, 1]}
    found = make_entry(own_mirror, {"a.zip": data}, splits={"all": ["a.zip!../outside"]}, split_rule=rule, unit="file")
    assert documents_of(read_entry("x", found)) == [("ab汉",), ("汉",), ("c",)]
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["a.zip", "a.zip"]


@pytest.mark.parametrize("strip", [True, False])
@pytest.mark.parametrize("path", ["a.txt", "a.zip!m/a.txt"])
def test_large_texts_stay_on_disk(cache, own_mirror, tmp_path, monkeypatch, path, strip):
    """Their documents are the same as in memory: extracted from the archive, and stripped."""
    text = "\n = One = \n\n é a \n\n = Two = \n\n b "
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("m/a.txt", text)
    files = {"a.txt": text.encode(), "a.zip": (tmp_path / "a.zip").read_bytes()}
    name = path.partition("!")[0]
    found = make_entry(own_mirror, {name: files[name]}, splits={"test": [path]}, unit="article", strip=strip)
    held = read_entry("x", found)
    monkeypatch.setattr("lmbench.corpora.on_disk.IN_MEMORY", 0)
    for _ in range(2):
        on_disk = read_entry("x", found)
        assert isinstance(on_disk.test.documents, StoredDocuments)
        assert tuple(on_disk.test.documents) == held.test.documents
        assert len(held.test.documents) == 2


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda path: path.write_bytes(b"not an archive"), r"cannot read x in .*a.zip: File is not a zip file"),
        (lambda path: zipfile.ZipFile(path, "w").close(), r"cannot read x in .*a.zip: .*There is no item named 'x'"),
    ],
)
def test_unreadable_archives_are_refused(own_mirror, tmp_path, write, message):
    write(tmp_path / "a.zip")
    found = make_entry(own_mirror, {"a.zip": (tmp_path / "a.zip").read_bytes()}, splits={"test": ["a.zip!x"]})
    with pytest.raises(CorpusError, match=message):
        read_entry("x", found)


def test_entries_that_are_not_texts_are_refused():
    with pytest.raises(
        CorpusError, match=r"^'blimp' is not a text to model; it holds minimal pairs: see `lmbench tasks`$"
    ):
        load_corpus("blimp")
