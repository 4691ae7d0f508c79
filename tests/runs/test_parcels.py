import pickle

import pytest

from lmbench import Corpus, Split
from lmbench.corpora.on_disk import JoinedDocuments, StoredDocuments
from lmbench.errors import CorpusError
from lmbench.runs.parcels import pack

SHORT = Split(("a\n",))


class Post:
    """Keeps what is sent, and counts what is fetched."""

    def __init__(self):
        self.sent, self.fetched = [], 0

    def send(self, part):
        self.sent.append(part.tobytes())
        return len(self.sent) - 1

    def fetch(self, number):
        self.fetched += 1
        return self.sent[number]


@pytest.fixture
def path(tmp_path):
    (tmp_path / "text.txt").write_text("".join(f"line {number} 中\n" for number in range(100)))
    return tmp_path / "text.txt"


def corpus_of(path):
    documents = StoredDocuments.of_file(path, "line")
    joined = JoinedDocuments((("first\n",), documents[10:20], documents[50:60]))
    return Corpus("toy", Split(documents[:50]), Split(joined), SHORT, provenance="lines")


def texts(corpus):
    return [list(split.documents) for split in (corpus.train, corpus.valid, corpus.test)]


def test_a_text_in_memory_travels_as_it_is(tmp_path):
    corpus, post = Corpus("toy", SHORT, SHORT, SHORT, provenance="lines"), Post()
    parcel = pack(corpus, post.send)
    assert post.sent == []
    assert parcel.open(tmp_path, post.fetch) is corpus


def test_a_file_that_is_there_is_not_fetched(path, tmp_path):
    corpus, post = corpus_of(path), Post()
    assert pack(corpus, post.send).open(tmp_path, post.fetch) is corpus
    assert (b"".join(post.sent), post.fetched) == (path.read_bytes(), 0)


@pytest.mark.parametrize("fate", ["missing", "another", "touched"])
def test_a_file_that_is_not_there_is_written(path, tmp_path, monkeypatch, fate):
    monkeypatch.setattr("lmbench.runs.parcels._CHUNK", 100)
    corpus, post = corpus_of(path), Post()
    expected, keys = texts(corpus), [split.digest for split in (corpus.train, corpus.valid, corpus.test)]
    parcel = pickle.loads(pickle.dumps(pack(corpus, post.send)))
    assert len(post.sent) > 10
    if fate == "missing":
        path.unlink()
    elif fate == "another":
        path.write_text("x\n")
    else:
        path.touch()
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    opened = parcel.open(folder, post.fetch)
    assert texts(opened) == expected
    assert [split.digest for split in (opened.train, opened.valid, opened.test)] == keys
    assert [file.name for file in folder.iterdir()] == ["text-0"]


def test_a_file_that_has_changed_is_not_sent(path):
    corpus = corpus_of(path)
    path.write_text("x\n")
    with pytest.raises(CorpusError, match=r"text.txt has changed since it was first read; start again"):
        pack(corpus, Post().send)
    path.unlink()
    with pytest.raises(CorpusError, match=r"cannot read .*text.txt: No such file"):
        pack(corpus, Post().send)
