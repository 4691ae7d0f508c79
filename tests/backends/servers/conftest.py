"""A server for each test, and a cache of its own."""

import pytest

from lmbench.backends.servers.model import ServedModel
from lmbench.backends.servers.options import ServerOptions
from tests.backends.servers.completions_server import VOCABULARY, CompletionsServer


@pytest.fixture(autouse=True)
def _empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LMBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


@pytest.fixture
def server():
    with CompletionsServer() as running:
        yield running


@pytest.fixture
def serve(server):
    """Return a function that makes a model of the server, with options."""

    def make(**options) -> ServedModel:
        defaults = {"model": "tiny", "url": server.url, "pause": 0.001}
        if "bos" not in options and not server.adds_bos:
            defaults["vocabulary"] = VOCABULARY
        return ServedModel(ServerOptions(**defaults | options))

    return make
