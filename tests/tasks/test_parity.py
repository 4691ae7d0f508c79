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
    write_definition,
)
from lmbench import LanguageModel
from lmbench.tasks.cloze import Cloze
from lmbench.tasks.loading import load_task
from lmbench.tasks.public import cut_last_word
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
def ask(systems, tmp_path, monkeypatch):
    """Return a function that has lmbench and lm_eval's models answer some records of a task, and returns the answers.

    All are asked for the same texts, and the adapter's log-probabilities are those of lmbench's task.
    """
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")

    def answer(name, task, records, items):
        write_definition(tmp_path, "parity", PAIRS[name], records)
        ours = ask_lmbench(systems.first, systems.none, task, items)
        own, adapter = (ask_lm_eval(model, tmp_path, "parity", PAIRS[name]) for model in systems.peers.values())
        assert own.requests == adapter.requests == ours.requests
        assert np.concatenate(adapter.nats) == pytest.approx(np.concatenate(ours.nats), abs=1e-4)
        return ours, own, adapter

    return answer


@pytest.mark.parametrize("name", ["blimp-half", "arc-easy", "copa"])
def test_choices_are_those_of_lm_eval(mirror, ask, name):
    """lm_eval conditions on the tokens of a context and lmbench on its bytes, which is the same for all choices."""
    task, records = load_task(name), read_records(PAIRS[name])
    places = range(0, len(records), len(records) // 8)
    items = [task.items[place] for place in places]
    ours, own, adapter = ask(name, task, [records[place] for place in places], items)
    for nats, theirs, item in zip(ours.nats, own.nats, items, strict=True):
        given = len(item.choices)
        assert np.diff(nats[:given]) == pytest.approx(np.diff(theirs[:given]), abs=1e-4)
        assert nats[given:] == pytest.approx(theirs[given:], abs=1e-4)  # without context
    shared = [{metric: found[metric] for metric in PAIRS[name].metrics.values()} for found in ours.measures]
    assert own.measures == adapter.measures == shared
    assert {0.0, 1.0} <= {found["accuracy"] for found in ours.measures}


def test_last_words_are_those_of_lm_eval(systems, ask):
    items = [cut_last_word(text) for text in PASSAGES]
    task = Cloze("passages", tuple(items))
    ours, own, _ = ask("lambada", task, [{"text": text} for text in PASSAGES], items)
    model = systems.none
    for [request], [nats], [theirs] in zip(ours.requests, ours.nats, own.nats, strict=True):
        [whole] = model.score(["".join(request)])
        assert nats <= theirs + 1e-4  # given the bytes of the context, its last word may be longer
        assert LanguageModel.conditional_logprob(model, *request, whole) == pytest.approx(theirs, abs=1e-4)


def test_the_script_prints_a_line_for_each_comparison(mirror, systems, capsys):
    compare_task("copa", systems, limit=2, seed=0)
    own, adapter, default = capsys.readouterr().out.splitlines()
    assert own.startswith("copa: lmbench and lm_eval's hf: requests 8 of 8, nats ")
    assert "; accuracy_gain " in own
    assert own.endswith(" alike on 2 of 2")
    assert adapter.startswith("copa: lmbench and lm_eval's lmbench: requests 8 of 8, nats ")
    assert default.startswith("copa: lmbench with BOS before every text: accuracy ")


def test_differences_are_counted():
    """Both choices of the second item differ from the other system's, by the same number of nats."""
    pairs = [[("a", " b"), ("a", " c")], [("d", " e"), ("d", " f")]]
    ours = Answers(pairs, [[-1.0, -2.0], [-4.0, -3.0]], [{"accuracy": 1.0}, {"accuracy": 0.0}])
    others = [[("a", " b"), ("a", "c")], [("d", " e"), ("d", " f")]]
    theirs = Answers(others, [[-1.0, -2.25], [-2.0, -1.0]], [{"accuracy": 1.0}, {"accuracy": 1.0}])
    assert compare(ours, theirs, ["accuracy"]) == (
        "requests 3 of 4, nats 2, in an item 0.25; accuracy 50.00 and 100.00 %, alike on 1 of 2"
    )
