import math
import os
import subprocess
import sys
from collections import deque
from itertools import pairwise

import numpy as np
import pytest

from lmbench.checks import check_model, find_doubt
from lmbench.errors import ScoreError, SpecError, UnavailableError
from tests.backends.servers.completions_server import (
    BOS,
    TOKENS,
    VOCABULARY,
    changing,
    failing,
    log_distribution,
    name_like_gpt2,
    name_like_llama_cpp,
    name_like_openai,
    name_like_vllm,
    tokenize,
)

KEY = "sk-very-secret"
DOCUMENT = "the cat sat on\nthe lazy 中文字 🙂 é bytes:\\xe4 x\ufffdy <s>\n"


def _known(document: str, begins: float | None = None) -> tuple[list[int], list[float]]:
    """Return the ends and log-probabilities of a document's tokens; the first one has a known one, or follows a BOS."""
    ids = tokenize(document.encode())
    first = log_distribution(None)[ids[0]] if begins is None else begins
    later = [log_distribution(before)[token] for before, token in pairwise(ids)]
    return np.cumsum([len(TOKENS[i]) for i in ids]).tolist(), [float(first), *map(float, later)]


def _require_known(model, document: str, begins: float | None = None) -> None:
    [score] = model.score((document,))
    score.check(document)
    ends, logprobs = _known(document, begins)
    assert score.ends.tolist() == ends
    assert score.logprobs == pytest.approx(logprobs, abs=1e-9)
    assert not score.spelling.any()


@pytest.mark.parametrize("name", [name_like_openai, name_like_vllm, name_like_gpt2])
def test_scores_are_those_of_the_distribution(server, serve, name) -> None:
    server.name = name
    _require_known(serve(), DOCUMENT, -math.log(VOCABULARY))


@pytest.mark.parametrize("ask", ["echo", "prompt_logprobs"])
def test_a_bos_predicts_the_first_token(server, serve, ask) -> None:
    model = serve(bos=BOS, ask=ask)
    _require_known(model, DOCUMENT)
    assert all(prompt.startswith(BOS) for prompt in server.prompts)
    assert dict(model.signature().parts)["bos"] == (BOS if ask == "echo" else "unnamed")


def test_the_servers_own_bos_is_found_and_not_counted(server, serve) -> None:
    server.adds_bos = True
    model = serve()
    _require_known(model, DOCUMENT)
    assert dict(model.signature().parts)["bos"] == BOS


def test_a_long_document_is_scored_in_windows_that_all_have_their_history(server, serve) -> None:
    document = (DOCUMENT * 40 + "中文" * 300 + "x" * 500) * 2
    _require_known(serve(context=1024, stride=600), document, -math.log(VOCABULARY))
    assert max(len(prompt.encode()) for prompt in server.prompts) <= 1024
    asked = [prompt for prompt in server.prompts if prompt in document]
    assert len(asked) == 1 + math.ceil((len(document.encode()) - 960) / 600)


def test_batches_and_threads_change_nothing(server, serve) -> None:
    documents = ["", "a", DOCUMENT, DOCUMENT * 20, "", "the", DOCUMENT]
    model = serve(batch=3, concurrency=2)
    scores = model.score(documents)
    for document, score in zip(documents, scores, strict=True):
        assert score.logprobs.tolist() == (_known(document, -math.log(VOCABULARY))[1] if document else [])
    assert max(len(body["prompt"]) for _, body in server.requests if isinstance(body["prompt"], list)) == 3


def test_nothing_is_asked_twice(server, serve) -> None:
    serve().score((DOCUMENT, DOCUMENT, "the cat"))
    sent = len(server.requests)
    assert sent == len(set(server.prompts))
    _require_known(serve(pause=0.5, batch=2), DOCUMENT, -math.log(VOCABULARY))
    assert len(server.requests) == sent


@pytest.mark.parametrize("change", [{"model": "other"}, {"bos": BOS}, {"ask": "prompt_logprobs", "bos": BOS}])
def test_another_model_is_asked_again(server, serve, change) -> None:
    serve().load()
    sent = len(server.requests)
    serve(**change).load()
    assert len(server.requests) > sent


def test_what_was_answered_before_the_server_failed_is_kept(server, serve) -> None:
    documents = [f"the cat sat on {i}" for i in range(10)]
    model = serve(concurrency=1, attempts=1)
    model.load()
    server.tricks = deque([None] * 6)
    server.always = failing(503)
    with pytest.raises(UnavailableError, match="answers so far are stored"):
        model.score(documents)
    server.always = None
    before = len(server.requests)
    scores = serve().score(documents)
    assert len(server.requests) - before == 4
    assert [float(score.logprobs.sum()) for score in scores] == pytest.approx(
        [sum(_known(document, -math.log(VOCABULARY))[1]) for document in documents]
    )


def test_what_was_answered_before_a_process_was_killed_is_kept(server, serve) -> None:
    serve().load()
    server.tricks = deque([None] * 6)
    server.always = lambda *_: os.kill(killed.pid, 9) or True
    code = (
        "from lmbench import build\n"
        f"build('openai:tiny,url={server.url},vocabulary={VOCABULARY},concurrency=1')"
        ".score([f'the cat sat on {i}' for i in range(10)])"
    )
    killed = subprocess.Popen([sys.executable, "-c", code])
    killed.wait()
    server.always = None
    before = len(server.requests)
    serve().score([f"the cat sat on {i}" for i in range(10)])
    assert len(server.requests) - before == 4


