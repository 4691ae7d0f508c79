"""Continuations that share a pass over their context score as those of whole texts, one by one, do."""

import math

import pytest

from lmbench import LanguageModel, build
from lmbench.backends.neural.pretrained.token_paths import PathReader
from tests.backends.neural.pretrained.test_causal_state import CONTEXTS, KINDS, folders  # noqa: F401  (a fixture)

pytestmark = pytest.mark.usefixtures("one_thread")

RESTS = ("at", "he cat", " cat", "\na", "我", "t", " ", "at sat on the mat")


@pytest.fixture(scope="module", params=KINDS)
def model(request, folders):  # noqa: F811
    return build(f"hf:{folders[request.param]}")


def measure_apart(model, pairs):
    """Return what scores of whole texts and the state after each context say."""
    return [LanguageModel.measure_continuations(model, [pair])[0] for pair in pairs]


def test_continuations_that_share_a_pass_are_those_of_whole_texts(model):
    pairs = [(context, rest) for context in (*CONTEXTS, "at") for rest in RESTS]
    found = model._prepare_reader().measure_continuations(pairs)
    apart = measure_apart(model, pairs)
    assert None not in found
    assert found == [(pytest.approx(logprob, abs=1e-5), events) for logprob, events in apart]
    assert model.measure_continuations(pairs) == found


def test_pairs_that_share_no_pass_are_scored_as_whole_texts(model):
    long = "the cat sat " * 40  # more tokens than the network reads at once
    pairs = [("", "the cat"), ("the cat", ""), ("the c", "at"), (long, "at"), ("the ", long), ("", "")]
    found = model._prepare_reader().measure_continuations(pairs)
    assert [answer is None for answer in found] == [True, True, False, True, True, True]
    apart = measure_apart(model, pairs)
    assert model.measure_continuations(pairs) == [(pytest.approx(nats, abs=1e-4), events) for nats, events in apart]


def test_if_a_shared_pass_computes_no_number_the_score_of_the_text_says_why(model, monkeypatch):
    monkeypatch.setattr(
        PathReader, "logprobs", lambda _, paths: {key: dict.fromkeys(found, math.nan) for key, found in paths.items()}
    )
    assert model.measure_continuations([("the c", "at")]) == measure_apart(model, [("the c", "at")])


@pytest.mark.parametrize("option", ["history=3", "bos=none"])
def test_tokens_with_a_history_of_their_own_share_no_pass(folders, option):  # noqa: F811
    model = build(f"hf:{folders['GPT-4']},{option}")
    pairs = [("the cat sat on t", rest) for rest in RESTS]
    apart = measure_apart(model, pairs)
    assert (None in model._prepare_reader().measure_continuations(pairs)) == (option == "history=3")
    assert model.measure_continuations(pairs) == [(pytest.approx(nats, abs=1e-5), events) for nats, events in apart]
