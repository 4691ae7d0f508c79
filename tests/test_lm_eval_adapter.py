"""lm_eval's own evaluation of the tasks in docs/lm-eval.md gives the numbers of lmbench's scores."""

import json
import math
import re
import subprocess
import sys
from importlib.metadata import entry_points

import pytest

from lmbench import build, load_corpus
from lmbench.errors import SpecError, UnknownNameError
from lmbench.generation import Sampler, generate
from tests.checkpoints import BOS, byte_level, gpt2, save
from tests.test_docs import blocks

pytest.importorskip("lm_eval", reason="lm-eval is not installed")

import datasets
import lm_eval.__main__
from lm_eval import simple_evaluate
from lm_eval.api.instance import Instance
from lm_eval.api.model import LM
from lm_eval.api.registry import Registry
from lm_eval.tasks import TaskManager

from lmbench import lm_eval_adapter
from lmbench.lm_eval_adapter import LmbenchLM

TRAIN = "the cat sat on the mat\nthe dog sat on the log\na cat and a dog\nthe cat saw the dog\n" * 5
QUESTIONS = [
    {"query": "the cat sat on the", "choices": ["mat", "dog"], "gold": 0},
    {"query": "a cat and a", "choices": ["log", "dog", "zebra"], "gold": 1},
    {"query": "the dog", "choices": ["on", "sat on the log"], "gold": 1},
    {"query": "the cat saw", "choices": ["the the the", "a"], "gold": 0},
]
TEXTS = ["the cat sat on the mat\n", "a zebra sat on the dog\n", "the  log é"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Change to a folder with a text to fit on, and the tasks of the documentation with their files."""
    (tmp_path / "text.txt").write_text(TRAIN)
    (tmp_path / "choices.jsonl").write_text("".join(json.dumps(question) + "\n" for question in QUESTIONS))
    (tmp_path / "texts.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS))
    (tmp_path / "tasks").mkdir()
    for number, task in enumerate(blocks("docs/lm-eval.md", "yaml")):
        (tmp_path / f"tasks/{number}.yaml").write_text(task)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    return tmp_path


def fitted(spec):
    model = build(spec)
    model.fit(load_corpus("text.txt").training)
    return model


def requests(*arguments):
    return [Instance("loglikelihood", {}, pair, number) for number, pair in enumerate(arguments)]


@pytest.mark.parametrize("spec", ["uniform", "kenlm:order=2", "kenlm:order=2;min_count=1;tokenizer=pieces"])
def test_lm_evals_numbers_are_lmbenchs(folder, spec):
    evaluated = simple_evaluate(
        model="lmbench",
        model_args=f"spec={spec},corpus=text.txt",
        tasks=["my_choices", "my_text"],
        task_manager=TaskManager(include_path=str(folder / "tasks"), include_defaults=False),
        bootstrap_iters=0,
    )
    model = fitted(spec.replace(";", ","))
    right = 0
    for question in QUESTIONS:
        costs = [model.score_continuation(question["query"], f" {choice}") for choice in question["choices"]]
        right += costs.index(max(costs)) == question["gold"]
    nats = sum(float(score.logprobs.sum()) for score in model.score(TEXTS))
    size = sum(len(text.encode()) for text in TEXTS)
    words = sum(len(re.split(r"\s+", text)) for text in TEXTS)
    results = evaluated["results"]
    assert results["my_choices"]["acc,none"] == right / len(QUESTIONS)
    assert results["my_text"]["bits_per_byte,none"] == pytest.approx(-nats / math.log(2) / size, rel=1e-9)
    assert results["my_text"]["byte_perplexity,none"] == pytest.approx(math.exp(-nats / size), rel=1e-9)
    assert results["my_text"]["word_perplexity,none"] == pytest.approx(math.exp(-nats / words), rel=1e-9)
    assert evaluated["config"]["lmbench_signature"] == str(model.signature())


def test_uniform_bytes_cost_eight_bits(folder):
    [(nats, greedy)] = LmbenchLM("uniform", "text.txt").loglikelihood(requests(("anything", " é")))
    assert nats == pytest.approx(-3 * math.log(256))
    assert greedy is False  # all bytes are equally likely


def test_a_greedy_continuation_is_the_most_likely(folder):
    """In the text "sat" is always followed by "on", and "the" by "cat" as often as by "dog"."""
    model = LmbenchLM("kenlm:order=2;tokenizer=words", "text.txt")
    texts = [("the cat sat", " on the"), ("", "the"), ("the cat sat", " on a"), ("the", " cat"), ("the", " zebra")]
    assert [greedy for _, greedy in model.loglikelihood(requests(*texts))] == [True, True, False, False, False]


def test_only_the_rest_of_an_event_across_the_seam_counts(folder):
    model = LmbenchLM("kenlm:order=2;tokenizer=words", "text.txt")
    [across, whole] = model.loglikelihood(requests(("the ca", "t"), ("the", " cat")))
    assert whole[0] < across[0] < 0
    assert across[1] == whole[1]


@pytest.mark.parametrize("number", [0, 1, 255, 256, 257, 600])
def test_batches_change_nothing(folder, number):
    model = LmbenchLM("kenlm:order=2", "text.txt")
    pairs = [(f"the {i}", " cat sat") for i in range(number)]
    own = fitted("kenlm:order=2")
    answers = model.loglikelihood(requests(*pairs))
    assert [nats for nats, _ in answers] == [own.score_continuation(*pair) for pair in pairs]


def test_a_pretrained_model_is_loaded(folder):
    tokenizer = byte_level()
    save(folder / "gpt", gpt2(tokenizer.get_vocab_size()), tokenizer, bos_token=BOS, eos_token=BOS)
    model = LmbenchLM(f"hf:{folder / 'gpt'}")
    own = build(f"hf:{folder / 'gpt'}")
    [(nats, greedy)] = model.loglikelihood(requests(("the cat", " sät")))
    assert nats == pytest.approx(own.score_continuation("the cat", " sät"), abs=1e-4)
    assert greedy is False
    nexts = own.next_events("the cat")
    [(_, greedy)] = model.loglikelihood(requests(("the cat", nexts.names[int(nexts.logprobs.argmax())])))
    assert greedy is True


def test_unusable_models_are_refused(folder):
    with pytest.raises(SpecError, match="'kenlm:order=2' must be fitted; add corpus="):
        LmbenchLM("kenlm:order=2")
    with pytest.raises(SpecError, match="'hf:x' is pretrained and cannot be fitted; leave corpus=pydocs out"):
        LmbenchLM("hf:x", "pydocs")
    with pytest.raises(UnknownNameError, match="did you mean 'order'"):
        LmbenchLM("kenlm:ordr=2", "text.txt")


def test_generated_text_ends_before_the_first_end_string(folder):
    model = LmbenchLM("kenlm:order=3;min_count=1", "text.txt")
    greedy = "".join(generate(model._model, "the", 20))
    whole, short, ended = model.generate_until(
        requests(
            ("the", {"until": [], "max_gen_toks": 20}),
            ("the", {"until": "no such end", "max_gen_toks": 1}),
            ("the", {"until": ["zz", greedy[3:6]], "max_gen_toks": 20}),
        )
    )
    assert whole == greedy
    assert greedy.startswith(short)
    assert len(short) < len(greedy)
    assert ended == greedy[: greedy.index(greedy[3:6])]
    drawn = ("the", {"until": [], "max_gen_toks": 20, "do_sample": True, "temperature": 2.0})
    assert model.generate_until(requests(drawn)) == [
        "".join(generate(model._model, "the", 20, Sampler(temperature=2.0)))
    ]


AS_MODULE = """
import functools, runpy
import lm_eval.tasks
lm_eval.tasks.TaskManager = functools.partial(lm_eval.tasks.TaskManager, include_defaults=False)
runpy.run_module("lmbench.lm_eval_adapter", run_name="__main__", alter_sys=True)
"""


def test_the_command_line(folder):
    """As `python -m lmbench.lm_eval_adapter` runs it, but without lm_eval's own tasks, which take 12 s to list."""
    command = [sys.executable, "-c", AS_MODULE, "--model", "lmbench", "--include_path", "tasks"]
    command += ["--tasks", "my_choices,my_text", "--model_args", "spec=kenlm:order=3;min_count=1,corpus=text.txt"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "|my_choices|" in done.stdout
    assert "|bits_per_byte" in done.stdout


def test_lm_eval_finds_the_model_by_its_entry_point():
    """As its versions with plugins do: a registry holds the entry point, and loading it runs `register_model`."""
    [entry_point] = entry_points(group="lm_eval.models", name="lmbench")
    registry = Registry("model", base_cls=LM)
    registry.register("lmbench", target=entry_point)
    assert registry.get("lmbench") is LmbenchLM


def test_an_error_on_the_command_line_is_one_line(monkeypatch, capsys):
    monkeypatch.setattr(lm_eval.__main__, "cli_evaluate", lambda: LmbenchLM("kenlm"))
    with pytest.raises(SystemExit) as caught:
        lm_eval_adapter.main()
    assert caught.value.code == 2
    assert capsys.readouterr().err == "Error: 'kenlm' must be fitted; add corpus=NAME_OR_PATH\n"


def test_only_the_adapter_imports_lm_eval():
    code = (
        "import sys, lmbench, lmbench.cli.commands, lmbench.runs.runner, lmbench.registry; "
        "print('lm_eval' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"
