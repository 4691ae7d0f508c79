import numpy as np
import pytest

from lmbench import Split, TrainingText
from lmbench.backends.hmm.exhibits import visit_shares
from tests.backends.hmm.samples import fit, parts


def test_exhibits_are_the_states_their_transitions_and_the_training(english):
    states, transitions, training = fit("hmm:states=3", english).exhibits()
    assert [row[0] for row in states.rows] == [int(name.split()[0]) for name in transitions.columns[1:]]
    assert sum(float(row[1].rstrip("%")) for row in states.rows) == pytest.approx(100, abs=0.2)
    assert any("\\n" in row[3] for row in states.rows)
    for row in transitions.rows:
        assert sum(row[1:]) == pytest.approx(1)
    assert training.rows[0][1] > 0
    assert training.rows[0][2] is training.rows[-1][1] is None


def test_visits_are_those_of_a_long_text(english):
    """Compare with a random walk that restarts after each line end."""
    model = fit("hmm:states=3,iterations=20", english)
    start, transitions, emissions = parts(model)
    rng, visits, state = np.random.default_rng(0), np.zeros(3), 0
    for _ in range(20_000):
        visits[state] += 1
        ended = rng.random() < emissions[1, state]
        state = rng.choice(3, p=start if ended else transitions[state])
    np.testing.assert_allclose(visit_shares(model._fitted.parameters), visits / visits.sum(), atol=0.02)


def test_many_states_are_listed_by_how_often_they_are_visited(english):
    model = fit("hmm:states=60,iterations=1", english)
    states, transitions, _ = model.exhibits()
    shares = visit_shares(model._fitted.parameters)
    listed = [row[0] for row in states.rows]
    assert len(listed) == len(transitions.rows) == 48
    assert listed == sorted(range(60), key=lambda state: -shares[state])[:48]
    assert [row[1] for row in states.rows] == [f"{shares[state]:.1%}" for state in listed]
    assert states.shows.startswith("the 48 most visited of 60 states: ")


def test_the_word_unk_is_not_the_unknown_word():
    data = TrainingText(Split(("<unk> <unk> a a\n" * 9 + "rare once\n",)), Split(()), tokenized=True)
    [states, *_] = fit("hmm:states=1,iterations=1", data).exhibits()
    assert {word.split()[0] for word in states.rows[0][3].split(", ")} == {"<unk>", "<unknown>", "a", "\\n"}
