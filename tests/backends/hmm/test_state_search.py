import math

import pytest

from lmbench.backends.hmm import state_search
from lmbench.backends.hmm.baum_welch import EmPoint, Limits, TrainedParameters
from lmbench.backends.hmm.state_search import search_states


class FakeTraining:
    """Trainings that take as many seconds as they have states, and end at the given costs."""

    def __init__(self, nats):
        self.now, self.nats, self.tried = 0.0, nats, []

    def monotonic(self):
        return self.now

    def train(self, states):
        self.tried.append(states)
        self.now += states
        return TrainedParameters(None, 1, (EmPoint(1, 9.0, self.nats[states]),))


@pytest.mark.parametrize(
    ("events", "deadline", "nats", "tried", "kept"),
    [
        (9999, math.inf, {16: 5, 32: 4, 64: 4.5}, [16, 32, 64], 4),
        (9999, math.inf, {16: 5, 32: 4.9995}, [16, 32], 5),  # it gains less than the tolerance
        (9999, 60, {16: 5}, [16], 5),  # three times 16 more seconds would not fit
        (9999, 70, {16: 5, 32: 4}, [16, 32], 4),
        (40, math.inf, {16: 5, 32: 4}, [16, 32], 4),
        (5, math.inf, {5: 5}, [5], 5),
        (9999, math.inf, {2**i: -i for i in range(4, 11)}, [2**i for i in range(4, 11)], -10),
    ],
)
def test_states_double_by_a_clock(monkeypatch, events, deadline, nats, tried, kept):
    fake = FakeTraining(nats)
    monkeypatch.setattr(state_search, "time", fake)
    best = search_states(fake.train, events, Limits(50, 1e-3, deadline))
    assert (fake.tried, best.valid) == (tried, kept)
