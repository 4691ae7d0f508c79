import math
from itertools import pairwise, product

import numpy as np
import pytest
from hmmlearn.hmm import CategoricalHMM

from lmbench.corpora.synthetic.base import line_starts
from lmbench.corpora.synthetic.hidden_markov import HiddenMarkovOptions, HiddenMarkovSource


def test_costs_match_hmmlearn():
    source = HiddenMarkovOptions(states=4, words=6).source()
    model = CategoricalHMM(n_components=4, n_features=7)
    model.startprob_, model.transmat_, model.emissionprob_ = source.start, source.transitions, source.emissions
    symbols = source.draw(50, np.random.default_rng(0))
    starts = line_starts(symbols, source.end)
    lines = np.split(symbols, starts[1:])
    assert source.costs(symbols).tolist() == pytest.approx([-model.score(line[:, None]) for line in lines])


def test_a_lines_cost_is_the_sum_over_all_its_paths():
    source = HiddenMarkovOptions(states=3, words=2, stop=0.5, stay=0.4).source()
    line = [1, 0, 1, 2]
    total = 0.0
    for path in product(range(3), repeat=len(line)):
        moves = math.prod(source.transitions[a, b] for a, b in pairwise(path))
        total += (
            source.start[path[0]] * moves * math.prod(source.emissions[s, w] for s, w in zip(path, line, strict=True))
        )
    assert source.costs(np.array(line)).tolist() == pytest.approx([-math.log(total)])


def test_a_hand_computed_line():
    """State 0 emits a or b. State 1 always follows, and emits b or ends the line: P(a b end) = 1/2 x 3/4 x 1/4."""
    source = HiddenMarkovSource(
        ("a", "b"),
        start=np.array([1.0, 0.0]),
        transitions=np.array([[0.0, 1.0], [0.0, 1.0]]),
        emissions=np.array([[0.5, 0.5, 0.0], [0.0, 0.75, 0.25]]),
    )
    assert np.exp(source.score("a b\n").logprobs).tolist() == pytest.approx([0.5, 0.75, 0.25])
    assert source.score("a a b\n").logprobs.tolist()[1:] == [-np.inf, -np.inf, -np.inf]


def test_all_short_lines_have_the_mass_of_finished_paths():
    """The mass of lines longer than n events is start (D T)^n 1, with D the states' probabilities of a word."""
    source = HiddenMarkovOptions(states=4, words=2, stop=0.4, stay=0.5).source()
    lines = [[*line, 2] for length in range(1, 7) for line in product(range(2), repeat=length)]
    survival = (1 - source.emissions[:, 2])[:, None] * source.transitions
    alive = source.start @ np.linalg.matrix_power(survival, 7)
    assert np.exp(-source.costs(np.concatenate(lines))).sum() == pytest.approx(1 - alive.sum())


def test_states_stay_and_lines_start_where_they_cannot_end():
    source = HiddenMarkovOptions(states=5, stay=0.9).source()
    assert (source.start > 0).tolist() == [True, True, True, False, False]
    assert source.emissions[:, -1].tolist() == [0, 0, 0, 0.2, 0.2]
    assert source.transitions.diagonal().min() > 0.9
    for rows in (source.transitions, source.emissions):
        assert rows.sum(axis=1) == pytest.approx(np.ones(5))
    assert source.entropy_rate() is None
