from lmbench.checks import check_model
from tests.mutants import Bigram


def test_a_model_that_cannot_be_fitted_fails_one_check():
    class Broken(Bigram):
        def fit(self, data, progress):
            raise RuntimeError("no GPU")

    [outcome] = check_model(Broken)
    assert (outcome.check, outcome.status, outcome.detail) == ("fit", "fail", "RuntimeError: no GPU")


def test_a_model_that_scores_nothing_wrongly_fails_one_check():
    class Chatty(Bigram):
        def score(self, documents):
            return super().score(documents or [""])

    [outcome] = check_model(Chatty)
    assert (outcome.check, outcome.status, outcome.detail) == ("fit", "fail", "ScoreError: 1 scores for 0 documents")
