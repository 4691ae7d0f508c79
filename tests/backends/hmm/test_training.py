from itertools import pairwise

import pytest

from lmbench import build
from lmbench.errors import CorpusError
from tests.backends.hmm.samples import ENGINES, fit, without_valid
from tests.recording import Recorded


def test_a_large_prior_does_not_end_training(english):
    assert len(fit("hmm:states=4,prior=1,start=random", without_valid(english))._fitted.points) > 5


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("start", ["clusters", "random"])
def test_the_likelihood_never_falls_and_each_iteration_is_reported(english, engine, start):
    """The prior is so small that the likelihood alone is the objective."""
    progress = Recorded()
    model = build(f"hmm:states=4,tolerance=0,prior=1e-6,iterations=25,engine={engine},start={start},dtype=float64")
    model.fit(without_valid(english), progress)
    nats = [point.train for point in model._fitted.points]
    assert len(nats) > 5
    assert all(after <= before + 1e-6 for before, after in pairwise(nats))
    assert nats[-1] < nats[0] - 0.02
    assert (f"4 states, EM iteration 3 of 25, {nats[2]:.4f} nats per event", 3 / 25) in progress.messages


def test_the_iteration_that_predicts_the_validation_split_best_is_kept(english):
    model = fit("hmm:states=6,iterations=40,tolerance=0", english)
    fitted = model._fitted
    costs = [point.valid for point in fitted.points]
    assert fitted.iteration == 1 + costs.index(min(costs))
    assert len(costs) < 40
    assert f"em:{fitted.iteration}of40" in str(model.signature())


def test_auto_doubles_the_states_while_that_improves_the_validation_split(english):
    progress = Recorded()
    model = build("hmm:states=auto,iterations=3")
    model.fit(english, progress)
    messages = [message for message, _ in progress.messages]
    tried = [int(message.split()[0]) for message in messages if message.endswith("start")]
    assert tried == [16 * 2**i for i in range(len(tried))]
    states = model._fitted.parameters.states
    assert states in tried[-2:]
    costs = {number: lowest_cost(messages, number) for number in tried}
    assert costs[states] == min(costs.values())


def lowest_cost(messages, states):
    return min(float(message.split("validation ")[1]) for message in messages if f"{states} states, EM" in message)


def test_auto_ends_within_its_budget(english):
    model = fit("hmm:states=auto,budget=0.000001s,iterations=9", english)
    assert model._fitted.parameters.states == 16
    assert len(model._fitted.points) == 1
    assert "budget:1e-06s" in str(model.signature())


def test_auto_needs_a_validation_split(english):
    with pytest.raises(CorpusError, match="states=auto needs a validation split"):
        fit("hmm:states=auto", without_valid(english))
