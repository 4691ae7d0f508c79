"""The metadata of packages are read once, and again if packages are installed or removed."""

import shutil
import sys

import pytest

from lmbench import entry_points
from lmbench.entry_points import list_entries
from tests.plugins import installed

GROUP = "lmbench.tests"


def names():
    return [(entry.point.name, entry.origin, entry.version) for entry in list_entries(GROUP)]


def add(folder, name):
    with installed(folder, {name: "plugin_module:Good"}, name=f"{name}-plugin", group=GROUP):
        pass


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return a folder of packages, with one in it."""
    add(tmp_path, "first")
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_metadata_are_read_once(folder, monkeypatch):
    before = names()
    assert before == [("first", "first-plugin", "1.2")]

    def read(**_):
        pytest.fail("the metadata were read again")

    monkeypatch.setattr(entry_points, "entry_points", read)
    assert names() == before


def test_packages_are_found_after_they_are_installed_and_not_after_they_are_removed(folder):
    before = names()
    add(folder, "second")
    assert sorted(names()) == [*before, ("second", "second-plugin", "1.2")]
    shutil.rmtree(folder / "second_plugin-1.2.dist-info")
    assert names() == before


def test_the_current_folder_is_the_one_that_is_current(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.path", ["", *sys.path])
    for name in ("here", "there"):
        add(tmp_path / name, name)
        monkeypatch.chdir(tmp_path / name)
        assert names() == [(name, f"{name}-plugin", "1.2")]
    monkeypatch.chdir(tmp_path)
    assert names() == []
