import pytest

from lmbench.corpora.download import cache_path
from lmbench.corpora.fetching import MIRROR, fetch_file, find_file, is_local
from lmbench.corpora.loading import load_corpus
from lmbench.errors import CorpusError, UnavailableError
from tests.corpora.entries import make_entry


@pytest.fixture
def entry(cache, own_mirror):
    return make_entry(own_mirror, {"a.txt": b"a\n", "b.txt": b"b\n"})


def test_files_of_the_mirror_are_local(entry, own_mirror):
    assert is_local(entry)
    assert [find_file(file) for file in entry.files] == [own_mirror / "a.txt", own_mirror / "b.txt"]
    (own_mirror / "b.txt").unlink()
    assert not is_local(entry)
    assert [fetch_file(entry, entry.files[0]), find_file(entry.files[1])] == [own_mirror / "a.txt", None]


def test_files_of_the_mirror_precede_those_of_the_cache(entry, own_mirror):
    cached = cache_path(entry.files[0].sha256)
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"a\n")
    assert find_file(entry.files[0]) == own_mirror / "a.txt"
    (own_mirror / "a.txt").unlink()
    assert find_file(entry.files[0]) == fetch_file(entry, entry.files[0]) == cached


def test_a_mirror_with_other_bytes_is_refused(cache, own_mirror):
    (own_mirror / "wikitext-2").mkdir()
    (own_mirror / "wikitext-2/train.txt").write_text("something else\n")
    with pytest.raises(CorpusError, match=r"train.txt is not the catalog's file: its sha256 is .*, not 9e9fa1ad55b1"):
        load_corpus("wikitext-2")


def test_a_mirror_that_is_not_a_folder_is_refused(entry, tmp_path, monkeypatch):
    monkeypatch.setenv(MIRROR, str(tmp_path / "missing"))
    with pytest.raises(CorpusError, match=r"LMBENCH_MIRROR names '.*missing', which is not a folder"):
        is_local(entry)


def test_a_missing_file_suggests_a_mirror(cache):
    with pytest.raises(
        UnavailableError,
        match=r"cannot download .*train.txt \(.*\); you can also set LMBENCH_MIRROR to a folder that holds ptb/",
    ):
        load_corpus("ptb")


def test_a_corrupt_file_in_the_cache_is_downloaded_again(entry, monkeypatch):
    monkeypatch.delenv(MIRROR)
    file = entry.files[0]
    cached = cache_path(file.sha256)
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"corrupt")
    with pytest.raises(UnavailableError, match="ConnectionError"):
        fetch_file(entry, file)
    assert not cached.exists()
    cached.write_bytes(b"a\n")
    assert fetch_file(entry, file).read_bytes() == b"a\n"