def _drop(choice) -> None:
    del choice["logprobs"]["tokens"][2], choice["logprobs"]["token_logprobs"][2]


def _set(position: int, value) -> None:
    def change(choice):
        choice["logprobs"]["token_logprobs"][position] = value

    return changing(change)


def _truncate(choice) -> None:
    choice["logprobs"]["tokens"] = choice["logprobs"]["tokens"][-3:]
    choice["logprobs"]["token_logprobs"] = choice["logprobs"]["token_logprobs"][-3:]


def _tokenize_otherwise(choice) -> None:
    choice["logprobs"]["tokens"] = [name.lower().strip() for name in choice["logprobs"]["tokens"]]


@pytest.mark.parametrize(
    ("trick", "message"),
    [
        (changing(_drop), "do not spell the text from byte 0 to 14"),
        (changing(_truncate), "do not spell the text"),
        (changing(_tokenize_otherwise), "do not spell the text"),
        (_set(2, None), r"token 2 of a request \(' sat'\) no log-probability"),
        (_set(2, math.nan), "log-probability nan"),
        (_set(2, 0.5), "log-probability 0.5"),
        (_set(2, -9999.0), "log-probability -9999"),
        (changing(lambda choice: choice.update(logprobs=None)), "gives no log-probabilities"),
    ],
)
def test_a_document_with_an_answer_that_is_not_whole_is_refused(server, serve, trick, message) -> None:
    model = serve()
    model.load()
    server.always = trick
    with pytest.raises(ScoreError, match=message):
        model.score(("the cat sat on",))


def _echo_nothing(choice) -> None:
    for values in choice["logprobs"].values():
        if values:
            del values[:-1]


def _hide_generated(choice) -> None:
    del choice["logprobs"]["tokens"][-1], choice["logprobs"]["token_logprobs"][-1]
    choice["finish_reason"] = "stop"


@pytest.mark.parametrize(
    ("trick", "message"),
    [
        (changing(_echo_nothing), "do not spell the prompt"),
        (changing(_hide_generated), "nothing shows that its log-probabilities belong to their tokens"),
        (changing(lambda choice: choice.update(logprobs=None)), "gives no log-probabilities"),
        (failing(400, "echo with logprobs is not supported"), "echo with logprobs is not supported"),
    ],
)
def test_a_server_that_gives_no_log_probabilities_of_prompts_is_refused(server, serve, trick, message) -> None:
    server.always = trick
    with pytest.raises(ScoreError, match=message):
        serve().load()


def test_a_server_that_shifts_its_log_probabilities_is_refused(server, serve) -> None:
    server.shift = 1
    with pytest.raises(ScoreError, match="do not belong to their tokens"):
        serve().load()


def test_a_server_that_drops_parts_of_characters_is_refused_for_texts_that_have_them(server, serve) -> None:
    server.name = name_like_llama_cpp
    model = serve()
    _require_known(model, "the cat sat 中文", -math.log(VOCABULARY))
    with pytest.raises(ScoreError, match="do not spell the text"):
        model.score(("字",))


def test_something_must_say_what_the_first_token_costs(server, serve) -> None:
    with pytest.raises(SpecError, match=r"bos=<\|endoftext\|>, or the number of the model's tokens as vocabulary=V"):
        serve(vocabulary=0).load()
    with pytest.raises(SpecError, match=f"vocabulary= does nothing: each request begins with the BOS '{BOS}'"):
        serve(bos=BOS, vocabulary=9).load()


def test_a_bos_that_the_server_does_not_know_is_refused(serve) -> None:
    with pytest.raises(ScoreError, match="do not spell the prompt '<bos>The quick"):
        serve(bos="<bos>").load()


def test_prompt_logprobs_need_a_bos(serve) -> None:
    with pytest.raises(ScoreError, match="needs a BOS"):
        serve(ask="prompt_logprobs").load()


def test_the_key_is_nowhere_but_in_the_header(server, serve, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    model = serve()
    model.score((DOCUMENT,))
    assert server.requests[0][0]["Authorization"] == f"Bearer {KEY}"
    shown = f"{model.signature()} {model.options} {model.options.identity()} {model.options.model_dump()} {vars(model)}"
    assert KEY not in shown
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    assert not any(KEY.encode() in path.read_bytes() for path in files)


def test_the_suite_finds_nothing_wrong_but_cannot_verify_it(serve) -> None:
    outcomes = check_model(lambda: serve(batch=64, concurrency=1))
    assert {outcome.check for outcome in outcomes if outcome.status == "fail"} == set()
    assert find_doubt(outcomes) == "normalization cannot be checked: the model offers no next-event distribution"
    assert {"tiling", "finite", "sums", "causality", "cuts", "batches", "continuations", "unknown-words", "long"} <= {
        outcome.check for outcome in outcomes if outcome.status == "pass"
    }
