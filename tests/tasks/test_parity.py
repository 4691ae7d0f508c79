"""lm_eval's own definitions of the tasks ask the same, and find the same answers right, with the same checkpoint."""

import numpy as np
import pytest

pytest.importorskip("lm_eval", reason="lm-eval is not installed")
pytest.importorskip("accelerate", reason="lm-eval's own models need lm-eval[hf]")

import datasets

from benchmarks.tasks_parity import (
    PAIRS,
    Answers,
    ask_lm_eval,
    ask_lmbench,
    compare,
    compare_task,
    prepare,
    read_records,
    respond_by_tokens,
    write_definition,
)  # fmt: skip
from lmbench.tasks.cloze import Cloze
from lmbench.tasks.loading import load_task
from lmbench.tasks.public import cut_last_word
from lmbench.tasks.respond import respond
from tests.checkpoints import BOS, byte_level, gpt2, save

PASSAGES = [
    "the cat sat on the mat, and the dog sat on the log. the cat was glad, and so was the dog",
    "“a mat,” said the cat.\n\n“a log,” said the dog, “is a mat",
    "the dog was glad of the log; the cat was glad of the\nmat",
]


@pytest.fixture(scope="module")
def systems(tmp_path_factory):
    tokenizer = byte_level()
    folder = tmp_path_factory.mktemp("parity") / "gpt"
    return prepare(
        save(folder, gpt2(tokenizer.get_vocab_size(), positions=1024), tokenizer, bos_token=BOS, eos_token=BOS)
    )


@pytest.fixture
def check_parity(systems, tmp_path, monkeypatch):
    """Return a function that compares lmbench's answers to some records of a task with those of lm_eval's models."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")

    def check(name, task, records, items):
        write_definition(tmp_path, "parity", PAIRS[name], records)
        for peer, answer in (("hf", respond_by_tokens), ("lmbench", respond)):
            theirs = ask_lm_eval(systems.peers[peer], tmp_path, "parity", PAIRS[name])
            ours = ask_lmbench(systems, task, items, answer)
            assert ours.requests == theirs.requests
            assert np.concatenate(ours.nats) == pytest.approx(np.concatenate(theirs.nats), abs=1e-4)
            shared = [{metric: found[metric] for metric in PAIRS[name].metrics.values()} for found in ours.measures]
            assert shared == theirs.measures
        return ours

    return check


@pytest.mark.parametrize("name", ["blimp-half", "arc-easy", "copa"])
def test_choices_are_those_of_lm_eval(mirror, check_parity, name):
    task, records = load_task(name), read_records(PAIRS[name])
    places = range(0, len(records), len(records) // 8)
    ours = check_parity(name, task, [records[place] for place in places], [task.items[place] for place in places])
    assert {0.0, 1.0} <= {found["accuracy"] for found in ours.measures}


def test_last_words_are_those_of_lm_eval(systems, check_parity):
    """Given the bytes of a context, whose last word may be longer, the next word is at most as likely."""
    texts = [*PASSAGES, write_greedily(systems.none)]
    items = [cut_last_word(text) for text in texts]
    task = Cloze("passages", tuple(items))
    check_parity("lambada", task, [{"text": text} for text in texts], items)
    by_bytes, by_tokens = (ask_lmbench(systems, task, items, answer) for answer in (respond, respond_by_tokens))
    differences = np.subtract(by_bytes.nats, by_tokens.nats)
    assert differences.max() < 1e-4
    assert differences.min() < -1  # the second one, after "is a", which tokens continue
    assert [found["accuracy"] for found in by_tokens.measures] == [0.0, 0.0, 0.0, 1.0]


def write_greedily(model):
    """Return the beginning of a passage and the token that the model predicts there, which is a word."""
    words = " ".join(PASSAGES).split(" ")
    for context in (" ".join(words[:number]) for number in range(3, len(words))):
        *_, (following, _) = model.follow(context)
        token = following.spellings[int(following.logprobs.argmax())].decode(errors="replace")
        if token.startswith(" ") and token.strip().isalpha():
            return context + token
    pytest.fail("the model predicts a word nowhere")


def test_the_script_prints_a_line_for_each_comparison(mirror, systems, capsys):
    compare_task("copa", systems, limit=2, seed=0)
    own, adapter, default = capsys.readouterr().out.splitlines()
    assert own.startswith("copa: lmbench and lm_eval's hf: requests 8 of 8, nats ")
    assert "; accuracy_gain " in own
    assert own.endswith(" alike on 2 of 2")
    assert adapter.startswith("copa: lmbench and lm_eval's lmbench: requests 8 of 8, nats ")
    assert default.startswith("copa: lmbench's own conventions: accuracy ")


def test_differences_are_counted():
    """Both choices of the second item differ from the other system's, by the same number of nats."""
    pairs = [[("a", " b"), ("a", " c")], [("d", " e"), ("d", " f")]]
    ours = Answers(pairs, [[-1.0, -2.0], [-4.0, -3.0]], [{"accuracy": 1.0}, {"accuracy": 0.0}])
    others = [[("a", " b"), ("a", "c")], [("d", " e"), ("d", " f")]]
    theirs = Answers(others, [[-1.0, -2.25], [-2.0, -1.0]], [{"accuracy": 1.0}, {"accuracy": 1.0}])
    assert compare(ours, theirs, ["accuracy"]) == (
        "requests 3 of 4, nats 2; accuracy 50.00 and 100.00 %, alike on 1 of 2"
    )
