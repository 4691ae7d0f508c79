"""Requests to a completions API: one host, few at a time, repeated while the server is in trouble."""

from __future__ import annotations

import json
import os
import ssl
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from types import TracebackType
from typing import Self

import httpx2
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    sleep_using_event,
    stop_after_attempt,
    stop_when_event_set,
    wait_exponential,
    wait_random,
)

from lmbench.backends.servers.answers import Answer, IncompleteAnswerError, parse_answers, request_body
from lmbench.backends.servers.options import DEFAULT_KEY, ServerOptions
from lmbench.backends.servers.pace import Pace
from lmbench.errors import LmbenchError, ScoreError, UnavailableError, one_line

_BUSY = frozenset({408, 409, 425, 429})  # as are all from 500
_LONGEST_PAUSE = 60.0  # seconds between two attempts, unless the server asks for more
_LONGEST_WAIT = 600.0  # seconds that a server may ask for
_LARGEST_ANSWER = 1 << 28  # bytes
_LONGEST_MESSAGE = 300  # characters of a server's message


class TransientError(Exception):
    """A failure that another attempt may not have.

    Attributes:
        wait: Seconds that the server asks to wait; 0 if it does not.
    """

    def __init__(self, message: str, wait: float = 0.0) -> None:
        super().__init__(message)
        self.wait = wait


