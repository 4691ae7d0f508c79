import os

import numpy as np
import pytest

from lmbench.errors import SpecError
from lmbench.ngrams.workspace import Workspace, parse_size


@pytest.mark.parametrize("memory", [None, 1 << 20])
def test_arrays_grow_run_by_run(memory):
    workspace = Workspace(memory)
    column = workspace.growing(np.int32, 5)
    for run in ([1, 2], [], [3]):
        column.append(np.array(run, dtype=np.int64))
    array = column.finish()
    assert (array.dtype, array.tolist()) == (np.int32, [1, 2, 3])
    array[0] = 7
    assert array.tolist() == [7, 2, 3]
    assert workspace.growing(np.float32, 0).finish().tolist() == []
    assert workspace.full(100_000, 1, np.float32).sum() == 100_000


def test_files_are_removed_with_the_workspace(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    workspace = Workspace(1 << 20)
    array = workspace.full(3, 2, np.int32)
    assert list(tmp_path.rglob("*")) != []
    del workspace
    assert list(tmp_path.rglob("*")) == []
    assert array.tolist() == [2, 2, 2]


@pytest.mark.skipif(os.name != "posix", reason="a mapped file can only be removed on POSIX")
def test_mapped_files_are_removed_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    workspace = Workspace(1 << 20)
    array = workspace.full(3, 2, np.int32)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    array[0] = 7
    assert array.tolist() == [7, 2, 2]


def test_more_memory_allows_more_rows():
    assert Workspace(1 << 24).rows == 4 * Workspace(1 << 22).rows
    assert Workspace(1).rows > 1000


@pytest.mark.parametrize(
    ("text", "size"), [("1G", 2**30), ("512M", 2**29), ("1.5k", 1536), ("10", 10), ("2GiB", 2**31), ("3MB", 3 * 2**20)]
)
def test_sizes(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "G", "-1G", "1T", "0", "1 G", "0.1"])
def test_malformed_sizes_are_refused(text):
    with pytest.raises(SpecError, match="is not a size; write for example 512M or 1G"):
        parse_size(text)
