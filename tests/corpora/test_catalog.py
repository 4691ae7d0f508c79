import csv
import hashlib
import json
import re
import zipfile
from urllib.parse import urlsplit

import pytest

from lmbench.corpora import catalog as catalog
from lmbench.corpora.catalog import CatalogEntry, corpus_names, load_corpus, read_entry
from lmbench.corpora.download import cached
from lmbench.corpora.files import TextFormat
from lmbench.corpora.on_disk import StoredDocuments
from lmbench.errors import CorpusError, UnavailableError, UnknownNameError


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: tmp_path / "cache")
    monkeypatch.delenv(catalog.MIRROR, raising=False)
    return tmp_path / "cache"


@pytest.fixture
def own_mirror(tmp_path, monkeypatch):
    """A mirror folder in which a test puts files."""
    monkeypatch.setenv(catalog.MIRROR, str(tmp_path / "mirror"))
    (tmp_path / "mirror").mkdir()
    return tmp_path / "mirror"


def entry(folder, files, **fields):
    """An entry of files that are put into a mirror folder."""
    listed = []
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
        listed.append({"path": path, "sha256": hashlib.sha256(content).hexdigest()})
    about = {"description": "d", "language": "en", "license": "none", "citation": "none", "base": "http://127.0.0.1:9/"}
    return CatalogEntry(files=tuple(listed), **about | fields)


def splits(corpus):
    return [split.documents for split in (corpus.train, corpus.valid, corpus.test)]


PINNED = {
    "raw.githubusercontent.com": r"/[\w.-]+/[\w.-]+/[0-9a-f]{40}/.+",
    "huggingface.co": r"/(datasets/)?[\w.-]+/[\w.-]+/resolve/[0-9a-f]{40}/.+",
}
"""Of hosts that keep every version: the path of an address that will give the same file for ever."""


def test_entries_are_pinned_and_whole():
    for name, found in catalog.catalog().items():
        paths = {file.path for file in found.files}
        named = {part.partition("!")[0] for parts in found.splits.values() for part in parts}
        assert named == (paths if found.holds == "text" else set()), name
        assert ("all" in found.splits) == (found.cut is not None), name
        for file in found.files:
            for url in found.urls(file):
                assert url.startswith("http")
                assert "/master/" not in url
                assert "/main/" not in url
                if pinned := PINNED.get(urlsplit(url).hostname):
                    assert re.fullmatch(pinned, urlsplit(url).path), url


def test_the_mirrors_files_are_the_catalogs(mirror):
    """Every file of the mirror's own list is in the catalog, with the address, size and sha256 of that list."""
    files = {file.path: (found, file) for found in catalog.catalog().values() for file in found.files}
    with (mirror / "MANIFEST.tsv").open() as listed:
        rows = list(csv.DictReader(listed, delimiter="\t"))
    assert len(rows) > 50
    for row in rows:
        found, file = files[row["file"]]
        repository, commit, path = row["address (repository commit path)"].split(" ", 2)
        assert catalog.quote(f"https://raw.githubusercontent.com/{repository}/{commit}/{path}", ":/") in found.urls(
            file
        )
        assert (file.sha256, str(file.bytes)) == (row["sha256"], row["bytes"])
        data = found.fetch(file).read_bytes()
        assert (str(data.count(b"\n")), str(len(data.split()))) == (row["lines"], row["words"])


def test_wikitext2_from_the_mirror(mirror):
    corpus = load_corpus("wikitext-2")
    assert corpus.tokenized
    assert len(corpus.test.documents) == 60
    assert corpus.test.documents[0].startswith("\n= Robert <unk> =\n")


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
    assert [len(split) for split in splits(corpus)] == documents
    assert "".join(corpus.test.documents).startswith(first)


def test_tagged_corpora_have_a_tag_for_each_word(mirror):
    test = load_corpus("ud-english-ewt").test
    assert [word.form for line in test.tagged[0] for word in line] == test.documents[0].split()


def test_a_mirror_with_other_bytes_is_refused(cache, own_mirror):
    (own_mirror / "wikitext-2").mkdir()
    (own_mirror / "wikitext-2/train.txt").write_text("something else\n")
    with pytest.raises(CorpusError, match=r"train.txt is not the catalog's file: sha256 .*, expected 9e9fa1ad55b1"):
        load_corpus("wikitext-2")


def test_what_is_nowhere_says_where_it_could_be(cache):
    with pytest.raises(
        UnavailableError, match=r"cannot download .*train.txt \(.*\); LMBENCH_MIRROR may name a folder that"
    ):
        load_corpus("ptb")


def test_a_spoiled_file_of_the_cache_is_downloaded_again(cache, own_mirror, monkeypatch):
    found = entry(own_mirror, {"a.txt": b"a\n"}, splits={"test": ["a.txt"]})
    monkeypatch.delenv(catalog.MIRROR)
    kept = cached(found.files[0].sha256)
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"spoiled")
    with pytest.raises(UnavailableError, match="ConnectionError"):
        read_entry("x", found)
    assert not kept.exists()
    kept.write_bytes(b"a\n")
    assert splits(read_entry("x", found)) == [(), (), ("a\n",)]


