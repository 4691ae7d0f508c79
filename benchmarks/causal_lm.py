"""Scoring with a causal model: lmbench beside lm-evaluation-harness's rolling log-likelihood and evaluate's perplexity.

    python benchmarks/causal_lm.py                     a random GPT-2 small, its context of 1,024 tokens
    python benchmarks/causal_lm.py --context 256 --batch 8 --repeat 5

Each is given the same folder, texts, context, stride and BOS, in a process of its own, one after the other in turns;
what is printed are medians over the turns. The peers score batches as they do where a user says nothing, one window
(lm_eval) and 16 documents (evaluate), or --batch; lmbench chooses. Peak memory is the whole process's: "loaded" is its
peak once all weights were used, for one letter, and no way of scoring with them in memory can be below it.
evaluate's metric is a script on the Hugging Face hub; what its release 0.4 computes is done here in the same steps:
padded batches of whole documents, and float32 logits for all of a batch. lm-eval's models need 'lm-eval[hf]'.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoModelForCausalLM, AutoTokenizer, GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from lmbench import ModelSpec, build, load_corpus
from lmbench.runs.worker import peak_bytes

BOS = "<|endoftext|>"


@dataclass(frozen=True)
class Task:
    """What every system is given, and after it what one of them made of it."""

    folder: str
    documents: list[str]
    context: int
    batch: int


@dataclass(frozen=True)
class Outcome:
    """Nats of each document; seconds, CPU seconds, and peaks in bytes: with the weights loaded, and in the end."""

    nats: list[float]
    seconds: float
    cpu: float
    loaded: int
    peak: int


def write_model(folder: Path, layers: int, width: int, context: int) -> None:
    """GPT-2's architecture with random weights and its 50,257 rows, and a byte-level tokenizer learned on pydocs."""
    torch.manual_seed(0)
    config = GPT2Config(
        n_layer=layers, n_embd=width, n_head=width // 64, n_positions=context, bos_token_id=0, eos_token_id=0
    )
    GPT2LMHeadModel(config).save_pretrained(folder)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=8000, initial_alphabet=alphabet, special_tokens=[BOS], show_progress=False)
    tokenizer.train_from_iterator(load_corpus("pydocs").train.documents, trainer)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=BOS, eos_token=BOS).save_pretrained(folder)


