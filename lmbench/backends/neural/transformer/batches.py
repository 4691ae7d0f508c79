"""Training examples, and the batches in which they are learned from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lmbench.arrays import Ints
from lmbench.backends.neural.transformer.networks import PADDING, Decoder, Network


@dataclass(frozen=True, slots=True)
class Example:
    """Adjacent ids of a sequence.

    Attributes:
        ids: (T + 1,) ids.
        scored: Number of ids at the end that are predicted.
    """

    ids: Ints
    scored: int

    @property
    def context(self) -> int:
        """The number of ids that are read before the first one whose successor is predicted."""
        return len(self.ids) - 1 - self.scored


DrawEpoch = Callable[[np.random.Generator], list[Example]]
"""``draw_epoch(generator)`` returns the examples of an epoch."""


def examples(network: Network, sequence: Ints, generator: np.random.Generator) -> Iterator[Example]:
    """Yield examples that predict every event of a sequence once.

    A sequence that is longer than a decoder's context is split at a new position in each epoch.
    """
    context = network.shape.context
    if isinstance(network, Decoder) and len(sequence) - 1 > context:
        first = int(generator.integers(1, context + 1))
        yield Example(sequence[: first + 1], first)
        sequence = sequence[first:]
    for window in network.windows(sequence[:-1], stride=context):
        yield Example(sequence[window.start : window.end + 1], window.end - window.first)


def batches(draw_epoch: DrawEpoch, tokens: int, seed: int, mixed: bool = False) -> Iterator[list[Example]]:
    """Yield batches without end, epoch after epoch, in random order.

    Examples of similar length share a batch.

    Args:
        draw_epoch: Returns the examples of an epoch.
        tokens: Maximum number of events to predict in a batch of several examples, padding included.
        seed: The seed of all draws.
        mixed: Whether examples of different contexts share a batch, since there are too few of each.
    """
    generator = np.random.default_rng(seed)
    while True:
        drawn = draw_epoch(generator)
        lengths = np.array([example.scored for example in drawn])
        contexts = np.array([example.context for example in drawn])
        kinds = np.zeros(len(drawn), dtype=np.int64) if mixed else contexts
        order = np.lexsort((generator.random(len(drawn)), lengths, kinds))
        epoch = list(_fill_batches([(drawn[i], kinds[i]) for i in order], tokens))
        for number in generator.permutation(len(epoch)):
            yield epoch[number]


def pad_examples(batch: Sequence[Example]) -> tuple[Ints, Ints]:
    """Return the inputs (B, T) and targets (B, S) of examples, padded at their ends.

    The causal mask hides the padding from everything before it. If examples have different contexts, these are padded
    as well, with PADDING. The context of an example without any is then its first id, which it also reads.
    """
    context, scored = max(example.context for example in batch), max(example.scored for example in batch)
    inputs = np.zeros((len(batch), context + scored), dtype=np.int64)
    inputs[:, :context] = PADDING
    targets = np.full((len(batch), scored), PADDING, dtype=np.int64)
    for row, example in enumerate(batch):
        before = example.ids[: example.context or min(1, context)]
        inputs[row, : len(before)] = before
        inputs[row, context : context + example.scored] = example.ids[example.context : -1]
        targets[row, : example.scored] = example.ids[-example.scored :]
    return inputs, targets


def _fill_batches(sorted_examples: Sequence[tuple[Example, int]], tokens: int) -> Iterator[list[Example]]:
    """Yield adjacent examples of one kind, with up to `tokens` events to predict."""
    batch, last = list[Example](), 0
    for example, kind in sorted_examples:
        if batch and not (kind == last and (len(batch) + 1) * example.scored <= tokens):
            yield batch
            batch = []
        batch.append(example)
        last = kind
    yield batch
