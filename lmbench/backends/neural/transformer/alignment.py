"""The alignment of pairs: what the decoder of a target attended to in the source, as exhibits.

Shapes in comments: H heads, T events of the target, S ids of the source with BOS before them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import torch

from lmbench.arrays import Floats, Ints
from lmbench.backends.neural.transformer.networks import EncoderDecoder
from lmbench.backends.neural.transformer.sequences import BOS
from lmbench.backends.neural.windows import Window, find_mark
from lmbench.exhibit import Exhibit
from lmbench.text.lexicon import Lexicon

_PAIRS = 3
_LONGEST = 40  # events of a pair in a picture, unless all are longer

Pairs = tuple[tuple[int, ...], ...]
"""The ids of each pair, after BOS."""


def first_pairs(network: EncoderDecoder, sequences: Iterable[Ints]) -> Pairs:
    """Return the first pairs among sequences, as many as are shown."""
    pairs = [sequence for sequence in sequences if _is_pair(network, sequence)]
    shown = sorted(pairs, key=lambda sequence: len(sequence) > _LONGEST)[:_PAIRS]
    return tuple(tuple(sequence.tolist()) for sequence in shown)


def show_alignments(network: EncoderDecoder, lexicon: Lexicon, pairs: Pairs) -> list[Exhibit]:
    """Return the alignment of each pair as a heatmap with the events of the target in its rows.

    Args:
        network: An encoder-decoder that was trained on pairs.
        lexicon: Its lexicon.
        pairs: At least one pair.
    """
    weights = [attend_to_source(network, np.array(pair)) for pair in pairs]
    layer, head = choose_head(weights)
    place = f"layer {layer + 1}, head {head + 1}"
    return [
        _show(network, lexicon, pair, shares[layer, head], place) for pair, shares in zip(pairs, weights, strict=True)
    ]


def attend_to_source(network: EncoderDecoder, sequence: Ints) -> Floats:
    """Return how much each event of a pair's target attends to its source, (layers, H, T, S).

    Args:
        network: An encoder-decoder that was trained on pairs.
        sequence: The ids of a pair, after BOS.
    """
    window = _find_target(network, sequence)
    ids = torch.from_numpy(sequence[window.start : window.end]).to(network.device)
    weights = network.cross_weights(ids[None], window.end - window.first)  # (layers, 1, H, T, S)
    return weights[:, 0].double().cpu().numpy()


def choose_head(weights: Sequence[Floats]) -> tuple[int, int]:
    """Return the layer and the head that cover the source best, as heads specialize.

    A head covers a word as much as the event that attends to it most does. The first event of a source does not count
    if there are others: it is BOS, unless the source is longer than the context.

    Args:
        weights: The attention in some pairs, (layers, H, T, S) each.
    """
    words = [shares[..., 1:] if shares.shape[-1] > 1 else shares for shares in weights]
    covered = np.mean([shares.max(axis=2).mean(axis=-1) for shares in words], axis=0)  # (layers, H)
    layer, head = np.unravel_index(covered.argmax(), covered.shape)
    return int(layer), int(head)


def _show(network: EncoderDecoder, lexicon: Lexicon, pair: Sequence[int], shares: Floats, place: str) -> Exhibit:
    window = _find_target(network, np.array(pair))
    words = [BOS, *(lexicon.display(number) for number in pair[1:])]
    target = words[window.first + 1 : window.end + 1]
    return Exhibit(
        title=f"Alignment of {' '.join(words[1 : window.first + 1 - len(network.mark)])}",
        shows="what each event of the target (rows) attended to in the source (columns) when it was predicted: "
        f"{place}, which covers the source best",
        kind="heatmap",
        columns=("target", *words[window.start : window.first]),
        rows=tuple((word, *row) for word, row in zip(target, shares.round(3).tolist(), strict=True)),
        unit="share of attention",
    )


def _is_pair(network: EncoderDecoder, sequence: Ints) -> bool:
    """Return whether a sequence has a source and at least one event of a target."""
    return len(network.mark) < find_mark(sequence[:-1], network.mark) < len(sequence) - 1


def _find_target(network: EncoderDecoder, sequence: Ints) -> Window:
    """Return the window that predicts the first events of a pair's target from its source."""
    inputs = sequence[:-1]
    border = find_mark(inputs, network.mark)
    return next(window for window in network.windows(inputs, network.shape.context) if window.first == border)
