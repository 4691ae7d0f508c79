import pickle
import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lmbench.corpora.on_disk import JoinedDocuments, StoredDocuments, join_documents, measure_sizes
from lmbench.corpora.splitting import DOCUMENT_UNITS, cut_into_documents
from lmbench.errors import CorpusError


@pytest.mark.parametrize("unit", DOCUMENT_UNITS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.sampled_from("aé汉= \n\r"), min_size=1))
def test_stored_documents_are_those_of_the_text(tmp_path, unit, text):
    file = tmp_path / "text.txt"
    file.write_bytes(text.encode())
    expected = cut_into_documents(text, unit)
    stored = StoredDocuments.of_file(file, unit)
    assert tuple(stored) == expected
    assert [stored[i] for i in range(-len(stored), len(stored))] == [*expected, *expected]


@pytest.fixture
def stored(tmp_path):
    (tmp_path / "text.txt").write_text("".join(f"line {i}\n" for i in range(100)))
    return StoredDocuments.of_file(tmp_path / "text.txt", "line")


def test_slices_are_stored_documents(stored):
    part = stored[10:20]
    assert isinstance(part, StoredDocuments)
    assert (len(part), part[0], part[-1], tuple(part[3:])[:1]) == (10, "line 10\n", "line 19\n", ("line 13\n",))
    assert tuple(stored[:-98]) == ("line 0\n", "line 1\n")
    assert tuple(stored[50:40]) == ()
    with pytest.raises(IndexError):
        stored[100]
    with pytest.raises(ValueError, match="slice them without a step"):
        stored[::2]


def test_documents_are_read_in_pieces(stored, monkeypatch):
    monkeypatch.setattr("lmbench.corpora.on_disk._READ_AT_ONCE", 20)
    assert tuple(stored) == tuple(f"line {i}\n" for i in range(100))


def test_a_text_is_never_completely_in_memory(tmp_path):
    """The text is 10 MB in lines of 100 bytes. Memory holds a piece of 1 MB, its lines, and 8 bytes of index a line."""
    file = tmp_path / "text.txt"
    file.write_text(f"{'x' * 99}\n" * 100_000)
    tracemalloc.start()
    stored = StoredDocuments.of_file(file, "line")
    indexed = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    size = sum(map(len, stored))
    read = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size == file.stat().st_size == 10_000_000
    assert indexed[0] < 9 * 100_000
    assert indexed[1] < 5e6
    assert read[1] < 6e6


def test_they_are_pickled_as_a_path(stored):
    again = pickle.loads(pickle.dumps(stored))
    assert tuple(again) == tuple(stored)


def test_a_file_that_changes_is_refused(stored):
    with stored.path.open("a") as file:
        file.write("more\n")
    with pytest.raises(CorpusError, match=r"text.txt has changed since it was first read"):
        list(stored)
    with pytest.raises(CorpusError, match="has changed"):
        stored[0]
    stored.path.unlink()
    with pytest.raises(CorpusError, match=r"cannot read .*text.txt: No such file"):
        stored[0]


@pytest.mark.parametrize(
    ("data", "message"), [(b"ab\ncd\xff\n", "byte 0xff at offset 5"), (b"a\n\0\n", "NUL byte at offset 2")]
)
def test_offsets_of_invalid_text_are_those_of_the_file(tmp_path, data, message):
    (tmp_path / "text.txt").write_bytes(data)
    with pytest.raises(CorpusError, match=message):
        StoredDocuments.of_file(tmp_path / "text.txt", "line")


def test_joined_documents_are_those_of_the_parts(stored, tmp_path):
    (tmp_path / "more.txt").write_text("a\nb\n")
    parts = [stored, ("x\n", "y\n"), (), StoredDocuments.of_file(tmp_path / "more.txt", "line")]
    joined = join_documents(parts)
    expected = [*stored, "x\n", "y\n", "a\n", "b\n"]
    assert isinstance(joined, JoinedDocuments)
    assert list(joined) == expected
    assert [joined[i] for i in range(-len(expected), len(expected))] == [*expected, *expected]
    for start, stop in ((0, 0), (0, 50), (99, 101), (101, None), (-3, -1), (50, 40)):
        assert list(joined[start:stop]) == expected[start:stop]
        assert list(joined[start:stop][1:3]) == expected[start:stop][1:3]
    with pytest.raises(IndexError):
        joined[104]
    with pytest.raises(ValueError, match="slice them without a step"):
        joined[::2]


class Counted(tuple):
    """Documents that count how often they are looked at."""

    looks = 0

    def __len__(self):
        Counted.looks += 1
        return super().__len__()


def test_one_document_of_many_parts_is_found_without_a_look_at_the_others():
    joined = JoinedDocuments(tuple(Counted((f"{number}\n",)) for number in range(1000)))
    assert [joined[number] for number in range(500, 600)] == [f"{number}\n" for number in range(500, 600)]
    assert list(joined[700:702]) == ["700\n", "701\n"]
    assert Counted.looks < 1100


def test_sizes_are_known_without_the_file(stored, tmp_path):
    (tmp_path / "marked.txt").write_text("\ufeffé\nab\n")
    marked = StoredDocuments.of_file(tmp_path / "marked.txt", "line")
    joined = join_documents([stored[:2], (), ("汉\n",), marked])
    expected = [len(document.encode()) for document in joined]
    for documents in (stored, marked):
        documents.path.unlink()
    assert measure_sizes(joined).tolist() == expected == [7, 7, 4, 3, 3]
    assert measure_sizes(()).tolist() == []


def test_documents_in_memory_are_joined_in_memory():
    assert join_documents([("a", "b"), (), ("c",)]) == ("a", "b", "c")
