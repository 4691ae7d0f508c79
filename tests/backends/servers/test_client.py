import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from lmbench.backends.servers.client import Client
from lmbench.backends.servers.options import ServerOptions
from lmbench.backends.servers.pace import Pace
from lmbench.backends.servers.server import Server
from lmbench.errors import ScoreError, UnavailableError
from tests.backends.servers.completions_server import (
    CompletionsServer,
    close,
    failing,
    sending,
    stop_in_the_middle,
)

KEY = "sk-very-secret"


def _complete(server, *prompts, **options):
    given = {"model": "tiny", "url": server.url, "pause": 0.001} | options
    with Client(ServerOptions(**given), Pace(0)) as client:
        return client.complete(prompts or ("the cat",))


@pytest.mark.parametrize(
    "trick",
    [
        failing(429),
        failing(429, Retry_After="soon"),
        failing(500),
        failing(503),
        close,
        stop_in_the_middle,
        sending(b"<html>busy</html>"),
        sending(b'{"choices": []}'),
    ],
)
def test_a_server_in_trouble_is_asked_again(server, trick) -> None:
    server.tricks.extend([trick, trick])
    [answer] = _complete(server)
    assert answer.names[:2] == ("the", " cat")
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("trick", "message"),
    [
        (failing(429, "slow down"), "HTTP 429: slow down"),
        (failing(500, "oh\nno"), "HTTP 500: oh no"),
        (close, "disconnected"),
        (stop_in_the_middle, "closed connection"),
        (sending(b"{"), "not JSON"),
        (sending(b'{"choices": []}'), "0 answers to 1 prompts"),
    ],
)
def test_a_server_that_stays_in_trouble_is_given_up(server, trick, message) -> None:
    server.always = trick
    with pytest.raises(UnavailableError, match=rf"{message}.*\(after 3 attempts\)"):
        _complete(server, attempts=3)
    assert len(server.requests) == 3


def test_the_server_says_how_long_to_wait(server) -> None:
    server.tricks.append(failing(429, Retry_After="1"))
    started = time.monotonic()
    _complete(server)
    assert time.monotonic() - started >= 1


def test_the_server_says_until_when_to_wait(server) -> None:
    server.tricks.append(failing(503, Retry_After=format_datetime(datetime.now(UTC) + timedelta(seconds=2), True)))
    started = time.monotonic()
    _complete(server)
    assert time.monotonic() - started >= 0.5  # dates have whole seconds


def test_a_wait_of_hours_is_not_waited_for(server) -> None:
    server.always = failing(429, "quota", Retry_After="7200")
    with pytest.raises(UnavailableError, match=r"asks to wait 7200 s \(HTTP 429: quota\)"):
        _complete(server)
    assert len(server.requests) == 1


def test_a_slow_answer_is_given_up(server) -> None:
    def drip(handler, _body, _answer):
        handler.send(200, b"{", Content_Length="1000")
        for _ in range(100):
            time.sleep(0.02)
            handler.wfile.write(b" ")
        return True

    server.always = drip
    with pytest.raises(UnavailableError, match=r"takes longer than 0\.3 s"):
        _complete(server, attempts=1, timeout=0.3)


def test_no_answer_is_given_up(server) -> None:
    def sleep(*_):
        time.sleep(1)
        return False

    server.always = sleep
    with pytest.raises(UnavailableError, match="timed out"):
        _complete(server, attempts=1, timeout=0.2)


def test_nobody_listens(server) -> None:
    with CompletionsServer() as other:
        url = other.url
    with pytest.raises(UnavailableError, match=r"refused.*\(after 2 attempts\)"):
        _complete(server, url=url, attempts=2)


@pytest.mark.parametrize(
    ("trick", "kind", "message"),
    [
        (failing(400, "maximum context length is 9 tokens"), ScoreError, "context length.*give a shorter context="),
        (failing(401, "bad key"), UnavailableError, "refuses the key of OPENAI_API_KEY"),
        (failing(404, "no such model"), UnavailableError, "no such model.*check url= and the model"),
        (failing(422, "echo"), ScoreError, "HTTP 422: echo"),
    ],
)
def test_a_refused_request_is_not_repeated(server, trick, kind, message) -> None:
    server.always = trick
    with pytest.raises(kind, match=message):
        _complete(server)
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_the_key_never_follows_a_redirect(server, monkeypatch, status) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with CompletionsServer() as other:
        server.always = failing(status, Location=f"{other.url}/completions")
        with pytest.raises(UnavailableError, match=f"redirects to {other.url}/completions, which gets no key"):
            _complete(server)
        assert other.requests == []
    assert len(server.requests) == 1


def test_the_key_is_sent_from_the_environment(server, monkeypatch) -> None:
    monkeypatch.setenv("MY_KEY", f" {KEY}\n")
    _complete(server, key_env="MY_KEY")
    _complete(server)
    headers = [headers.get("Authorization") for headers, _ in server.requests]
    assert headers == [f"Bearer {KEY}", None]


def test_a_key_that_is_missing_or_impossible_is_named_but_not_shown(server, monkeypatch) -> None:
    with pytest.raises(UnavailableError, match="variable MY_KEY of key_env= is not set"):
        _complete(server, key_env="MY_KEY")
    monkeypatch.setenv("MY_KEY", "sk-sécret")
    with pytest.raises(UnavailableError, match="MY_KEY does not hold a key") as caught:
        _complete(server, key_env="MY_KEY")
    assert "cret" not in str(caught.value)
    assert server.requests == []


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500])
def test_a_key_that_the_server_repeats_is_hidden(server, monkeypatch, status) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    server.always = failing(status, f"incorrect key: {KEY}")
    with pytest.raises((ScoreError, UnavailableError), match=r"incorrect key: \*\*\*") as caught:
        _complete(server, attempts=1)
    assert KEY not in str(caught.value)


def test_long_messages_are_cut(server) -> None:
    server.always = failing(400, "x" * 5000)
    with pytest.raises(ScoreError) as caught:
        _complete(server)
    assert len(str(caught.value)) < 500


def test_a_message_that_is_nested_too_deeply(server) -> None:
    server.always = lambda handler, *_: handler.send(400, b"[" * 9000) or True
    with pytest.raises(ScoreError, match="HTTP 400"):
        _complete(server)


def test_several_prompts_share_a_request(server) -> None:
    answers = _complete(server, "the cat", " sat")
    assert [answer.names[0] for answer in answers] == ["the", " sat"]
    assert len(server.requests) == 1


def test_requests_keep_the_rate(server) -> None:
    options, started = ServerOptions(model="tiny", url=server.url, rate=600), time.monotonic()
    asked = Server(options)
    for text in "abcd":
        asked.ask([text])
    assert time.monotonic() - started >= 0.3


def test_an_address_that_is_none(server) -> None:
    with pytest.raises(UnavailableError, match="correct url="):
        _complete(server, url="http://a..b/v1")
