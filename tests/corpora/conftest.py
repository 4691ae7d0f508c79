"""Fixtures for tests of the catalog: an empty cache and a mirror folder."""

import pytest

from lmbench.corpora.fetching import MIRROR


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache; no mirror."""
    monkeypatch.setenv("LMBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv(MIRROR, raising=False)
    return tmp_path / "cache"


@pytest.fixture
def own_mirror(tmp_path, monkeypatch):
    """An empty mirror folder."""
    monkeypatch.setenv(MIRROR, str(tmp_path / "mirror"))
    (tmp_path / "mirror").mkdir()
    return tmp_path / "mirror"
