"""A language model behind a server, scored by the log-probabilities that the server gives the tokens of its prompts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import islice
from typing import ClassVar

import numpy as np

from lmbench.backends.servers.answers import Answer
from lmbench.backends.servers.options import ServerOptions
from lmbench.backends.servers.server import Manners, Server
from lmbench.backends.servers.text_windows import ScoredTokens, TextWindow, join_windows, text_windows
from lmbench.errors import ScoreError, SpecError
from lmbench.model import LanguageModel, ModelOptions, Traits
from lmbench.progress import SILENT, Progress
from lmbench.score import Score
from lmbench.signature import Signature


class ServedModel(LanguageModel):
    """A model of any server with OpenAI's completions API that gives the log-probabilities of prompts, such as vLLM.

    It offers no next-event distribution, so it cannot be verified and cannot generate text.
    """

    Options: ClassVar[type[ModelOptions]] = ServerOptions
    options: ServerOptions
    traits = Traits(weights="pretrained", in_all=False, checked_in_runs=False, batch_characters=1 << 17, threads=1)

    def load(self, progress: Progress = SILENT) -> None:
        progress(f"asking {self.options.base_url}", 0.0)
        self._manners  # noqa: B018  (asks the server)

    def score(self, documents: Sequence[str]) -> list[Score]:
        self._manners  # noqa: B018  (nothing is sent to a server that gives no log-probabilities)
        texts = [document.encode() for document in documents]
        windows = [list(text_windows(text, self.options.context, self.options.bytes_moved)) for text in texts]
        parts = [text[w.start : w.stop] for text, group in zip(texts, windows, strict=True) for w in group]
        answers = iter(self._server.ask([part.decode() for part in parts]))
        return [
            self._score_document(text, group, islice(answers, len(group)))
            for text, group in zip(texts, windows, strict=True)
        ]

    def signature(self) -> Signature:
        vocabulary = self.options.vocabulary
        return Signature.of(
            model=self.options.model,
            url=self.options.base_url,
            ask=self.options.ask,
            bos=(self._manners.bos or "unnamed")
            if self._manners.leading
            else f"none, the first token costs log {vocabulary}",
            context=f"{self.options.context} bytes",
            stride=f"{self.options.bytes_moved} bytes",
            tok="server",
        )

    @property
    def score_tolerance(self) -> float:
        """Nats by which equal scores may differ: servers compute in bfloat16, in batches with other requests."""
        return 0.25

    @cached_property
    def _server(self) -> Server:
        return Server(self.options)

    @cached_property
    def _manners(self) -> Manners:
        """How the server presents tokens.

        Raises:
            SpecError: Nothing says what a document's first token costs.
        """
        manners = self._server.learn_manners()
        if not manners.leading and not self.options.vocabulary:
            raise SpecError(
                "the server gives a text's first token no log-probability; give a token to put before it, such as "
                "bos=<|endoftext|>, or the number of the model's tokens as vocabulary=V, and the first one costs log V"
            )
        if manners.leading and self.options.vocabulary:
            raise SpecError(f"vocabulary= does nothing: each request begins with the BOS {manners.bos!r}; leave it out")
        return manners

    def _score_document(self, text: bytes, windows: Sequence[TextWindow], answers: Iterator[Answer]) -> Score:
        if not windows:
            empty = np.zeros(0)
            return Score(empty.astype(np.int64), empty, empty)
        parts = [self._read(text, window, answer) for window, answer in zip(windows, answers, strict=True)]
        whole = join_windows(windows, parts)
        return Score(whole.ends, whole.logprobs, np.zeros(len(whole.ends)))

    def _read(self, text: bytes, window: TextWindow, answer: Answer) -> ScoredTokens:
        """Return the tokens of a window.

        Raises:
            ScoreError: They do not spell it, or one of them has no log-probability.
        """
        manners, part = self._manners, text[window.start : window.stop]
        ends = manners.spell(answer, part)
        if ends is None:
            raise ScoreError(
                f"the server's {len(answer.names)} tokens do not spell the text from byte {window.start} to "
                f"{window.stop}; the document cannot be scored"
            )
        known = answer.checked_logprobs(1, manners.leading + len(ends))
        if not manners.leading:  # no server knows what the first token costs
            known = np.insert(known, 0, math.nan if window.start else -math.log(self.options.vocabulary))
        return ScoredTokens(ends + window.start, known)
