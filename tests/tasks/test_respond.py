"""Every family answers requests exactly as its scores say, at any seam."""

import math

import numpy as np
import pytest

from lmbench import Split, TrainingText, build
from lmbench.tasks.respond import complete, find_likelihoods, is_greedy, respond
from lmbench.tasks.task import Completion, Continuation, Likelihood, Written
from tests.mutants import Bigram, Log10WithoutDistribution

LINES = ("the cat sat on the mat\n", "the dog sat on the log\n", "a cat saw the dog\n") * 4
FAMILIES = (
    "uniform",
    "ppm:order=3",
    "kenlm:order=3,tokenizer=words",
    "ngram:order=3,tokenizer=pieces",
    "hmm:states=3,iterations=3,tokenizer=bytes",
    "transformer:layers=1,width=16,heads=2,context=16,steps=5,tokenizer=bpe:300",
)

pytestmark = pytest.mark.usefixtures("one_thread")


def fitted(model):
    model.fit(TrainingText(Split(LINES), Split(LINES[:2])))
    return model


@pytest.fixture(params=FAMILIES, scope="module")
def model(request):
    return fitted(build(request.param))


@pytest.mark.parametrize(
    ("context", "text"), [("", "the cat"), ("the c", "at sat"), ("the cat", " saw\n"), ("猫", "狗")]
)
def test_a_likelihood_is_the_difference_of_two_scores(model, context, text):
    [answer] = find_likelihoods(model, [Continuation(context, text)])
    assert answer.logprob == pytest.approx(model.score_continuation(context, text), abs=1e-4)
    [whole] = model.score([context + text])
    assert answer.events == sum(end > len(context.encode()) for end in whole.ends)
    assert answer.is_greedy is None


def test_the_probabilities_of_all_next_bytes_sum_to_1():
    """The likelihood of a text given a context is a distribution over texts."""
    model = fitted(build("ppm:order=3"))
    answers = find_likelihoods(model, [Continuation("the cat", chr(code)) for code in range(128)])
    assert 0.9 < math.fsum(math.exp(answer.logprob) for answer in answers) < 1


def test_each_text_is_scored_once_in_one_batch():
    batches = []

    class Counts(Bigram):
        def score(self, documents):
            batches.append(tuple(documents))
            return super().score(documents)

    requests = [Continuation("", "a cat"), Continuation("a", " cat"), Continuation("", "a cat"), Continuation("", "b")]
    answers = respond(fitted(Counts()), [*requests, Completion("a", max_events=2)])
    assert batches[0] == ("a cat", "b")
    assert answers[0] == answers[2]
    assert [type(answer) for answer in answers] == [Likelihood] * 4 + [Written]


def test_greedy_text_is_what_the_model_writes():
    model = fitted(build("ppm:order=3"))
    written = complete(model, Completion("the d", max_events=8))
    assert written
    assert is_greedy(model, "the d", written) is True
    assert is_greedy(model, "the d", "zebra") is False
    [answer] = find_likelihoods(model, [Continuation("the d", written, greedy=True)])
    assert answer.is_greedy is True


def test_equally_likely_events_are_not_greedy():
    assert is_greedy(fitted(build("uniform")), "", "\x00") is False


@pytest.mark.parametrize("stop", ["\n", "og", "a"])
def test_a_completion_ends_before_its_stop(stop):
    model = fitted(build("ppm:order=3"))
    full = complete(model, Completion("the dog sat on the ", (), 20))
    assert complete(model, Completion("the dog sat on the ", (stop,), 20)) == full.partition(stop)[0]


def test_a_model_without_a_distribution_writes_nothing():
    model = fitted(Log10WithoutDistribution())
    asked = [Continuation("", "a cat", greedy=True), Completion("a")]
    [likelihood, written] = respond(model, asked)
    assert (likelihood.is_greedy, written) == (None, Written(None))


def test_nothing_is_scored_if_nothing_is_asked():
    class Never(Bigram):
        def score(self, documents):
            raise AssertionError(documents)

    assert respond(fitted(Never()), []) == []


def test_a_context_longer_than_the_window_is_scored_as_a_document_is():
    model = fitted(build(FAMILIES[-1]))
    context = "the cat sat on the mat\n" * 10
    [answer] = find_likelihoods(model, [Continuation(context, "the dog")])
    [whole] = model.score([context + "the dog"])
    first = int(np.searchsorted(whole.ends, len(context), side="right"))
    assert answer.logprob == pytest.approx(whole.logprobs[first:].sum(), abs=1e-4)
