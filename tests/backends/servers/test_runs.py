"""Runs with models behind servers, as a user starts them."""

import pytest

from tests.backends.servers.completions_server import VOCABULARY, CompletionsServer, failing
from tests.cli.commands import lmbench

KEY = "sk-very-secret"


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("the cat sat on\nthe lazy 中文\n")
    return path


def test_the_key_is_in_no_file_and_on_no_screen(server, text, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    out = tmp_path / "run"
    with CompletionsServer() as other:
        other.always = failing(401, f"incorrect key: {KEY}")
        models = f"openai:good,url={server.url},vocabulary={VOCABULARY},openai:bad,url={other.url},vocabulary=9"
        result = lmbench("run", "--models", models, "--corpora", text, "--no-check", "--out", out)
    shown = result.stdout + result.stderr
    table = (out / "table.md").read_text()
    assert "incorrect key: \\*\\*\\*" in table
    assert f"url:{server.url}" in table
    assert KEY not in shown
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]


def test_a_server_that_cannot_be_reached_is_one_line(text) -> None:
    with CompletionsServer() as other:
        url = other.url
    result = lmbench("score", f"openai:tiny,url={url},attempts=1", text)
    assert result.returncode == 2
    assert result.stderr.splitlines()[-1].startswith(f"Error: {url}/completions fails: ")
    assert result.stderr.endswith(" (after 1 attempt)\n")  # no answers are stored


def test_it_cannot_generate_text_and_is_not_asked(server) -> None:
    result = lmbench("generate", f"openai:tiny,url={server.url},vocabulary={VOCABULARY}")
    assert result.returncode == 2
    assert result.stderr == "Error: ServedModel cannot generate text: the model offers no next-event distribution\n"
    assert not server.requests
