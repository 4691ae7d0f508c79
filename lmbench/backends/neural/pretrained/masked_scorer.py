"""A tokenizer and a masked network that score documents by pseudo-log-likelihoods."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from transformers import AutoModelForMaskedLM

from lmbench.arrays import Floats, Ints
from lmbench.backends.neural.pretrained.finite_logits import check_finite
from lmbench.backends.neural.pretrained.hub_model import HubLoader, naming_model, positions
from lmbench.backends.neural.pretrained.hub_tokenizer import byte_ends, tokenize
from lmbench.errors import SpecError, UnavailableError
from lmbench.score import Score, clip_rounding

if TYPE_CHECKING:
    from lmbench.backends.neural.pretrained.masked import MaskedOptions

_DEFAULT_CONTEXT = 512  # for models whose configuration does not limit the number of positions


@dataclass(frozen=True, slots=True)
class MaskedScorer:
    """A tokenizer and a masked network that score documents in segments.

    Attributes:
        tokenizer: The library's tokenizer.
        network: The library's network.
        prefix: The special tokens that precede every segment.
        suffix: The special tokens that follow every segment.
        context: The number of tokens in a segment, including the special ones.
        memory: MiB for the logits that are computed at once.
    """

    tokenizer: Any
    network: Any
    prefix: Ints
    suffix: Ints
    context: int
    memory: int

    def score(self, document: str) -> Score:
        """Return pseudo-log-likelihoods. A text without tokens, such as white space, is one event of cost 0.

        Raises:
            ScoreError: The tokenizer fails, or a logit is not finite.
        """
        encoding = tokenize(self.tokenizer, document)
        ids = np.array(encoding["input_ids"], dtype=np.int64)
        if not len(ids):
            ends = np.array([len(document.encode())] if document else [], dtype=np.int64)
            return Score(ends, np.zeros(len(ends)), np.zeros(len(ends)))
        size = self.context - len(self.prefix) - len(self.suffix)
        parts = [self._score_segment(ids[start : start + size]) for start in range(0, len(ids), size)]
        ends = byte_ends(document, encoding["offset_mapping"])
        score = Score(ends, clip_rounding(np.concatenate(parts)), np.zeros(len(ids)))
        return check_finite(score, document, self.network)

    def _score_segment(self, ids: Ints) -> Floats:
        """Return the log-probability (nats) of each id of a segment (T,), each masked alone in a copy of it."""
        segment = np.concatenate([self.prefix, ids, self.suffix])
        places = np.arange(len(self.prefix), len(self.prefix) + len(ids))
        return np.concatenate([self._predict_masked(segment, batch) for batch in self._batches(places, len(segment))])

    def _batches(self, places: Ints, length: int) -> Iterator[Ints]:
        """Yield the places to mask at once. The logits of their copies take most of the memory."""
        bytes_per_copy = 8 * length * self.network.config.vocab_size
        size = max(1, self.memory * 2**20 // bytes_per_copy)
        return (places[start : start + size] for start in range(0, len(places), size))

    @torch.inference_mode()
    def _predict_masked(self, segment: Ints, places: Ints) -> Floats:
        copies = torch.from_numpy(segment).to(self.network.device).repeat(len(places), 1)  # (B, T)
        rows, columns = torch.arange(len(places)), torch.from_numpy(places)
        wanted = copies[rows, columns]
        copies[rows, columns] = self.tokenizer.mask_token_id
        logits = self.network(copies).logits[rows, columns].double()  # (B, V)
        return logits.log_softmax(-1)[rows, wanted].cpu().numpy()  # type: ignore[no-any-return]


def load_scorer(loader: HubLoader, options: MaskedOptions) -> MaskedScorer:
    """Load the tokenizer and the weights of a model.

    Raises:
        UnavailableError: They are missing or cannot be loaded.
        SpecError: It is not a masked model, or the context is too short.
    """
    tokenizer = loader.load_tokenizer()
    _check_tokenizer(tokenizer, options.path)
    network = loader.load_network(AutoModelForMaskedLM)
    with naming_model(options.path):
        prefix, suffix = _special_tokens(tokenizer)
        limit = min(positions(network) or _DEFAULT_CONTEXT, tokenizer.model_max_length)
        context = int(min(options.context or limit, limit))
    if context <= len(prefix) + len(suffix):
        raise SpecError(f"a context of {context} has room only for special tokens; give a longer one")
    return MaskedScorer(tokenizer, network, prefix, suffix, context, options.memory)


def _check_tokenizer(tokenizer: Any, path: str) -> None:
    """Check that a tokenizer has a mask token and reports the ends of tokens.

    Raises:
        LmbenchError: It does not.
    """
    if tokenizer.mask_token_id is None:
        raise SpecError(f"the tokenizer of '{path}' does not have a mask token: this is not a masked model")
    if not tokenizer.is_fast:
        raise UnavailableError(f"the tokenizer of '{path}' does not report the ends of its tokens; use a fast one")


def _special_tokens(tokenizer: Any) -> tuple[Ints, Ints]:
    """Return the special tokens that the model expects before and after a text.

    Raises:
        ValueError: The tokenizer does not frame the tokens of a text with them.
    """
    bare, framed = (tokenizer("a", add_special_tokens=special)["input_ids"] for special in (False, True))
    first = next((i for i in range(len(framed)) if framed[i : i + len(bare)] == bare), None)
    if first is None:
        raise ValueError("its tokenizer changes the tokens of a text when it adds special ones")
    return np.array(framed[:first], dtype=np.int64), np.array(framed[first + len(bare) :], dtype=np.int64)
