import math
from itertools import product

import numpy as np
import pytest

from lmbench.backends.hmm.parameters import Parameters
from lmbench.backends.hmm.viterbi import best_paths
from tests.backends.hmm.samples import RAIN, dishonest_casino, hmmlearn_model, random_lines, random_parameters


def test_the_rain_is_wikipedias():
    assert best_paths(RAIN, [np.array([0, 1, 2])])[0].tolist() == [1, 0, 0]


@pytest.mark.parametrize(("states", "symbols", "sharpness"), [(1, 3, 1.0), (3, 4, 1.0), (7, 50, 0.3), (33, 9, 1.0)])
def test_paths_are_hmmlearns(states, symbols, sharpness):
    parameters = random_parameters(states, symbols, sharpness=sharpness)
    peer = hmmlearn_model(parameters, implementation="log")
    for line in random_lines(symbols, [1, 9, 2, 40, 9, 1, 5]):
        assert best_paths(parameters, [line])[0].tolist() == peer.decode(line[:, None])[1].tolist()


def test_the_path_is_the_best_of_all():
    parameters = random_parameters(3, 4, seed=5)
    for line in random_lines(4, [4, 1, 5]):
        best = max(product(range(3), repeat=len(line)), key=lambda path: joint_logprob(parameters, line, path))
        assert best_paths(parameters, [line])[0].tolist() == list(best)


def joint_logprob(parameters, line, path):
    logprob = math.log(parameters.start[path[0]]) + math.log(parameters.emissions[line[0], path[0]])
    for t in range(1, len(line)):
        logprob += math.log(parameters.transitions[path[t - 1], path[t]])
        logprob += math.log(parameters.emissions[line[t], path[t]])
    return logprob


def test_the_dishonest_casino_is_hmmlearns():
    casino, line, hidden = dishonest_casino()
    [path] = best_paths(casino, [line])
    assert path.tolist() == hmmlearn_model(casino, implementation="log").predict(line[:, None]).tolist()
    assert (path == hidden).mean() > 0.7


def test_equally_likely_states_are_chosen_by_number_and_empty_lines_have_no_states():
    alike = Parameters(np.array([0.5, 0.5]), np.full((2, 2), 0.5), np.full((2, 2), 0.5))
    paths = best_paths(alike, [np.array([0, 1, 0]), np.zeros(0, dtype=int)])
    assert [path.tolist() for path in paths] == [[0, 0, 0], []]
