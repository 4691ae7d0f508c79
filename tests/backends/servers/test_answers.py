import json
import math

import pytest

from lmbench.backends.servers.answers import Answer, IncompleteAnswerError, parse_answers, request_body
from lmbench.errors import ScoreError


def _echo(**choice):
    listed = {"tokens": ["a", "b", "c"], "token_logprobs": [None, -1.5, -2.5]}
    return {"index": 0, "text": "abc", "logprobs": listed, "finish_reason": "length"} | choice


def _parse(*choices, prompts=("ab",), asking="echo"):
    return parse_answers(json.dumps({"choices": choices}).encode(), prompts, asking)


def test_an_answer_has_the_tokens_of_its_prompt_and_the_one_that_was_generated() -> None:
    [answer] = _parse(_echo())
    assert answer == Answer(names=("a", "b", "c"), logprobs=(None, -1.5, -2.5), sizes=(2,), generated="c")


def test_answers_come_in_any_order() -> None:
    listed = {"tokens": ["d"], "token_logprobs": [None]}
    other = _echo(index=1, text="d", logprobs=listed)
    first, second = _parse(other, _echo(), prompts=("ab", "d"))
    assert (first.names, second.names) == (("a", "b", "c"), ("d",))


def test_the_token_that_ends_a_text_may_be_listed_or_not() -> None:
    [answer] = _parse(_echo(finish_reason="stop"))
    assert answer.sizes == (2, 3)
    [answer] = _parse(_echo(finish_reason="stop", logprobs={"tokens": ["a", ""], "token_logprobs": [None, -1]}))
    assert answer.sizes == (1,)


def test_prompt_logprobs_name_all_tokens_but_the_first() -> None:
    listed = [None, {"17": {"logprob": -1.5, "rank": 4, "decoded_token": "b"}}]
    generated = {"tokens": ["c"], "token_logprobs": [-2.5]}
    [answer] = _parse(_echo(prompt_logprobs=listed, logprobs=generated, text="c"), asking="prompt_logprobs")
    assert answer == Answer(names=(None, "b", "c"), logprobs=(None, -1.5, -2.5), sizes=(2,), generated="c")


@pytest.mark.parametrize("content", [b"", b"<html>", b'{"choices": [', b"null\xff"])
def test_what_is_not_json_may_come_right_later(content) -> None:
    with pytest.raises(IncompleteAnswerError, match="not JSON"):
        parse_answers(content, ("ab",), "echo")


@pytest.mark.parametrize("choices", [[], [_echo(index=1)], [_echo(), _echo()]])
def test_half_an_answer_may_be_whole_later(choices) -> None:
    with pytest.raises(IncompleteAnswerError, match="answers to 1 prompts"):
        _parse(*choices)


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (_echo(logprobs=None), "gives no log-probabilities"),
        (_echo(logprobs={"content": [{"token": "c", "logprob": -1}]}), "gives no log-probabilities"),
        (_echo(logprobs={"tokens": [], "token_logprobs": []}), "gives no log-probabilities"),
        (_echo(logprobs={"tokens": ["a", "b"], "token_logprobs": [None]}), "1 log-probabilities for 2 tokens"),
        (_echo(logprobs={"tokens": ["a"], "token_logprobs": ["high"]}), "not one of the completions API"),
        (_echo(logprobs={"tokens": [7], "token_logprobs": [-1]}), "not one of the completions API"),
        ("text", "not one of the completions API"),
    ],
)
def test_an_answer_without_log_probabilities_is_refused(choice, message) -> None:
    with pytest.raises(ScoreError, match=message):
        _parse(choice)


@pytest.mark.parametrize(
    ("listed", "message"),
    [
        (None, "gives no log-probabilities"),
        ([], "gives no log-probabilities"),
        ([None, {"1": {"logprob": -1}, "2": {"logprob": -2}}], "2 tokens for one of a prompt"),
    ],
)
def test_prompt_logprobs_that_do_not_say_which_token_is_meant_are_refused(listed, message) -> None:
    with pytest.raises(ScoreError, match=message):
        _parse(_echo(prompt_logprobs=listed), asking="prompt_logprobs")


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({"error": "no"}, "its field 'choices' is missing"),
        ({"choices": [{"prompt_logprobs": [{"7": {}}]}]}, "its field 'choices.0.prompt_logprobs.0.7.logprob' is miss"),
        ({"choices": 3}, "its field 'choices' should be a valid array"),
        ([], "it should be an object"),
    ],
)
def test_something_that_is_no_completion_is_refused(answer, message) -> None:
    with pytest.raises(ScoreError, match=f"^the server's answer is not one of the completions API: {message}"):
        parse_answers(json.dumps(answer).encode(), ("ab",), "echo")


@pytest.mark.parametrize("logprob", [None, math.nan, -math.inf, math.inf, 0.1, -9999.0])
def test_a_number_that_no_token_has_is_refused(logprob) -> None:
    answer = Answer(names=("a", "b"), logprobs=(None, logprob), sizes=(2,), generated="")
    with pytest.raises(ScoreError, match=r"token 1 of a request \('b'\)"):
        answer.checked_logprobs(1, 2)


def test_rounding_above_0_is_0() -> None:
    answer = Answer(names=("a", "b"), logprobs=(-1.0, 1e-7), sizes=(2,), generated="")
    assert answer.checked_logprobs(0, 2).tolist() == [-1, 0]


def test_nan_in_an_answer_is_kept_until_it_is_refused() -> None:
    text = Answer(names=("a",), logprobs=(math.nan,), sizes=(1,), generated="").model_dump_json()
    with pytest.raises(ScoreError):
        Answer.model_validate_json(text).checked_logprobs(0, 1)


def test_a_request_asks_for_numbers_that_no_temperature_changes() -> None:
    echo = request_body("m", ["a"], "echo")
    assert (echo["prompt"], echo["echo"], echo["temperature"], echo["max_tokens"]) == ("a", True, 1.0, 1)
    other = request_body("m", ["a", "b"], "prompt_logprobs")
    assert (other["prompt"], other["prompt_logprobs"], "echo" in other) == (["a", "b"], 0, False)
