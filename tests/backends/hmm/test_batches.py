import numpy as np
import pytest

from lmbench.backends.hmm.batches import Batch, make_chains
from tests.backends.hmm.samples import random_lines


def test_lines_lie_side_by_side():
    lines = [np.array([7]), np.array([1, 2, 3]), np.array([4, 5])]
    [chain] = make_chains(lines, 2)
    [batch] = chain.batches
    assert batch.lines.tolist() == [1, 2, 0]
    assert batch.ids.tolist() == [1, 4, 7, 2, 5, 3]
    assert (batch.running, batch.starts) == ([3, 2, 1], [0, 3, 5, 6])
    assert {line: values.tolist() for line, values in chain.by_line(batch.ids)} == {1: [1, 2, 3], 2: [4, 5], 0: [7]}


@pytest.mark.parametrize("most", [1, 3, 1000])
def test_transition_runs_are_all_pairs_of_neighbors(monkeypatch, most):
    monkeypatch.setattr("lmbench.backends.hmm.batches._RUN_EVENTS", most)
    lines = random_lines(1000, [7, 7, 5, 2, 1])
    batch = Batch.of_lines(lines, np.arange(5))
    pairs = [
        pair
        for before, after in batch.transition_runs
        for pair in zip(batch.ids[before].tolist(), batch.ids[after].tolist(), strict=True)
    ]
    expected = [pair for line in lines for pair in zip(line[:-1].tolist(), line[1:].tolist(), strict=True)]
    assert sorted(pairs) == sorted(expected)


def test_one_long_line_among_short_ones_needs_no_more_memory_than_itself():
    chains = make_chains(random_lines(5, [60_000, *[2] * 600]), 64)
    assert [[len(batch.lines) for batch in chain.batches] for chain in chains] == [[1], [512], [88]]
    assert max(batch.running[0] * len(batch.running) for chain in chains for batch in chain.batches) == 60_000


@pytest.mark.parametrize("states", [64, 2048])
def test_a_line_of_any_length_needs_bounded_memory(states):
    long, short = make_chains(random_lines(5, [300_000, 7]), states)
    assert max(len(batch.ids) for batch in long.batches) * states <= 1 << 24
    assert max(len(batch.ids) for batch in long.batches) <= 1 << 16
    assert sum(len(batch.ids) for batch in long.batches) == long.events == 300_000
    assert len(short.batches) == 1
