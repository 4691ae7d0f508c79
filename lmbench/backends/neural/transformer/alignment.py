"""The alignment of pairs: what the decoder of a target attended to in the source, as exhibits.

Shapes in comments: H heads, T events of the target, S ids of the source with BOS before them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import torch

from lmbench.arrays import Floats, Ints
from lmbench.backends.neural.transformer.networks import EncoderDecoder, Network
from lmbench.backends.neural.transformer.sequences import BOS
from lmbench.backends.neural.windows import Window, find_mark
from lmbench.exhibit import Exhibit
from lmbench.text.lexicon import Lexicon

_PAIRS = 3
_LONGEST = 40  # events of a pair in a picture, unless all are longer

Pairs = tuple[tuple[int, ...], ...]
"""The ids of each pair, after BOS."""


def first_pairs(network: Network, sequences: Iterable[Ints]) -> Pairs:
    """Return the first pairs among sequences, as many as are shown; none for a network that does not know pairs."""
    pairs = [sequence for sequence in sequences if _find_target(network, sequence)]
    shown = sorted(pairs, key=lambda sequence: len(sequence) > _LONGEST)[:_PAIRS]
    return tuple(tuple(sequence.tolist()) for sequence in shown)


def align(network: EncoderDecoder, sequence: Ints, target: Window) -> Floats:
    """Return how much each event of a target attends to its source, (T, S): the mean of the last layer's heads.

    Args:
        network: An encoder-decoder that was trained on pairs.
        sequence: The ids of a pair, after BOS.
        target: The window that predicts the target.
    """
    ids = torch.from_numpy(sequence[target.start : target.end]).to(network.device)
    weights = network.cross_weights(ids[None], target.end - target.first)  # (layers, 1, H, T, S)
    return weights[-1, 0].mean(0).double().cpu().numpy()


def show_alignment(network: Network, lexicon: Lexicon, pair: Sequence[int]) -> Exhibit:
    """Return the alignment of a pair as a heatmap with the events of the target in its rows.

    Args:
        network: An encoder-decoder that was trained on pairs.
        lexicon: Its lexicon.
        pair: The ids of a pair, after BOS.

    Raises:
        ValueError: It is not a pair of such a network.
    """
    sequence = np.array(pair)
    window = _find_target(network, sequence)
    if window is None or not isinstance(network, EncoderDecoder):
        raise ValueError("the sequence is not a pair")
    words = [BOS, *(lexicon.display(number) for number in pair[1:])]
    source, target = words[window.start : window.first], words[window.first + 1 : window.end + 1]
    weights = align(network, sequence, window)
    return Exhibit(
        title=f"Alignment of {' '.join(words[1 : window.first])}",
        shows="what each event of the target (rows) attended to in the source (columns) when it was predicted: the "
        "mean of the last layer's heads",
        kind="heatmap",
        columns=("target", *source),
        rows=tuple((word, *row) for word, row in zip(target, weights.tolist(), strict=True)),
        unit="share of attention",
    )


def _find_target(network: Network, sequence: Ints) -> Window | None:
    """Return the window that predicts a target from all of its source; None if there is no target."""
    if not isinstance(network, EncoderDecoder):
        return None
    inputs = sequence[:-1]
    windows = network.windows(inputs, stride=network.shape.context)
    border = find_mark(inputs, network.mark)
    return next((window for window in windows if window.first == border), None)