def texts(folder: Path, number: int, length: int) -> list[str]:
    """Texts of exactly `length` tokens."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = tokenizer("".join(load_corpus("pydocs").train.documents), verbose=False)["input_ids"]
    cut = (tokenizer.decode(ids[i : i + length]) for i in range(0, len(ids) - length, length))
    fit = (text for text in cut if len(tokenizer(text, verbose=False)["input_ids"]) == length)
    return [next(fit) for _ in range(number)]


def with_lmbench(task: Task) -> Outcome:
    options = {"path": task.folder, "context": task.context, "stride": task.context}
    model = build(ModelSpec("hf", tuple((name, str(value)) for name, value in options.items())))
    model.load()
    return measured(task, lambda texts: [float(score.logprobs.sum()) for score in model.score(texts)])


def with_lm_eval(task: Task) -> Outcome:
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    batch = task.batch or 1
    model = HFLM(pretrained=task.folder, device="cpu", dtype="float32", batch_size=batch, max_length=task.context)

    def nats(texts: list[str]) -> list[float]:
        asked = [Instance("loglikelihood_rolling", {}, (text,), 0) for text in texts]
        return [float(one) for one in model.loglikelihood_rolling(asked, disable_tqdm=True)]

    return measured(task, nats)


def with_evaluate(task: Task) -> Outcome:
    """Whole documents of at most the context; perplexities become nats."""
    tokenizer = AutoTokenizer.from_pretrained(task.folder)
    model = AutoModelForCausalLM.from_pretrained(task.folder).eval()
    tokenizer.pad_token = tokenizer.eos_token
    size = task.batch or 16

    @torch.no_grad()
    def nats(batch: list[str]) -> list[float]:
        encoded = tokenizer(batch, add_special_tokens=False, padding=True, return_tensors="pt")
        ids, mask = encoded["input_ids"], encoded["attention_mask"]
        bos = torch.full((len(batch), 1), tokenizer.bos_token_id)
        ids, mask = torch.cat([bos, ids], 1), torch.cat([torch.ones_like(bos), mask], 1)
        logits = model(ids, attention_mask=mask).logits[:, :-1].contiguous()
        losses = torch.nn.CrossEntropyLoss(reduction="none")(logits.transpose(1, 2), ids[:, 1:])
        lengths = mask[:, 1:].sum(1)
        perplexities = torch.exp((losses * mask[:, 1:]).sum(1) / lengths)
        return [-math.log(one) * length for one, length in zip(perplexities.tolist(), lengths.tolist(), strict=True)]

    return measured(task, lambda texts: [one for i in range(0, len(texts), size) for one in nats(texts[i : i + size])])


def measured(task: Task, score: Callable[[list[str]], list[float]]) -> Outcome:
    """One letter comes first: libraries set themselves up, and weights are in memory once they are read."""
    score(["a"])
    loaded, started, cpu = peak_bytes(), time.perf_counter(), time.process_time()
    nats = score(task.documents)
    return Outcome(nats, time.perf_counter() - started, time.process_time() - cpu, loaded, peak_bytes())


SYSTEMS = {"lmbench": with_lmbench, "lm-eval": with_lm_eval, "evaluate": with_evaluate}


def asked(system: str, task: Path) -> Outcome:
    """What a process of its own makes of the task in this file."""
    command = [sys.executable, __file__, "--one", system, "--task", str(task)]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return Outcome(**json.loads(out.splitlines()[-1]))


def line(system: str, runs: Sequence[Outcome], ours: Sequence[Outcome], tokens: int) -> str:
    def middle(get: Callable[[Outcome], float]) -> float:
        return median(map(get, runs))

    cpu = median(one.cpu / other.cpu for one, other in zip(runs, ours, strict=True))
    peak = median(other.peak / one.peak for one, other in zip(runs, ours, strict=True))
    return (
        f"  {system:9} {tokens / middle(lambda run: run.seconds):6,.0f} tokens/s"
        f" {tokens / middle(lambda run: run.cpu):6,.0f} tokens/CPU-s ({cpu:4.2f} times lmbench's CPU seconds)"
        f"  peak {middle(lambda run: run.peak) / 2**20:6,.0f} MiB (lmbench's is {peak:4.0%}),"
        f" loaded {middle(lambda run: run.loaded) / 2**20:4,.0f},"
        f" added {middle(lambda run: run.peak - run.loaded) / 2**20:6,.0f}"
        f"  {sum(runs[0].nats):.4f} nats, most a document differs {differing(runs[0], ours[0]):.2g}"
    )


def differing(one: Outcome, other: Outcome) -> float:
    return float(np.abs(np.subtract(one.nats, other.nats)).max())


def compare(folder: Path, name: str, length: int, given: argparse.Namespace, systems: Sequence[str]) -> None:
    documents = texts(folder, given.documents, length)
    path = folder / f"{name}.json"
    path.write_text(json.dumps(asdict(Task(str(folder), documents, given.context, given.batch))))
    print(f"{len(documents)} documents of {length} tokens, context and stride {given.context}, {given.repeat} turns:")
    turns = [{system: asked(system, path) for system in systems} for _ in range(given.repeat)]
    for system in systems:
        runs, ours = [turn[system] for turn in turns], [turn["lmbench"] for turn in turns]
        print(line(system, runs, ours, length * len(documents)), flush=True)


def arguments() -> Any:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layers", type=int, default=12, help="of the model")
    parser.add_argument("--width", type=int, default=768)
    parser.add_argument("--context", type=int, default=1024)
    parser.add_argument("--documents", type=int, default=2)
    parser.add_argument("--batch", type=int, default=0, help="windows that the peers score at once; 0: their defaults")
    parser.add_argument("--repeat", type=int, default=5, help="turns of all systems")
    parser.add_argument("--only", choices=["long", "short"], help="documents of two contexts, or of one")
    parser.add_argument("--one", choices=SYSTEMS, help=argparse.SUPPRESS)
    parser.add_argument("--task", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    given = arguments()
    if given.one:
        task = Task(**json.loads(given.task.read_text()))
        print(json.dumps(asdict(SYSTEMS[given.one](task))))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_model(folder, given.layers, given.width, given.context)
        if given.only != "short":
            compare(folder, "long", 2 * given.context, given, ["lmbench", "lm-eval"])  # evaluate would cut them off
        if given.only != "long":
            compare(folder, "short", given.context - 1, given, list(SYSTEMS))


if __name__ == "__main__":
    main()
