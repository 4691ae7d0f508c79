"""A completions server: answers from the store, or from the server, and the proof that they can be trusted."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lmbench.arrays import Ints
from lmbench.backends.servers.answer_store import AnswerStore
from lmbench.backends.servers.answers import Answer
from lmbench.backends.servers.options import ServerOptions
from lmbench.backends.servers.pace import Pace
from lmbench.backends.servers.token_ends import spell
from lmbench.cache_folder import answers_file
from lmbench.errors import ScoreError, UnavailableError

if TYPE_CHECKING:
    from lmbench.backends.servers.client import Client

_FORMAT = 1  # of stored answers; raise it if requests or answers change
_PROBES = (  # two pairs with the same beginnings
    "The quick brown fox jumps over the lazy",
    "The quick brown fox jumps into a",
    "Once upon a time there was a",
    "Once upon a time there lived two",
)
_TOLERANCE = 0.25  # nats by which a log-probability may differ between two requests: that of bfloat16


@dataclass(frozen=True, slots=True)
class Manners:
    """How a server presents its tokens.

    Attributes:
        leading: The number of tokens before those of the text: 1 with a BOS, else 0.
        bos: The name of the BOS; "" if there is none, or the server does not name it.
        space: The space that the server puts before a text, or nothing.
    """

    leading: int
    bos: str
    space: bytes

    def spell(self, answer: Answer, text: bytes) -> Ints | None:
        """Return the ends of the tokens of a text in an answer, BOS left out.

        None if they do not spell it, or if it is uncertain which tokens do.
        """
        read = (spell(answer.names[self.leading : size], self.space + text) for size in answer.sizes)
        found = [ends for ends in read if ends is not None]
        return (found[0] - len(self.space)).clip(0) if len(found) == 1 else None


class Server:
    """Answers prompts. Each answer is stored as it arrives, and asked for only once.

    Args:
        options: The server, and how to ask it.
    """

    def __init__(self, options: ServerOptions) -> None:
        self._options = options
        self._store = AnswerStore(answers_file())
        self._pace = Pace(options.rate)
        self._has_stored = False

    def ask(self, texts: Sequence[str]) -> list[Answer]:
        """Return the answer to each text, which follows the BOS of the options.

        Raises:
            UnavailableError: The server cannot be reached, or stays in trouble.
            ScoreError: It does not give log-probabilities of prompts.
        """
        keys = [self._key(text) for text in texts]
        answers = self._store.find(list(dict.fromkeys(keys)))
        self._has_stored |= bool(answers)
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in answers}
        if missing:
            answers |= self._request(list(missing.items()))
        return [answers[key] for key in keys]

    def learn_manners(self) -> Manners:
        """Find out how the server presents tokens, and check that its log-probabilities are those of the tokens.

        Raises:
            UnavailableError: The server cannot be reached, or stays in trouble.
            ScoreError: The tokens do not spell a text, or the log-probabilities are not theirs.
        """
        answers = self.ask(_PROBES)
        manners = self._find_manners(answers[0], _PROBES[0].encode())
        self._check_generated(manners, answers)
        for one, other in zip(answers[::2], answers[1::2], strict=True):
            _check_best(one, other)
        return manners

    def _find_manners(self, answer: Answer, text: bytes) -> Manners:
        bos = self._options.bos
        for leading in (1,) if bos else (0, 1):
            name = (answer.names[0] or "") if leading else ""
            for space in (b"", b" "):
                manners = Manners(leading, name, space)
                if (not bos or name in (bos, "")) and manners.spell(answer, text) is not None:
                    return manners
        needs_bos = self._options.ask == "prompt_logprobs" and not bos
        raise ScoreError(
            f"the server's tokens {_show(answer)} do not spell the prompt {bos + text.decode()!r}: it gives no "
            "log-probabilities of prompts, or names their tokens in an unknown way"
            + ("; ask=prompt_logprobs needs a BOS, such as bos=<s>" if needs_bos else "")
        )

    def _check_generated(self, manners: Manners, answers: Sequence[Answer]) -> None:
        """Check that a token has the same log-probability when it is generated and when it is a part of the prompt.

        A server whose log-probabilities belong to other tokens would otherwise be scored by chance.
        """
        pairs = [
            (probe, answer)
            for probe, answer in zip(_PROBES, answers, strict=True)
            if answer.generated and "\ufffd" not in answer.generated
        ]
        again = self.ask([probe + answer.generated for probe, answer in pairs])
        compared = [
            _compare(manners, probe, answer, longer) for (probe, answer), longer in zip(pairs, again, strict=True)
        ]
        found = [pair for pair in compared if pair is not None]
        if not found:
            raise ScoreError(
                "the server does not say how probable the token was that it generated, so nothing shows that its "
                "log-probabilities belong to their tokens"
            )
        for generated, read in found:
            if abs(generated - read) > max(_TOLERANCE, abs(generated) * 0.05):
                raise ScoreError(
                    f"the server gives a token the log-probability {generated:.3f} when it generates it and {read:.3f} "
                    "when it is the end of a prompt: its log-probabilities do not belong to their tokens"
                )

    def _request(self, missing: Sequence[tuple[str, str]]) -> dict[str, Answer]:
        """Return the answers to texts by key, several requests at a time."""
        from lmbench.backends.servers.client import Client  # not at the top: it imports an HTTP library

        size = self._options.batch
        batches = [missing[start : start + size] for start in range(0, len(missing), size)]
        answers: dict[str, Answer] = {}
        with Client(self._options, self._pace) as client, ThreadPoolExecutor(self._options.concurrency) as pool:
            futures = [pool.submit(self._complete, client, batch) for batch in batches]
            try:
                for future in as_completed(futures):
                    answers |= future.result()
            finally:
                client.stop()
                pool.shutdown(cancel_futures=True)
        return answers

    def _complete(self, client: Client, batch: Sequence[tuple[str, str]]) -> dict[str, Answer]:
        try:
            received = client.complete([self._options.bos + text for _, text in batch])
        except UnavailableError as error:
            advice = "; answers so far are stored, so the same command continues" if self._has_stored else ""
            raise UnavailableError(f"{error}{advice}") from error
        answers = {key: answer for (key, _), answer in zip(batch, received, strict=True)}
        self._store.keep(answers)
        self._has_stored = True
        return answers

    def _key(self, text: str) -> str:
        """Return the key of an answer: a hash of everything that it depends on."""
        options = self._options
        parts = [_FORMAT, options.base_url, options.model, options.ask, options.bos + text]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _compare(manners: Manners, probe: str, answer: Answer, longer: Answer) -> tuple[float, float] | None:
    """Return the log-probability of a token as it was generated, and as the end of a prompt.

    None if the longer prompt does not end with this token.
    """
    short, ends = manners.spell(answer, probe.encode()), manners.spell(longer, (probe + answer.generated).encode())
    if short is None or ends is None or ends[:-1].tolist() != short.tolist():
        return None
    at = manners.leading + len(short)
    if len(answer.names) != at + 1:
        return None
    [generated], [read] = answer.checked_logprobs(at, at + 1), longer.checked_logprobs(at, at + 1)
    return float(generated), float(read)


def _check_best(one: Answer, other: Answer) -> None:
    """Check that the most probable token in the place of the first difference of two prompts is equally probable.

    It depends on the tokens before, which are the same. A server that shifts its log-probabilities by one token gives
    those of the place after it. Servers that do not list the most probable tokens are not checked.
    """
    place = next((i for i, pair in enumerate(zip(one.names, other.names, strict=False)) if len(set(pair)) > 1), None)
    if place is None or place >= min(len(one.best), len(other.best)):
        return
    first, second = one.best[place], other.best[place]
    if first is not None and second is not None and not abs(first - second) <= _TOLERANCE:
        raise ScoreError(
            f"after the same text, the server gives the most probable token the log-probability {first:.3f} or "
            f"{second:.3f}, depending on what follows: its log-probabilities do not belong to their tokens"
        )


def _show(answer: Answer) -> str:
    """Return the first tokens of an answer, for a message."""
    return repr(list(answer.names[:6])) + ("" if len(answer.names) <= 6 else " …")
