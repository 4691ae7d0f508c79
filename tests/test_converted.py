import errno
import os
import shutil
import threading

import pytest

from lmbench import converted
from lmbench.converted import ConvertedModels
from lmbench.errors import UnavailableError
from lmbench.progress import SILENT
from tests.recording import Recorded


@pytest.fixture
def store(tmp_path):
    return ConvertedModels(tmp_path / "converted")


def write(folder):
    (folder / "weights").write_bytes(b"1234")


def fail(folder):
    write(folder)
    raise RuntimeError("no")


def test_a_model_is_converted_once(store):
    first = store.find("k", "a.gguf", write, SILENT)
    assert (first / "weights").read_bytes() == b"1234"
    assert store.find("k", "a.gguf", fail, SILENT) == first
    [listed] = store.list_models()
    assert (listed.key, listed.name) == ("k", "a.gguf")


@pytest.mark.parametrize("damage", ["changed", "cut", "missing", "added", "contents"])
def test_a_damaged_model_is_converted_again(store, damage):
    place = store.find("k", "a.gguf", write, SILENT)
    if damage == "missing":
        (place / "weights").unlink()
    elif damage == "contents":
        (place.parent / "contents.json").write_text("{")
    else:
        name = "more" if damage == "added" else "weights"
        (place / name).write_bytes(b"12" if damage == "cut" else b"4321")
        os.utime(place / name, (1, 1))  # otherwise it may be written in the same tick of the clock
    again = store.find("k", "a.gguf", write, SILENT)
    assert [(file.name, file.read_bytes()) for file in again.iterdir()] == [("weights", b"1234")]


def test_files_are_hashed_only_if_their_times_differ(store, monkeypatch):
    place, hashed, hash_file = store.find("k", "a.gguf", write, SILENT), [], converted.hash_file
    monkeypatch.setattr(converted, "hash_file", lambda path: hashed.append(path.name) or hash_file(path))
    store.find("k", "a.gguf", fail, SILENT)
    assert hashed == []
    os.utime(place / "weights", (1, 1))  # a copy of the cache
    store.find("k", "a.gguf", fail, SILENT)
    assert hashed == ["weights"]


def test_a_model_that_is_removed_meanwhile_is_not_listed(store, monkeypatch):
    describe = converted._describe

    def remove(place):
        if place.name == "k":
            shutil.rmtree(place)
        return describe(place)

    store.find("k", "a.gguf", write, SILENT)
    store.find("l", "b.gguf", write, SILENT)
    monkeypatch.setattr(converted, "_describe", remove)
    assert [model.key for model in store.list_models()] == ["l"]


def test_nothing_is_left_of_a_conversion_that_fails(store):
    with pytest.raises(RuntimeError):
        store.find("k", "a.gguf", fail, SILENT)
    assert store.list_models() == []
    assert [left.name for left in store.folder.iterdir()] in ([], ["k.lock"])
    shutil.copytree(store.find("k", "a.gguf", write, SILENT).parent, store.folder / ".l-1")  # of a killed process
    store.find("l", "b.gguf", write, SILENT)
    assert not (store.folder / ".l-1").exists()


def test_another_process_waits(store):
    started, may_end, progress = threading.Event(), threading.Event(), Recorded()

    def convert(folder):
        started.set()
        assert may_end.wait(60)
        write(folder)

    first = threading.Thread(target=store.find, args=("k", "a.gguf", convert, SILENT))
    first.start()
    assert started.wait(60)
    assert store.clear() == []
    second = threading.Thread(target=store.find, args=("k", "a.gguf", fail, progress))
    second.start()
    while not progress.messages:
        second.join(0.01)
    may_end.set()
    first.join()
    second.join()
    assert progress.messages == [("waiting for another process that converts the same model", 0.0)]
    assert [model.key for model in store.clear()] == ["k"]


def test_what_killed_conversions_left_is_measured_and_cleared(store):
    store.find("k-1", "a.gguf", write, SILENT)
    shutil.copytree(store.folder / "k-1", store.folder / ".l-2-x_7" / "l-2")
    size = (store.folder / "k-1" / "contents.json").stat().st_size + 4
    (store.folder / "m.lock").touch()  # of a file that was refused
    assert store.measure_unfinished() == size
    assert store.clear_unfinished() == size
    assert store.measure_unfinished() == 0
    assert {left.name for left in store.folder.iterdir()} - {"k-1.lock"} == {"k-1"}


def test_a_conversion_that_runs_is_not_cleared(store):
    started, may_end = threading.Event(), threading.Event()

    def convert(folder):
        write(folder)
        started.set()
        assert may_end.wait(60)

    converting = threading.Thread(target=store.find, args=("k-1", "a.gguf", convert, SILENT))
    converting.start()
    assert started.wait(60)
    assert (store.measure_unfinished(), store.clear_unfinished()) == (4, 0)
    assert (store.folder / "k-1.lock").exists()
    may_end.set()
    converting.join()
    assert [model.key for model in store.list_models()] == ["k-1"]


@pytest.mark.parametrize("error", [OSError("it is damaged"), OSError(errno.ENOSPC, "it takes 9 MB")])
def test_only_what_the_system_refuses_is_the_cache_s_fault(store, error):
    """transformers raises OSError for models that it cannot read."""

    def refuse(folder):
        raise error

    with pytest.raises(OSError if error.errno is None else UnavailableError, match=error.strerror or str(error)):
        store.find("k", "a.gguf", refuse, SILENT)


def test_a_cache_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    message = rf"^'a.gguf' cannot be converted in {tmp_path}/file/x: .+; LMBENCH_CACHE=FOLDER names another cache$"
    with pytest.raises(UnavailableError, match=message):
        ConvertedModels(tmp_path / "file" / "x").find("k", "a.gguf", write, SILENT)
