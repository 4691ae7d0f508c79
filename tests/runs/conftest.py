"""A small corpus, and models that behave well or break in one way each."""

import pytest

from lmbench import Corpus, Split
from tests.plugins import MODELS, installed


@pytest.fixture
def corpus():
    return Corpus("toy", Split(("a b\n",) * 9), Split(("a b\n",)), Split(("a b\n", "b 中\n")), provenance="lines")


@pytest.fixture
def plugins(tmp_path):
    names = ("Good", "Raises", "Dies", "TooLikely", "Absent", "Hungry", "Shows")
    with installed(tmp_path / "plugins", {name.lower(): f"plugin_module:{name}" for name in names}, MODELS):
        yield


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    """Keep no fitted models and verdicts of other tests."""
    monkeypatch.setenv("LMBENCH_CACHE", str(tmp_path / "cache"))
