import pytest

from lmbench import Traits
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


@pytest.mark.parametrize(
    ("traits", "detail"),
    [
        (property(lambda self: 1 / 0), "ZeroDivisionError: division by zero"),
        (property(lambda self: {}), "PluginError: traits is a dict; it must be a Traits"),
        (Traits(normalized=False), "the model declares that its scores are not probabilities"),
    ],
)
def test_a_model_that_does_not_declare_probabilities_fails_one_check(traits, detail):
    [outcome] = check_model(type("Declares", (Bigram,), {"traits": traits}))
    assert (outcome.check, outcome.status) == ("probability", "fail")
    assert outcome.detail.removeprefix("lmbench.errors.").startswith(detail)


@pytest.mark.usefixtures("shorter_line")
def test_traits_may_be_computed_when_a_model_is_built():
    assert check_model(type("Computes", (Bigram,), {"traits": property(lambda self: Traits())}))[0].status == "pass"