@pytest.mark.parametrize("field", ["tokenized", "spaced"])
@pytest.mark.parametrize("value", [True, False])
def test_what_an_entry_says_of_its_words_is_true_of_the_corpus(own_mirror, field, value):
    found = entry(own_mirror, {"a.txt": b"a\n"}, splits={"test": ["a.txt"]}, **{field: value})
    assert getattr(read_entry("x", found), field) is value


def test_proportions_of_documents(own_mirror):
    found = entry(
        own_mirror,
        {"a.txt": b"a\nb\n\nc\n\nd\n"},
        splits={"all": ["a.txt"]},
        cut={"by": "documents", "sizes": [1, 1, 1]},
        unit="block",
    )
    corpus = read_entry("x", found)
    assert splits(corpus) == [("a\nb\n\n",), ("c\n\n",), ("d\n",)]
    assert corpus.provenance == "blocks,split=documents-1/1/1"


def test_documents_in_turns(own_mirror):
    files = {
        "a.json": json.dumps([{"p": [str(i), "x"]} for i in range(4)]).encode(),
        "b.json": b'[{"q": "4"}, {"q": "5\\n"}]',
    }
    cut = {"by": "turns", "sizes": [2, 1, 1]}
    found = entry(own_mirror, files, splits={"all": ["a.json", "b.json"]}, cut=cut, format="json", field=["p", "q"])
    assert splits(read_entry("x", found)) == [("0\nx\n", "1\nx\n", "4\n", "5\n"), ("2\nx\n",), ("3\nx\n",)]


def test_bytes_of_a_zip_archives_member_are_cut_between_characters(own_mirror, tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("../outside", "ab汉汉c")
    data = (tmp_path / "a.zip").read_bytes()
    cut = {"by": "bytes", "sizes": [3, 3, 1]}
    found = entry(own_mirror, {"a.zip": data}, splits={"all": ["a.zip!../outside"]}, cut=cut, unit="file")
    assert splits(read_entry("x", found)) == [("ab汉",), ("汉",), ("c",)]
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["a.zip", "a.zip"]


@pytest.mark.parametrize("strip", [True, False])
@pytest.mark.parametrize("path", ["a.txt", "a.zip!m/a.txt"])
def test_large_texts_stay_on_disk(cache, own_mirror, tmp_path, monkeypatch, path, strip):
    """As they are to be read: out of their archive, stripped."""
    text = "\n = One = \n\n é a \n\n = Two = \n\n b "
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("m/a.txt", text)
    files = {"a.txt": text.encode(), "a.zip": (tmp_path / "a.zip").read_bytes()}
    name = path.partition("!")[0]
    found = entry(own_mirror, {name: files[name]}, splits={"test": [path]}, unit="article", strip=strip)
    held = read_entry("x", found)
    monkeypatch.setattr("lmbench.corpora.on_disk.IN_MEMORY", 0)
    for _ in range(2):
        on_disk = read_entry("x", found)
        assert isinstance(on_disk.test.documents, StoredDocuments)
        assert tuple(on_disk.test.documents) == held.test.documents
        assert len(held.test.documents) == 2


def test_archives_that_cannot_be_read(own_mirror, tmp_path):
    found = entry(own_mirror, {"a.zip": b"no archive"}, splits={"test": ["a.zip!x"]})
    with pytest.raises(CorpusError, match=r"a.zip has no readable x: File is not a zip file"):
        read_entry("x", found)


def test_what_is_no_text_is_not_modeled():
    with pytest.raises(CorpusError, match="'blimp' holds minimal pairs, no text to model"):
        load_corpus("blimp")


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
        ("pydocs:order=3", CorpusError, "'pydocs:order=3' names nothing: 'pydocs' has no options; only sources have"),
        (":x", UnknownNameError, "unknown corpus ':x'"),
        ("no/such.txt", CorpusError, "there is no file or folder 'no/such.txt'; a corpus is a path or one of: pydocs"),
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
    ],
)
def test_lists_of_corpora(text, names):
    assert corpus_names(text) == names


def test_paths_may_have_equals_signs(tmp_path):
    (tmp_path / "a=b.txt").write_text("a\nb\nc\n")
    assert load_corpus(str(tmp_path / "a=b.txt")).train.documents == ("a\n",)


def test_formats_are_for_paths(tmp_path):
    for form in (TextFormat(unit="line"), TextFormat(encoding="gb18030"), TextFormat(field="text")):
        with pytest.raises(CorpusError, match="'pydocs' has its own documents, encoding and field"):
            load_corpus("pydocs", form)
        with pytest.raises(CorpusError, match="'markov:order=1' has its own documents"):
            load_corpus("markov:order=1", form)
    (tmp_path / "x.txt").write_text("a\nb\n\nc\n\nd\n")
    assert load_corpus(str(tmp_path / "x.txt"), TextFormat("block")).train.documents == ("a\nb\n\n",)
