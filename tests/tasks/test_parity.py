"""lm_eval's own definitions of the tasks ask the same, and find the same answers right, with the same checkpoint."""

import numpy as np
import pytest

pytest.importorskip("lm_eval", reason="lm-eval is not installed")
pytest.importorskip("accelerate", reason="lm-eval's own models need lm-eval[hf]")

import datasets

from benchmarks.tasks_parity import PAIRS, ask_lm_eval, ask_lmbench, prepare, read_records, write_definition
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


def check_parity(systems, name, task, records, items, folder, monkeypatch):
    """Both systems are asked the same and measure the same; the adapter's log-probabilities are lmbench's own.

    lm_eval's `hf` conditions on the tokens of a context and lmbench on its bytes, so that theirs differ by what all
    choices of an item have in common.
    """
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", folder / "cache")
    write_definition(folder, "parity", PAIRS[name], records)
    ours = ask_lmbench(systems.first, systems.none, task, items)
    answers = {peer: ask_lm_eval(model, folder, "parity", PAIRS[name]) for peer, model in systems.peers.items()}
    assert answers["hf"].requests == answers["lmbench"].requests == ours.requests
    assert np.concatenate(answers["lmbench"].nats) == pytest.approx(np.concatenate(ours.nats), abs=1e-4)
    for place, (nats, theirs) in enumerate(zip(ours.nats, answers["hf"].nats, strict=True)):
        given = len(items[place].choices)
        assert np.diff(nats[:given]) == pytest.approx(np.diff(theirs[:given]), abs=1e-4)
        assert nats[given:] == pytest.approx(theirs[given:], abs=1e-4)  # without context
        for answer in answers.values():
            found = answer.measures[place]
            assert found == {metric: ours.measures[place][metric] for metric in found}
    return ours


@pytest.mark.parametrize("name", ["blimp-half", "arc-easy", "copa"])
def test_choices_are_those_of_lm_eval(mirror, systems, name, tmp_path, monkeypatch):
    task, records = load_task(name), read_records(PAIRS[name])
    places = range(0, len(records), len(records) // 8)
    items = [task.items[place] for place in places]
    ours = check_parity(systems, name, task, [records[place] for place in places], items, tmp_path, monkeypatch)
    rights = [found["accuracy"] for found in ours.measures]
    assert {0.0, 1.0} <= set(rights)


def test_the_last_words_are_those_of_lm_eval(systems, tmp_path, monkeypatch):
    items = [cut_last_word(text) for text in PASSAGES]
    records = [{"text": text} for text in PASSAGES]
    check_parity(systems, "lambada", Cloze("passages", tuple(items)), records, items, tmp_path, monkeypatch)
