import errno
import shutil

import pytest

from lmbench import atomic
from lmbench.errors import ResultsError


def fill_disk(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_file_is_replaced_once_it_is_complete(tmp_path):
    file = tmp_path / "folder/x"
    atomic.write(file, b"old")
    with atomic.replacing(file) as new:
        new.write(b"new")
        assert file.read_bytes() == b"old"
    assert file.read_bytes() == b"new"
    assert [path.name for path in file.parent.iterdir()] == ["x"]


def test_a_full_disk_leaves_the_old_file_and_the_error_names_the_path(tmp_path):
    atomic.write(tmp_path / "x", b"old")
    with (
        pytest.raises(ResultsError, match=r"cannot write .*/x: No space left on device"),
        atomic.replacing(tmp_path / "x") as file,
    ):
        fill_disk(file.write(b"ne"))
    assert (tmp_path / "x").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_a_folder_that_is_removed_while_a_file_is_written_is_one_error(tmp_path):
    with pytest.raises(ResultsError, match="No such file or directory"), atomic.replacing(tmp_path / "folder/x"):
        shutil.rmtree(tmp_path / "folder")


def test_a_new_folder_appears_whole_or_not_at_all(tmp_path):
    def create(folder):
        folder.mkdir()
        (folder / "a").write_text("a")
        assert not (tmp_path / "new").exists()

    assert atomic.write_new(tmp_path / "new", create) == [tmp_path / "new"]
    assert (tmp_path / "new/a").read_text() == "a"

    def create_half(folder):
        create(folder)
        fill_disk()

    shutil.rmtree(tmp_path / "new")
    with pytest.raises(ResultsError, match=r"cannot write .*/new: No space left on device"):
        atomic.write_new(tmp_path / "new", create_half)
    assert list(tmp_path.iterdir()) == []


def test_new_files_are_listed_by_name_and_the_main_one_last(tmp_path):
    def create(path):
        for ending in ("", *"hbfdgcea"):
            path.with_name(f"main{ending}").touch()

    written = atomic.write_new(tmp_path / "main", create)
    assert [path.name for path in written] == [*(f"main{ending}" for ending in "abcdefgh"), "main"]


def test_a_folder_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(ResultsError, match=r"cannot write .*/no/x: No such file or directory"):
        atomic.write_new(tmp_path / "no/x", lambda path: path.touch())
