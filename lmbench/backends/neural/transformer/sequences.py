"""Documents as sequences of ids, and how a network scores them.

Shapes in comments: B windows, S scored positions, C width, V ids, N scored events.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lmbench.arrays import Floats, Ids, Ints
from lmbench.backends.neural.log_softmax import target_logprobs
from lmbench.backends.neural.transformer.networks import Network
from lmbench.backends.neural.windows import UNSCORED, Windowing, last_window, score_sequences
from lmbench.ngrams.ids import UNKNOWN_ID
from lmbench.text.lexicon import Lexicon, lines_of_ids

BOS = "<|endoftext|>"
"""GPT-2's name of the event that is read before each document and is never a part of one."""

PAIR_MARK = "=>"
"""What stands between the source and the target of a pair, after a space."""

_BATCH_TOKENS = 2048


def id_count(lexicon: Lexicon) -> int:
    """Return the number of ids: the lexicon's types, and BOS above them."""
    return len(lexicon) + 1


def with_bos(lexicon: Lexicon, ids: Ids) -> Ints:
    """Return a document's ids after BOS."""
    return np.concatenate([[len(lexicon)], ids], dtype=np.int64)


def sequences_of(lexicon: Lexicon, ids: Ids, by_line: bool) -> list[Ints]:
    """Return the sequences of a document: its ids after BOS, or those of each line after a BOS of its own."""
    return [with_bos(lexicon, part) for part in (lines_of_ids(ids) if by_line else [ids])]


def mark_ids(lexicon: Lexicon) -> tuple[int, ...]:
    """Return the ids of the events that spell PAIR_MARK after a word; none if one of them is an unknown word."""
    (_, *ids) = lexicon.encode(f"a {PAIR_MARK}").ids.tolist()
    return () if UNKNOWN_ID in ids else tuple(ids)


def sequence_logprobs(network: Network, sequences: Sequence[Ints], windowing: Windowing) -> list[Floats]:
    """Return the log-probability (nats) of every id but the first of each sequence.

    Args:
        network: The network, in evaluation mode.
        sequences: The ids of each document.
        windowing: The windows in which they are scored.
    """
    return score_sequences(sequences, windowing, _BATCH_TOKENS, partial(_score_batch, network))


@torch.inference_mode()
def next_logprobs(network: Network, sequence: Ints, windowing: Windowing) -> Floats:
    """Return the log-probability (nats) of each id after a sequence, (V,), as `sequence_logprobs` would score it."""
    ids, scored = last_window(sequence, windowing)
    logits: Tensor = network(_on_device(network, ids[None]), scored)[0, -1]  # (V,)
    return logits.double().log_softmax(-1).cpu().numpy()


@torch.inference_mode()
def _score_batch(network: Network, inputs: Ints, targets: Ints) -> Floats:
    is_scored = targets != UNSCORED
    context = int(is_scored.any(axis=0).argmax())  # events of each window that are not scored
    states = network.states(_on_device(network, inputs), targets.shape[1] - context)  # (B, S, C)
    wanted = states[_on_device(network, is_scored[:, context:])]  # (N, C)
    logprobs = target_logprobs(wanted, network.tokens.weight, _on_device(network, targets[is_scored]))  # (N,)
    return logprobs.double().cpu().numpy()


def _on_device(network: Network, array: NDArray[Any]) -> Tensor:
    return torch.from_numpy(array).to(network.device)
