import numpy as np

from lmbench.backends.hmm import smoothing
from lmbench.backends.hmm.forward_backward import ForwardBackward
from lmbench.backends.hmm.parameters import Parameters
from lmbench.backends.hmm.smoothing import mix_unigrams
from tests.backends.hmm.samples import fit, without_valid


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
        smoothing, "mix_unigrams", lambda parameters, unigrams, valid: given.append(unigrams) or (parameters, 0)
    )
    lexicon = fit("hmm:states=2,iterations=1,prior=0.5", english)._fitted.lexicon
    counts = np.bincount(np.concatenate(lexicon.lines(english.train.documents)), minlength=len(lexicon))
    np.testing.assert_allclose(given[0], (counts + 0.5) / (counts + 0.5).sum())


def test_without_a_validation_split_nothing_is_smoothed(english):
    assert fit("hmm:states=2,iterations=1", without_valid(english))._fitted.unigram_share == 0