class Client:
    """Sends requests to one address, from any number of threads. It never follows a redirect with the key.

    Args:
        options: The address and how to send requests.
        pace: How fast to send them; other clients may share it.

    Raises:
        UnavailableError: The options name a variable for the key that is not set.
    """

    def __init__(self, options: ServerOptions, pace: Pace) -> None:
        self._options = options
        self._key = _read_key(options.key_env)
        self._pace = pace
        self._closing = threading.Event()
        self._http = httpx2.Client(
            timeout=options.timeout,
            follow_redirects=False,
            headers={"Authorization": f"Bearer {self._key}"} if self._key else None,
            verify=_trusted_authorities(),
            limits=httpx2.Limits(max_connections=options.concurrency),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def stop(self) -> None:
        """Make no further attempts."""
        self._closing.set()

    def complete(self, prompts: Sequence[str]) -> list[Answer]:
        """Return the answer to each prompt of one request.

        Raises:
            UnavailableError: The server cannot be reached, refuses the key, or stays in trouble.
            ScoreError: It refuses the request, or does not give log-probabilities of prompts.
        """
        body = json.dumps(request_body(self._options.model, prompts, self._options.ask)).encode()
        retrying = Retrying(
            retry=retry_if_exception_type((TransientError, IncompleteAnswerError)),
            stop=stop_after_attempt(self._options.attempts) | stop_when_event_set(self._closing),
            wait=self._pause,
            sleep=sleep_using_event(self._closing),
            reraise=True,
        )
        try:
            return retrying(self._attempt, body, prompts)
        except (TransientError, IncompleteAnswerError) as error:
            count = retrying.statistics["attempt_number"]
            attempts = "1 attempt" if count == 1 else f"{count} attempts"
            raise UnavailableError(f"{self._options.endpoint} fails: {error} (after {attempts})") from error

    def _attempt(self, body: bytes, prompts: Sequence[str]) -> list[Answer]:
        self._pace.wait(self._closing)
        return parse_answers(self._post(body), prompts, self._options.ask)

    def _post(self, body: bytes) -> bytes:
        """Return the content of the answer to a request.

        Raises:
            TransientError: There is none at the moment.
            LmbenchError: The server refuses the request.
        """
        try:
            with self._http.stream(
                "POST", self._options.endpoint, content=body, headers={"Content-Type": "application/json"}
            ) as response:
                content = _read(response, self._options.timeout)
        except httpx2.RequestError as error:
            raise TransientError(self._describe(str(error) or type(error).__name__)) from error
        except (httpx2.InvalidURL, UnicodeError) as error:
            raise UnavailableError(f"{self._options.endpoint} is not an address: {error}; correct url=") from error
        if not response.is_success:
            raise self._failure(response, content)
        return content

    def _failure(self, response: httpx2.Response, content: bytes) -> TransientError | LmbenchError:
        """Return the error for an answer that is not a success."""
        status, said = response.status_code, self._describe(_message(content))
        what = f"HTTP {status}" + (f": {said}" if said else "")
        if status in _BUSY or status >= 500:
            return self._busy(what, _read_wait(response.headers.get("Retry-After", "")))
        if response.has_redirect_location:
            target = self._describe(response.headers["Location"])
            return UnavailableError(f"{self._options.endpoint} redirects to {target}, which gets no key; correct url=")
        if status in (401, 403):
            return UnavailableError(f"{self._options.endpoint} refuses the key of {self._options.key_env} ({what})")
        if status in (404, 405):
            return UnavailableError(
                f"{self._options.endpoint} or the model does not exist ({what}); check url= and the model"
            )
        return ScoreError(f"the server refuses a request ({what}); if it is too long, give a shorter context=")

    def _busy(self, what: str, wait: float) -> TransientError | LmbenchError:
        if wait > _LONGEST_WAIT:
            return UnavailableError(
                f"{self._options.endpoint} asks to wait {wait:.0f} s ({what}); run the same command later"
            )
        return TransientError(what, wait)

    def _pause(self, state: RetryCallState) -> float:
        """Return how many seconds to wait before the next attempt: what the server asks for, or longer each time."""
        error = state.outcome.exception() if state.outcome else None
        asked = error.wait if isinstance(error, TransientError) else 0.0
        pause = self._options.pause
        longer = wait_exponential(multiplier=pause, max=_LONGEST_PAUSE) + wait_random(0, pause)
        return max(asked, longer(state))

    def _describe(self, message: str) -> str:
        """Return what a server or library said, in one line and without the key."""
        line = one_line(message.replace(self._key, "***") if self._key else message)
        return line if len(line) <= _LONGEST_MESSAGE else f"{line[:_LONGEST_MESSAGE]}…"


@cache
def _trusted_authorities() -> ssl.SSLContext:
    """Return whose certificates to trust; reading them takes a fifth of a second."""
    return httpx2.create_ssl_context()


def _read_key(variable: str) -> str:
    """Return the key that an environment variable holds; "" if the default one is not set."""
    key = os.environ.get(variable, "").strip()
    if not key and variable != DEFAULT_KEY:
        raise UnavailableError(f"the environment variable {variable} of key_env= is not set")
    if not (key.isascii() and key.isprintable()):
        raise UnavailableError(
            f"the environment variable {variable} does not hold a key: a key has printable ASCII only"
        )
    return key


def _read(response: httpx2.Response, seconds: float) -> bytes:
    """Return the content of an answer that is neither too slow nor too large."""
    deadline, content = time.monotonic() + seconds, bytearray()
    for part in response.iter_bytes():
        content += part
        if time.monotonic() > deadline:
            raise TransientError(f"its answer takes longer than {seconds:g} s")
        if len(content) > _LARGEST_ANSWER:
            raise ScoreError(f"the server's answer has more than {_LARGEST_ANSWER} bytes; give a shorter context=")
    return bytes(content)


def _message(content: bytes) -> str:
    """Return the message of an error in one of the usual forms, or its text."""
    text = content[:10_000].decode(errors="replace")
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):  # RecursionError: it is nested too deeply
        return text
    for name in ("error", "message", "detail"):
        if isinstance(said, dict) and name in said:
            said = said[name]
    return said if isinstance(said, str) else json.dumps(said, ensure_ascii=False)


def _read_wait(header: str) -> float:
    """Return the seconds that a Retry-After header asks for, as a number or a date; 0 if it asks for nothing."""
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):  # TypeError: a date without a zone
        return 0.0
