"""Batches: each holds examples of one kind, and each epoch holds all examples."""

import numpy as np
import pytest

from lmbench.backends.neural.transformer.batches import Example, batches, examples, pad_examples
from lmbench.backends.neural.transformer.networks import Shape, make_network
from lmbench.backends.neural.windows import segments


@pytest.mark.parametrize("architecture", ["decoder", "encoder-decoder"])
@pytest.mark.parametrize("length", [2, 13, 14, 40])
def test_an_epoch_predicts_each_event_once_from_what_scoring_reads(architecture, length):
    """Windows have at most `context` ids. Those of a decoder begin anywhere, those of an encoder-decoder never move."""
    network = make_network(architecture, Shape(ids=50, context=12, layers=1, width=4, heads=1, dropout=0))
    generator, sequence, first_lengths = np.random.default_rng(0), np.arange(length), set()
    for _ in range(99):
        drawn = list(examples(network, sequence, generator))
        scored = [example.ids[-example.scored :].tolist() for example in drawn]
        assert np.concatenate(scored).tolist() == list(range(1, length))
        for example in drawn:
            assert (np.diff(example.ids) == 1).all()
            context = len(example.ids) - 1 - example.scored
            assert context == (0 if architecture == "decoder" else min(example.ids[context], 12))
            assert example.scored <= 12
        first_lengths.add(len(scored[0]))
    assert len(first_lengths) == (12 if architecture == "decoder" and length > 13 else 1)


def test_a_batch_holds_examples_of_equal_context_and_an_epoch_holds_all_examples():
    sequences = [np.arange(n) for n in (1, 5, 9, 30, 31, 80)]
    drawn = [Example(s[w.start : w.end + 1], w.end - w.first) for s in sequences for w in segments(len(s) - 1, 8)]
    stream, seen = batches(lambda generator: drawn, tokens=64, seed=3), 0
    while seen < len(drawn):
        batch = next(stream)
        seen += len(batch)
        assert len({len(example.ids) - example.scored for example in batch}) == 1
        inputs, targets = pad_examples(batch)
        assert len(batch) * max(example.scored for example in batch) <= 64
        for example, row, wanted in zip(batch, inputs, targets, strict=True):
            assert row[: len(example.ids) - 1].tolist() == example.ids[:-1].tolist()
            assert wanted[: example.scored].tolist() == example.ids[-example.scored :].tolist()
            assert set(wanted[example.scored :]) <= {-100}
    assert seen == len(drawn)


def test_each_epoch_has_another_order():
    drawn = [Example(np.arange(length), length - 1) for length in range(2, 66)]
    stream = batches(lambda generator: drawn, tokens=1, seed=3)  # one example each
    first, second = ([next(stream)[0].scored for _ in drawn] for _ in range(2))
    assert sorted(first) == sorted(second) == list(range(1, 65))
    assert first != second
    assert list(range(1, 65)) not in (first, second)
