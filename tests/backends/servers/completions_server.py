"""A small server of the completions API over a known distribution, which can be told to misbehave."""

import json
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import numpy as np

from lmbench.text.tokenizers import PRINTABLE

BOS = "<s>"
_WORDS = ("the", " the", " cat", " sat", " on", " lazy", "\n", "中", " 中", "文", " a", "One", "and", "bytes:")
TOKENS = [bytes((byte,)) for byte in range(256)] + [word.encode() for word in _WORDS if len(word.encode()) > 1]
TOKENS += ["漢".encode()[:2], "🙂".encode()[:2], "🙂".encode()[2:], b" " + "é".encode()[:1]]
VOCABULARY = len(TOKENS)
_WHOLE = [i for i, token in enumerate(TOKENS) if "\ufffd" not in token.decode(errors="replace")]  # may be generated
_IDS = {token: i for i, token in enumerate(TOKENS)}

Body = dict
Trick = Callable[["Handler", Body, Body], bool]
"""Gets the handler, the request and the honest answer, which it may change; returns whether it sent one itself."""


def tokenize(text: bytes) -> list[int]:
    """Split a text into the longest tokens."""
    ids, at = [], 0
    while at < len(text):
        size = next(size for size in range(8, 0, -1) if text[at : at + size] in _IDS and len(text) - at >= size)
        ids.append(_IDS[text[at : at + size]])
        at += size
    return ids


@cache
def log_distribution(before: int | None):
    """Return the log-probabilities, in nats, of all tokens after another one, or after nothing."""
    logits = np.random.default_rng(VOCABULARY if before is None else before).normal(scale=2, size=VOCABULARY)
    return logits - math.log(np.exp(logits).sum())


def name_like_openai(token: bytes) -> str:
    """Write the bytes of a token that is not a text."""
    try:
        return token.decode()
    except UnicodeDecodeError:
        return "bytes:" + "".join(chr(byte) if byte < 128 else f"\\x{byte:02x}" for byte in token)


def name_like_vllm(token: bytes) -> str:
    return token.decode(errors="replace")


def name_like_llama_cpp(token: bytes) -> str:
    return token.decode(errors="ignore")


def name_like_gpt2(token: bytes) -> str:
    return "".join(PRINTABLE[byte] for byte in token)


def name_like_sentencepiece(token: bytes) -> str:
    try:
        return token.decode().replace(" ", "▁")
    except UnicodeDecodeError:
        return "".join(f"<0x{byte:02X}>" for byte in token)


@dataclass
class CompletionsServer:
    """The server, which runs in a thread while its context lasts.

    Attributes:
        name: How tokens are named.
        adds_bos: Whether it puts a BOS before each prompt, and names it.
        shift: 1 if each token gets its log-probability from the distribution after it, as with some servers.
        tricks: What to do with the next requests; None to answer honestly.
        always: What to do with every other request.
        requests: The headers and bodies of all requests.
    """

    name: Callable[[bytes], str] = name_like_openai
    adds_bos: bool = False
    shift: int = 0
    tricks: deque[Trick | None] = field(default_factory=deque)
    always: Trick | None = None
    requests: list[tuple[dict[str, str], Body]] = field(default_factory=list)

    def __enter__(self):
        Handler.protocol_version = "HTTP/1.1"
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), type("BoundHandler", (Handler,), {"app": self}))
        self._http.daemon_threads = True
        Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self._http.shutdown()
        self._http.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}/v1"

    @property
    def prompts(self) -> list[str]:
        """All prompts, in the order in which they came."""
        prompts = [body["prompt"] for _, body in self.requests]
        return [text for prompt in prompts for text in (prompt if isinstance(prompt, list) else [prompt])]

    def complete(self, body: Body) -> Body:
        prompts = body["prompt"] if isinstance(body["prompt"], list) else [body["prompt"]]
        choices = [self._choose(prompt, body) | {"index": i} for i, prompt in enumerate(prompts)]
        return {"id": "cmpl-1", "object": "text_completion", "model": body["model"], "choices": choices}

    def _choose(self, prompt: str, body: Body) -> Body:
        text = prompt.removeprefix(BOS)
        begins = self.adds_bos + (text != prompt)
        ids: list[int | None] = [*tokenize(text.encode())]
        ids.append(max(_WHOLE, key=log_distribution(ids[-1] if ids else None).__getitem__))
        befores = [None, *ids]
        rows = [log_distribution(befores[i + self.shift]) for i in range(len(ids))]
        logprobs = [float(row[token]) for row, token in zip(rows, ids, strict=True)]
        best = [{self.name(TOKENS[int(row.argmax())]): float(row.max())} for row in rows]
        names = [BOS] * begins + [self.name(TOKENS[i]) for i in ids]
        values = [None] * begins + logprobs
        values[0] = None
        generated = TOKENS[ids[-1]].decode(errors="replace")
        if "prompt_logprobs" in body:
            pairs = zip(names[:-1], values[:-1], strict=True)
            listed = [value and {"7": {"logprob": value, "rank": 1, "decoded_token": name}} for name, value in pairs]
            return {"text": generated, "prompt_logprobs": listed, "logprobs": _listed(names[-1:], values[-1:])}
        listed = _listed(names, values) | {"top_logprobs": [None] * begins + best}
        return {"text": prompt + generated, "logprobs": listed, "finish_reason": "length"}


class Handler(BaseHTTPRequestHandler):
    """Answers requests for `app`."""

    app: CompletionsServer

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.app.requests.append((dict(self.headers), body))
        trick = self.app.tricks.popleft() if self.app.tricks else self.app.always
        answer = self.app.complete(body)
        if trick is None or not trick(self, body, answer):
            self.send(200, json.dumps(answer).encode())

    def send(self, status: int, content: bytes, **headers: str):
        """Send an answer. An underscore in the name of a header stands for a hyphen."""
        self.send_response(status)
        for header, value in ({"Content_Length": str(len(content))} | headers).items():
            self.send_header(header.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


def failing(status: int, message: str = "no", **headers: str) -> Trick:
    """Answer with an error."""

    def fail(handler: Handler, _body: Body, _answer: Body) -> bool:
        handler.send(status, json.dumps({"error": {"message": message}}).encode(), **headers)
        return True

    return fail


def sending(content: bytes) -> Trick:
    """Answer with this content."""

    def send(handler: Handler, _body: Body, _answer: Body) -> bool:
        handler.send(200, content)
        return True

    return send


def changing(change: Callable[[Body], None]) -> Trick:
    """Change each choice of the honest answer."""

    def apply(_handler: Handler, _body: Body, answer: Body) -> bool:
        for choice in answer["choices"]:
            change(choice)
        return False

    return apply


def close(handler: Handler, _body: Body, _answer: Body) -> bool:
    """Close the connection without an answer."""
    handler.close_connection = True
    return True


def stop_in_the_middle(handler: Handler, _body: Body, answer: Body) -> bool:
    """Send the first half of an answer."""
    content = json.dumps(answer).encode()
    handler.send(200, content[: len(content) // 2], Content_Length=str(len(content)))
    handler.close_connection = True
    return True


def _listed(names, values) -> Body:
    offsets = np.cumsum([0, *map(len, names)])[:-1].tolist()
    return {"tokens": names, "token_logprobs": values, "text_offset": offsets}
