from itertools import pairwise

import numpy as np
import pytest

from lmbench import build
from lmbench.backends.hmm import training
from lmbench.backends.hmm.forward_backward import ForwardBackward
from lmbench.backends.hmm.parameters import Parameters
from lmbench.backends.hmm.training import mix_unigrams
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
    nats = [point.train_nats for point in model._fitted.points]
    assert len(nats) > 5
    assert all(after <= before + 1e-6 for before, after in pairwise(nats))
    assert nats[-1] < nats[0] - 0.02
    assert (f"4 states, EM iteration 3 of 25, {nats[2]:.4f} nats per event", 3 / 25) in progress.messages


def test_the_iteration_that_predicts_the_validation_split_best_is_kept(english):
    model = fit("hmm:states=6,iterations=40,tolerance=0", english)
    fitted = model._fitted
    costs = [point.valid_nats for point in fitted.points]
    assert fitted.iteration == 1 + costs.index(min(costs))
    assert len(costs) < 40
    assert f"em:{fitted.iteration}of40" in str(model.signature())


def test_training_ends_within_its_budget(english):
    model = fit("hmm:states=16,budget=0.000001s,iterations=9", english)
    assert len(model._fitted.points) == 1
    assert "budget:1e-06s" in str(model.signature())
    assert model.remarks() == ("time-limited",)
    assert fit("hmm:states=2,iterations=1", english).remarks() == ()


def test_the_validation_lines_choose_the_weight():
    sharp = Parameters(np.ones(1), np.ones((1, 1)), np.array([[1 - 2e-9], [1e-9], [1e-9]]))
    unigrams = np.array([0.2, 0.4, 0.4])
    valid = ForwardBackward([np.array([0, 0, 1, 2] * 9)], 3, 1, dtype="float64")
    parameters, share = mix_unigrams(sharp, unigrams, valid)
    assert share == 0.1
    np.testing.assert_allclose(parameters.emissions[:, 0], 0.9 * sharp.emissions[:, 0] + 0.1 * unigrams)
    _, none = mix_unigrams(sharp, unigrams, ForwardBackward([np.zeros(9, dtype=int)], 3, 1, dtype="float64"))
    assert none == 0.0


def test_smoothing_is_by_the_training_splits_unigrams(english, monkeypatch):
    given = []
    monkeypatch.setattr(
        training, "mix_unigrams", lambda parameters, unigrams, valid: given.append(unigrams) or (parameters, 0)
    )
    lexicon = fit("hmm:states=2,iterations=1,prior=0.5", english)._fitted.lexicon
    counts = np.bincount(np.concatenate(lexicon.lines(english.train.documents)), minlength=len(lexicon))
    np.testing.assert_allclose(given[0], (counts + 0.5) / (counts + 0.5).sum())


def test_without_a_validation_split_nothing_is_smoothed(english):
    assert fit("hmm:states=2,iterations=1", without_valid(english))._fitted.unigram_share == 0
