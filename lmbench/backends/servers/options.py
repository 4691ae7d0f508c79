"""The options of a model behind a server."""

from __future__ import annotations

import re
from typing import ClassVar, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, JsonValue, model_validator

from lmbench.backends.servers.text_windows import SHORTEST_OVERLAP, largest_stride
from lmbench.model import ModelOptions
from lmbench.spec import Seconds

DEFAULT_KEY = "OPENAI_API_KEY"
"""The environment variable of the key, unless the options name another one."""


class ServerOptions(ModelOptions):
    """Options of the openai model."""

    positional: ClassVar[str | None] = "model"

    model: str = Field(min_length=1, description="the model's name at the server")
    url: str = Field(min_length=1, description="address of the API, such as http://localhost:8000/v1")
    key_env: str = Field(DEFAULT_KEY, description="environment variable that holds the key, if the server needs one")
    ask: Literal["echo", "prompt_logprobs"] = Field(
        "echo",
        description="how to ask for log-probabilities: echo (OpenAI's), or prompt_logprobs (vLLM's; needs a BOS)",
    )
    bos: str = Field("", description="text of an uncounted token before each request, such as <|endoftext|>")
    vocabulary: int = Field(
        0, ge=0, description="number of the model's tokens V; without a BOS, a document's first token costs log V"
    )
    context: int = Field(4096, ge=4 * SHORTEST_OVERLAP, description="bytes of text in a request")
    stride: int = Field(0, ge=0, description="bytes by which requests move; 0: half the context")
    batch: int = Field(1, ge=1, description="texts in a request; some servers take only one")
    concurrency: int = Field(8, ge=1, le=256, description="requests at the same time")
    rate: float = Field(0, ge=0, description="requests a minute at most; 0: as many as the server answers")
    timeout: Seconds = Field(120, gt=0, description="how long to wait for an answer, such as 90s or 5m")
    attempts: int = Field(6, ge=1, description="how often to send a request that fails for the moment")
    pause: Seconds = Field(1, ge=0, description="the pause before the second attempt; it doubles each time")

    @model_validator(mode="after")
    def _check(self) -> Self:
        """Refuse options that cannot work. The messages repeat no value, because it may be a key."""
        if not re.fullmatch(r"[A-Za-z_]\w*", self.key_env, re.ASCII):
            raise ValueError("key_env= must be the name of an environment variable, not the key itself")
        _check_url(self.url)
        if self.stride > largest_stride(self.context):
            raise ValueError(f"stride= must be at most {largest_stride(self.context)} with context={self.context}")
        return self

    @property
    def endpoint(self) -> str:
        """The address to which requests are sent."""
        return f"{self.base_url}/completions"

    @property
    def base_url(self) -> str:
        """The address of the API, in one form."""
        return self.url.rstrip("/").removesuffix("/completions")

    @property
    def bytes_moved(self) -> int:
        """The number of bytes by which requests move."""
        return self.stride or self.context // 2

    def identity(self) -> dict[str, JsonValue]:
        """Return what the options say about the model; how requests are sent does not count."""
        return {
            "model": self.model,
            "url": self.base_url,
            "ask": self.ask,
            "bos": self.bos,
            "vocabulary": self.vocabulary,
            "context": self.context,
            "stride": self.bytes_moved,
        }


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        named = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        named = False
    if not named:
        raise ValueError("url= must be an address such as http://localhost:8000/v1")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise ValueError("url= is shown in results and must not hold a name, a key, '?' or '#'; use key_env= for a key")
