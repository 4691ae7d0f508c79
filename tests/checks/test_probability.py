from lmbench import ModelSpec, NextEvents
from lmbench.checks import check_spec, find_doubt
from tests.checks.outcomes import outcome_of
from tests.mutants import Bigram


def test_maximum_likelihood_fails_normalization():
    assert find_doubt(check_spec(ModelSpec.parse("nltk:smoothing=mle"))).startswith("normalization failed")


def test_suspect_histories_are_summed():
    class Suspicious(Bigram):
        def next_events(self, text):
            nexts = super().next_events(text)
            return nexts if text != "qqq" else NextEvents(nexts.names, nexts.logprobs - 1, nexts.spellings)

        def suspect_histories(self):
            return ("qqq",)

    assert outcome_of("normalization", Suspicious).detail == "after 'qqq' the next events sum to 0.3678794"
