import hashlib

import pytest

from lmbench import catalogue
from lmbench.catalogue import CatalogueFile, load_corpus
from lmbench.errors import CorpusError, UnavailableError, UnknownNameError


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(catalogue, "_cache_folder", lambda: tmp_path / "cache")
    monkeypatch.delenv(catalogue.MIRROR, raising=False)
    return tmp_path / "cache"


def test_entries_are_pinned():
    for entry in catalogue.catalogue().values():
        for file in (entry.train, entry.valid, entry.test):
            assert len(file.sha256) == 64
            assert file.path in file.url or file.path.split("/")[-1] == file.url.split("/")[-1]


def test_wikitext2_from_the_mirror(mirror):
    corpus = load_corpus("wikitext-2")
    assert corpus.tokenised
    assert len(corpus.test.documents) == 60
    assert corpus.test.documents[0].startswith("\n= Robert <unk> =\n")


def test_war_and_peace_from_the_mirror(mirror):
    corpus = load_corpus("war-and-peace")
    assert [len(split.documents) for split in (corpus.train, corpus.valid, corpus.test)] == [36243, 7870, 8052]
    assert (corpus.train.size, corpus.tokenised) == (2281656, False)


def test_a_mirror_with_other_bytes_is_refused(cache, tmp_path, monkeypatch):
    monkeypatch.setenv(catalogue.MIRROR, str(tmp_path))
    (tmp_path / "wikitext-2").mkdir()
    (tmp_path / "wikitext-2/train.txt").write_text("something else\n")
    with pytest.raises(CorpusError, match=r"train.txt is not the catalogue's file: sha256 .*, expected 9e9fa1ad55b1"):
        load_corpus("wikitext-2")


def file_at(server, name, content):
    return CatalogueFile(path=f"x/{name}", url=f"{server}/{name}", sha256=hashlib.sha256(content).hexdigest())


@pytest.fixture
def server(tmp_path):
    """The address of an HTTP server of this machine's own that serves tmp_path/served."""
    import threading
    from functools import partial
    from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    (tmp_path / "served").mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=tmp_path / "served")) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()
        thread.join()


def test_a_file_is_downloaded_once_and_verified(cache, server, tmp_path):
    (tmp_path / "served/a.txt").write_bytes(b"text\n")
    file = file_at(server, "a.txt", b"text\n")
    assert catalogue._verified(file) == b"text\n"
    (tmp_path / "served/a.txt").unlink()
    assert catalogue._verified(file) == b"text\n"
    assert (cache / "x/a.txt").read_bytes() == b"text\n"


def test_other_bytes_than_the_catalogues_are_not_kept(cache, server, tmp_path):
    (tmp_path / "served/a.txt").write_bytes(b"tampered\n")
    with pytest.raises(CorpusError, match="another sha256"):
        catalogue._verified(file_at(server, "a.txt", b"text\n"))
    assert not [path for path in cache.rglob("*") if path.is_file()]


def test_what_cannot_be_downloaded_says_how_to_get_it(cache, server):
    with pytest.raises(
        UnavailableError, match=r"cannot download .*a.txt \(HTTPError\); put the file at .*LMBENCH_MIRROR"
    ):
        catalogue._verified(file_at(server, "a.txt", b"text\n"))
    with pytest.raises(UnavailableError, match=r"\(ConnectionError\)"):
        catalogue._verified(file_at("http://127.0.0.1:9", "a.txt", b"text\n"))


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        (
            "pydoc",
            UnknownNameError,
            "unknown corpus 'pydoc'; did you mean 'pydocs'.*known: fables-en, fables-zh, ",
        ),
        ("no/such.txt", CorpusError, "there is no file or folder 'no/such.txt'; a corpus is a path or one of: pydocs"),
    ],
)
def test_unknown_corpora(name, error, message):
    with pytest.raises(error, match=message):
        load_corpus(name)


def test_units_are_for_paths(tmp_path):
    with pytest.raises(CorpusError, match="the documents of 'pydocs' are fixed"):
        load_corpus("pydocs", "line")
    (tmp_path / "x.txt").write_text("a\nb\n\nc\n\nd\n")
    assert load_corpus(str(tmp_path / "x.txt"), "block").train.documents == ("a\nb\n\n",)
