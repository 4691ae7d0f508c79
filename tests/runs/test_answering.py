"""Requests are given out in batches once the model is ready, and what comes back is checked."""

import math

import numpy as np
import pytest

from lmbench.errors import PluginError, ScoreError
from lmbench.runs.answering import Answering, Answers, check_answer, count_bytes, list_requests
from lmbench.runs.scoring import Ready
from lmbench.tasks.task import Completion, Continuation, Likelihood, Written
from tests.recording import Recorded
from tests.runs.items import QUESTIONS

ASKED = Continuation("a", " b")
WRITE = Completion("a")


def answering():
    return Answering(list_requests(QUESTIONS), Recorded())


def answer(requests):
    return Answers(tuple(Written("x") if isinstance(r, Completion) else Likelihood(-1.0, 1) for r in requests))


def test_each_request_is_asked_once_and_a_model_writes_before_it_sees_an_answer():
    asking, asked = answering(), []
    batch = asking.receive(Ready(1))
    while batch is not None:
        asked += batch
        assert not asking.is_done
        batch = asking.receive(answer(batch))
    assert asking.is_done
    assert len(asked) == len(set(asked))
    assert set(asked) == {request for item in QUESTIONS.items for request in QUESTIONS.requests(item)}
    scores = [isinstance(request, Continuation) for request in asked]
    assert scores == sorted(scores)


def test_the_order_of_the_requests_does_not_say_which_choice_is_right():
    asking = answering()
    batch = asking.receive(answer(asking.receive(Ready(1 << 20))))
    asked = [request for request in batch if request.context]
    assert asked == sorted(asked, key=lambda request: (request.context, request.text))


@pytest.mark.parametrize("size", [1, 50, 1 << 30])
def test_batches_have_about_as_many_characters_as_the_model_wants(size):
    asking = answering()
    batch = asking.receive(Ready(size))
    while batch is not None:
        assert len(batch) == 1 or sum(len(getattr(r, "context", "")) for r in batch) <= size
        assert len({type(request) for request in batch}) == 1
        batch = asking.receive(answer(batch))
    assert asking.is_done


@pytest.mark.parametrize(
    "message",
    [
        Ready(0),
        Answers(()),
        Answers((Likelihood(-1.0, 1),) * 99),
        Ready("many"),
        "no message",
        None,
    ],
)
def test_a_message_that_may_not_come_now_ends_the_cell(message):
    asking = answering()
    if isinstance(message, Answers):
        asking.receive(Ready(1 << 20))
    with pytest.raises(PluginError, match="the process did not send one answer for each request"):
        asking.receive(message)


def test_no_request_is_given_out_before_the_model_is_ready():
    with pytest.raises(PluginError):
        answering().receive(Answers(()))


def test_a_second_start_is_refused():
    asking = answering()
    asking.receive(Ready(1 << 20))
    with pytest.raises(PluginError):
        asking.receive(Ready(1 << 20))


@pytest.mark.parametrize("logprob", [math.nan, math.inf, -math.inf, 0.1])
def test_a_log_probability_is_finite_and_at_most_0(logprob):
    with pytest.raises(ScoreError, match=r"item 7: log P\(' b'\) is .*, not a finite number of at most 0"):
        check_answer(ASKED, Likelihood(logprob, 1), "7")


def test_rounding_above_0_is_cut():
    assert check_answer(ASKED, Likelihood(1e-9, 1, True), "7") == Likelihood(0.0, 1)


@pytest.mark.parametrize("count", [0, -1])
def test_a_text_has_an_event(count):
    with pytest.raises(ScoreError, match=rf"item 7: ' b' has {count} events"):
        check_answer(ASKED, Likelihood(-1.0, count), "7")


@pytest.mark.parametrize(
    ("request_", "wrong"),
    [
        (ASKED, Written("x")),
        (ASKED, Likelihood(np.float32(-1), 1)),
        (ASKED, Likelihood("-1", 1)),
        (ASKED, Likelihood(-1.0, 1.5)),
        (ASKED, Likelihood(-1.0, 1, "yes")),
        (ASKED, object.__new__(Likelihood)),
        (ASKED, -1.0),
        (ASKED, None),
        (WRITE, Likelihood(-1.0, 1)),
        (WRITE, Written(b"x")),
        (WRITE, object.__new__(Written)),
        (WRITE, "x"),
        (WRITE, Written("\ud800")),
        (WRITE, Written("first\nsecond")),
    ],
)
def test_an_answer_of_a_wrong_type_ends_the_cell(request_, wrong):
    with pytest.raises(PluginError, match="item 7: "):
        check_answer(request_, wrong, "7")


def test_greedy_is_kept_if_it_was_asked_for():
    assert check_answer(Continuation("a", "b", greedy=True), Likelihood(-1.0, 1, True), "7").is_greedy is True
    assert check_answer(WRITE, Written(None), "7") == Written(None)


def test_bytes_are_those_of_the_contexts_and_texts():
    assert count_bytes({ASKED: Likelihood(-1.0, 1), WRITE: Written("中"), Completion("b"): Written(None)}) == 3 + 3
