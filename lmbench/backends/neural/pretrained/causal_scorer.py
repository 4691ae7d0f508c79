"""A tokenizer and a causal network that score documents."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lmbench.arrays import Floats, Ints
from lmbench.backends.neural.pretrained.causal_network import CausalNetwork
from lmbench.backends.neural.pretrained.finite_logits import check_finite, check_logits
from lmbench.backends.neural.pretrained.hub_tokenizer import HubTokenizer, TokenizedText
from lmbench.backends.neural.pretrained.token_events import TokenEvents
from lmbench.backends.neural.windows import Window, score_sequences, strided_windows
from lmbench.errors import ScoreError
from lmbench.prediction import Prediction
from lmbench.score import Score, clip_rounding
from lmbench.state import NextEvents


@dataclass(frozen=True)
class CausalScorer:
    """Scores documents in strided windows.

    Attributes:
        tokenizer: Splits the documents.
        network: Predicts tokens.
        bos: The ids that precede every document: one or none.
        context: The number of tokens in a window.
        stride: The number of tokens by which windows move.
        batch_tokens: The number of tokens to score at once.
        history: The number of tokens that are read before each token; None: those that the windows hold.
    """

    tokenizer: HubTokenizer
    network: CausalNetwork
    bos: Ints
    context: int
    stride: int
    batch_tokens: int
    history: int | None = None

    def score(self, documents: Sequence[str]) -> list[Score]:
        """Return one Score for each document.

        Raises:
            ScoreError: The tokens do not spell a document, the model does not have a row for one of them, or a logit is
                not finite.
        """
        texts = [self.tokenizer.encode(document) for document in documents]
        logprobs = self._score_sequences([self.sequence(text) for text in texts])
        scores = [self._score_of(text, known) for text, known in zip(texts, logprobs, strict=True)]
        checked = zip(scores, documents, strict=True)
        return [check_finite(score, document, self.network.model) for score, document in checked]

    def predict(self, document: str) -> Iterator[Prediction]:
        """Yield the distribution over each token of a document, in the windows in which the tokens are scored.

        Raises:
            ScoreError: As for `score`.
        """
        text = self.tokenizer.encode(document)
        for event, end, following in zip(text.ids.tolist(), text.ends.tolist(), self._follow(text), strict=False):
            yield Prediction(following, event, end)

    def follow(self, document: str) -> Iterator[tuple[NextEvents, int | None]]:
        """Yield the distribution over each token of a document and the token; then that over the next one and None.

        Raises:
            ScoreError: As for `score`.
        """
        text = self.tokenizer.encode(document)
        return zip(self._follow(text), [*text.ids.tolist(), None], strict=True)

    def warm_up(self) -> None:
        """Run everything once, since libraries set themselves up on first use.

        Ids are given, since a small vocabulary may not have a token for a given text.
        """
        self._score_sequences([np.append(self.bos, [0, 0])])

    def sequence(self, text: TokenizedText) -> Ints:
        """Return the ids that the network reads: BOS, if there is one, and the text's.

        Raises:
            ScoreError: The model does not have a row for one of them.
        """
        sequence = np.concatenate([self.bos, text.ids])
        beyond = sequence[sequence >= self.network.model.get_input_embeddings().num_embeddings]
        if len(beyond):
            path, name = self.network.model.name_or_path, self.tokenizer.names[beyond[0]]
            raise ScoreError(
                f"the tokenizer of '{path}' produces the token {name!r}, but its model does not have a row for it"
            )
        return sequence

    def windowing(self, inputs: Ints) -> Iterator[Window]:
        """Yield the windows that score the events after each of these ids."""
        if self.history is not None:
            return strided_windows(len(inputs), self.history, stride=1)
        return strided_windows(len(inputs), self.context, self.stride)

    @property
    def first_logprob(self) -> float:
        """The log-probability (nats) of any first token if no BOS precedes it."""
        return -math.log(self.network.rows)

    @cached_property
    def events(self) -> TokenEvents:
        """The names and spellings of the network's events. Those at which the library's `generate` stops end a text."""
        end = self.network.model.generation_config.eos_token_id
        ends = end if isinstance(end, list) else [end]
        ids = [end for end in ends if isinstance(end, int)]
        return TokenEvents.of_rows(self.network.rows, self.tokenizer, ids)

    @cached_property
    def first_events(self) -> TokenEvents:
        """The names and spellings of the events that may begin a text."""
        return self.events.without_space() if self.tokenizer.adds_space else self.events

    def _follow(self, text: TokenizedText) -> Iterator[NextEvents]:
        """Yield the distribution over each token of a text, and that after the last one."""
        events = self.first_events
        for logprobs in self._distributions(self.sequence(text)):
            yield NextEvents(events.names, logprobs, events.spellings)
            events = self.events

    def _distributions(self, sequence: Ints) -> Iterator[Floats]:
        """Yield the log-probabilities (V,) of the tokens that follow each id of a sequence, in nats.

        Without a BOS, those of any first token come first.
        """
        if not len(self.bos):
            yield np.full(self.network.rows, self.first_logprob)
        for window in self.windowing(sequence):
            for logits in self.network.logits(sequence[None, window.start : window.end], window.context):
                check_logits(logits, self.network.model)
                yield logits.double().log_softmax(-1).cpu().numpy()

    def _score_sequences(self, sequences: Sequence[Ints]) -> list[Floats]:
        return score_sequences(sequences, self.windowing, self.batch_tokens, self.network.logprobs)

    def _score_of(self, text: TokenizedText, known: Floats) -> Score:
        first = np.full(len(text.ids) - len(known), self.first_logprob)  # empty if there is a BOS
        return Score(text.ends, np.concatenate([first, clip_rounding(known)]), np.zeros(len(text.ids)))
