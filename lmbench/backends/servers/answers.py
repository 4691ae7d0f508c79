"""The answers of a completions API, and what of them can be trusted."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from lmbench.arrays import Floats
from lmbench.errors import ScoreError
from lmbench.score import clip_rounding

_IMPOSSIBLE = -9999.0  # what vLLM sends for a logarithm of 0, which JSON cannot hold

Asking = Literal["echo", "prompt_logprobs"]
"""How a request asks for the log-probabilities of its prompt."""


class IncompleteAnswerError(Exception):
    """An answer that is not whole, as a server or a proxy in trouble sends it."""


class Answer(BaseModel):
    """The tokens of a prompt, and of what the server generated after it.

    Attributes:
        names: (tokens,) how the server names each of them; None if it does not.
        logprobs: (tokens,) nats, as the server gave them; None if it gave none.
        best: (tokens,) nats, the log-probability of the most probable token in the place of each; None if unknown.
        sizes: How many of the tokens may be those of the prompt. The server lists a generated token after them, but
            perhaps not the one that ends a text.
        generated: The text that the server generated; "" if that is unknown.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")

    names: tuple[str | None, ...]
    logprobs: tuple[float | None, ...]
    best: tuple[float | None, ...] = ()
    sizes: tuple[int, ...]
    generated: str

    def checked_logprobs(self, first: int, stop: int) -> Floats:
        """Return the log-probabilities, in nats, of the tokens from `first` to before `stop`.

        Raises:
            ScoreError: The server gave a token none, or a number that is not one.
        """
        for i in range(first, stop):
            logprob = self.logprobs[i]
            if logprob is None:
                raise ScoreError(f"the server gives token {i} of a request ({self.names[i]!r}) no log-probability")
            if not math.isfinite(logprob) or logprob > 1e-5 or logprob <= _IMPOSSIBLE:
                raise ScoreError(
                    f"the server gives token {i} of a request ({self.names[i]!r}) the log-probability {logprob:g}, "
                    "which no possible token has"
                )
        return clip_rounding(np.array(self.logprobs[first:stop], dtype=np.float64))


def request_body(model: str, prompts: Sequence[str], asking: Asking) -> dict[str, JsonValue]:
    """Return the request for the log-probabilities of prompts, at temperature 1, which changes no server's numbers.

    One token is generated: some servers generate without end if they are asked for none, and its log-probability shows
    whether those of a prompt belong to their tokens.
    """
    body: dict[str, JsonValue] = {
        "model": model,
        "prompt": prompts[0] if len(prompts) == 1 else list(prompts),
        "max_tokens": 1,
        "temperature": 1.0,
        "top_p": 1.0,
        "n": 1,
        "seed": 0,
        "logprobs": 1,
        "stream": False,
    }
    return body | ({"echo": True} if asking == "echo" else {"prompt_logprobs": 0})


def parse_answers(content: bytes, prompts: Sequence[str], asking: Asking) -> list[Answer]:
    """Return the answer to each prompt of a request, in order.

    Raises:
        IncompleteAnswerError: The content is not JSON, or lacks an answer.
        ScoreError: The server does not give the log-probabilities of prompts.
    """
    try:
        choices = _Completion.model_validate_json(content).choices
    except ValidationError as error:
        if error.errors()[0]["type"] == "json_invalid":
            raise IncompleteAnswerError("its answer is not JSON") from error
        raise ScoreError(f"the server's answer is not one of the completions API: {_mismatch(error)}") from error
    if sorted(choice.index for choice in choices) != list(range(len(prompts))):
        raise IncompleteAnswerError(f"it sent {len(choices)} answers to {len(prompts)} prompts")
    parse = _parse_echo if asking == "echo" else _parse_prompt_logprobs
    ordered = sorted(choices, key=lambda choice: choice.index)
    return [parse(choice, prompt) for choice, prompt in zip(ordered, prompts, strict=True)]


class _Logprobs(BaseModel):
    tokens: list[str] | None = None
    token_logprobs: list[float | None] | None = None
    top_logprobs: list[Mapping[str, float] | None] | None = None


class _PromptToken(BaseModel):
    logprob: float
    decoded_token: str | None = None


class _Choice(BaseModel):
    index: int = 0
    text: str = ""
    finish_reason: str | None = None
    logprobs: _Logprobs | None = None
    prompt_logprobs: list[Mapping[str, _PromptToken] | None] | None = None


class _Completion(BaseModel):
    choices: list[_Choice]


def _mismatch(error: ValidationError) -> str:
    """Return in plain English what is wrong with an answer."""
    first = error.errors()[0]
    place = f"its field '{'.'.join(map(str, first['loc']))}'" if first["loc"] else "it"
    return f"{place} is missing" if first["type"] == "missing" else f"{place} {first['msg'].removeprefix('Input ')}"


def _parse_echo(choice: _Choice, prompt: str) -> Answer:
    names, logprobs = _tokens(choice)
    if not names:
        raise ScoreError("the server gives no log-probabilities: it ignores echo and logprobs, or does not allow them")
    generated = choice.text.removeprefix(prompt) if choice.text.startswith(prompt) else ""
    lists_generated = choice.finish_reason == "length" or not names[-1]
    sizes = (len(names) - 1,) if lists_generated else (len(names) - 1, len(names))
    tops = (choice.logprobs and choice.logprobs.top_logprobs) or []
    best = tuple(max(top.values()) if top else None for top in tops)
    return Answer(names=names, logprobs=logprobs, best=best, sizes=sizes, generated=generated)


def _parse_prompt_logprobs(choice: _Choice, prompt: str) -> Answer:
    if not choice.prompt_logprobs:
        raise ScoreError("the server gives no log-probabilities: it ignores prompt_logprobs, or does not allow them")
    names: list[str | None] = []
    logprobs: list[float | None] = []
    for candidates in choice.prompt_logprobs:
        if candidates is not None and len(candidates) != 1:
            raise ScoreError(
                f"the server gives {len(candidates)} tokens for one of a prompt; which one it is, is unknown"
            )
        token = next(iter(candidates.values())) if candidates else None
        names.append(token.decoded_token if token else None)
        logprobs.append(token.logprob if token else None)
    generated_names, generated_logprobs = _tokens(choice)
    return Answer(
        names=(*names, *generated_names),
        logprobs=(*logprobs, *generated_logprobs),
        sizes=(len(names),),
        generated=choice.text,
    )


def _tokens(choice: _Choice) -> tuple[tuple[str, ...], tuple[float | None, ...]]:
    """Return the names and log-probabilities in OpenAI's form.

    Raises:
        ScoreError: There are not as many of both.
    """
    names = (choice.logprobs and choice.logprobs.tokens) or []
    logprobs = (choice.logprobs and choice.logprobs.token_logprobs) or []
    if len(names) != len(logprobs):
        raise ScoreError(f"the server gives {len(logprobs)} log-probabilities for {len(names)} tokens")
    return tuple(names), tuple(logprobs)
