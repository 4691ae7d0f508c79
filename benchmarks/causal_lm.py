"""Compare lmbench with lm-evaluation-harness's rolling log-likelihood and evaluate's perplexity on a causal model.

    python benchmarks/causal_lm.py                     a random GPT-2 small with its context of 1,024 tokens
    python benchmarks/causal_lm.py --context 256 --batch 8 --repeat 5

All systems score the same texts with the same model, context, stride and BOS. They run alternately, each in a new
process, and the printed figures are medians. On Linux it is forked from a process that has imported torch and
transformers, and used nothing of them. lmbench chooses its batch size; the other systems use --batch or their
defaults, which are one window (lm_eval) and 16 documents (evaluate).

"peak" is the peak memory of the whole process. "loaded" is the peak after scoring one letter, which uses all weights:
no process that holds these weights can need less.

evaluate's metric is a script on the Hugging Face hub. This benchmark repeats the steps of release 0.4, which pads
batches of whole documents and computes float32 logits for the whole batch. lm_eval needs the package 'lm-eval[hf]'.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoModelForCausalLM, AutoTokenizer, GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from lmbench import ModelSpec, build, load_corpus
from lmbench.runs.memory import peak_bytes

BOS = "<|endoftext|>"
Result = TypeVar("Result")


@dataclass(frozen=True)
class Task:
    """The input of every system.

    Attributes:
        folder: The folder of the model.
        documents: The texts to score.
        context: Context and stride, in tokens.
        batch: Windows or documents to score at once; 0 for the system's default.
    """

    folder: str
    documents: list[str]
    context: int
    batch: int


@dataclass(frozen=True)
class Measurement:
    """The scores and costs of one system.

    Attributes:
        nats: Log-probability of each document.
        seconds: Wall-clock time.
        cpu_seconds: CPU time.
        loaded_bytes: Peak memory once the weights are loaded.
        peak_bytes: Peak memory at the end.
    """

    nats: list[float]
    seconds: float
    cpu_seconds: float
    loaded_bytes: int
    peak_bytes: int


def write_model(folder: Path, layers: int, width: int, context: int) -> None:
    """Write a GPT-2 with random weights and 50,257 embeddings, and a tokenizer trained on pydocs."""
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
    """Return texts of exactly `length` tokens."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = tokenizer("".join(load_corpus("pydocs").train.documents), verbose=False)["input_ids"]
    cut = (tokenizer.decode(ids[i : i + length]) for i in range(0, len(ids) - length, length))
    fit = (text for text in cut if len(tokenizer(text, verbose=False)["input_ids"]) == length)
    return [next(fit) for _ in range(number)]


def measure_lmbench(task: Task) -> Measurement:
    """Measure lmbench's `hf` model."""
    options = {"path": task.folder, "context": task.context, "stride": task.context}
    model = build(ModelSpec("hf", tuple((name, str(value)) for name, value in options.items())))
    model.load()
    return measure(task, lambda texts: [float(score.logprobs.sum()) for score in model.score(texts)])


def measure_lm_eval(task: Task) -> Measurement:
    """Measure the rolling log-likelihood of lm_eval's Hugging Face model."""
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    batch = task.batch or 1
    model = HFLM(pretrained=task.folder, device="cpu", dtype="float32", batch_size=batch, max_length=task.context)

    def nats(texts: list[str]) -> list[float]:
        requests = [Instance("loglikelihood_rolling", {}, (text,), 0) for text in texts]
        return [float(logprob) for logprob in model.loglikelihood_rolling(requests, disable_tqdm=True)]

    return measure(task, nats)


def measure_evaluate(task: Task) -> Measurement:
    """Measure the steps of evaluate's perplexity on documents that fit into the context, converted to nats."""
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

    return measure(task, lambda texts: [one for i in range(0, len(texts), size) for one in nats(texts[i : i + size])])


def measure(task: Task, score: Callable[[list[str]], list[float]]) -> Measurement:
    """Measure a system after it has scored one letter, which initializes libraries and loads weights into memory."""
    score(["a"])
    loaded, started, cpu_started = peak_bytes(), time.perf_counter(), time.process_time()
    nats = score(task.documents)
    return Measurement(nats, time.perf_counter() - started, time.process_time() - cpu_started, loaded, peak_bytes())


SYSTEMS = {"lmbench": measure_lmbench, "lm-eval": measure_lm_eval, "evaluate": measure_evaluate}


def call_in_new_process(function: Callable[..., Result], *arguments: object) -> Result:
    """Return what a function returns in a process of its own. This process never uses torch, so that it can fork."""
    context = get_context("fork" if sys.platform == "linux" else "spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(function, *arguments).result()


def row(system: str, runs: Sequence[Measurement], ours: Sequence[Measurement], tokens: int) -> str:
    """Return a system's row of the table, in which ratios compare it with lmbench's runs."""

    def median_of(figure: Callable[[Measurement], float]) -> float:
        return median(map(figure, runs))

    pairs = list(zip(runs, ours, strict=True))
    cpu_ratio = median(run.cpu_seconds / our.cpu_seconds for run, our in pairs)
    peak_ratio = median(our.peak_bytes / run.peak_bytes for run, our in pairs)
    return (
        f"  {system:9} {tokens / median_of(lambda run: run.seconds):6,.0f} tokens/s"
        f" {tokens / median_of(lambda run: run.cpu_seconds):6,.0f} tokens/CPU-s"
        f" ({cpu_ratio:4.2f} times the CPU time of lmbench)"
        f"  peak {median_of(lambda run: run.peak_bytes) / 2**20:6,.0f} MiB (lmbench: {peak_ratio:4.0%} of it),"
        f" loaded {median_of(lambda run: run.loaded_bytes) / 2**20:4,.0f},"
        f" added {median_of(lambda run: run.peak_bytes - run.loaded_bytes) / 2**20:6,.0f}"
        f"  {sum(runs[0].nats):.4f} nats, largest difference for a document {largest_difference(runs[0], ours[0]):.2g}"
    )


def largest_difference(one: Measurement, other: Measurement) -> float:
    """Return the largest difference between two systems' scores of a document, in nats."""
    return float(np.abs(np.subtract(one.nats, other.nats)).max())


def compare(folder: Path, length: int, options: argparse.Namespace, systems: Sequence[str]) -> None:
    """Measure systems alternately on documents of `length` tokens, and print a row for each."""
    documents = call_in_new_process(texts, folder, options.documents, length)
    task = Task(str(folder), documents, options.context, options.batch)
    sizes = f"{len(documents)} documents of {length} tokens, context and stride {options.context}"
    print(f"{sizes}, medians of {options.repeat}:")
    rounds = [{system: call_in_new_process(SYSTEMS[system], task) for system in systems} for _ in range(options.repeat)]
    for system in systems:
        runs, ours = [each[system] for each in rounds], [each["lmbench"] for each in rounds]
        print(row(system, runs, ours, length * len(documents)), flush=True)


def arguments() -> Any:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layers", type=int, default=12, help="number of layers")
    parser.add_argument("--width", type=int, default=768, help="width of the model")
    parser.add_argument("--context", type=int, default=1024, help="context and stride in tokens")
    parser.add_argument("--documents", type=int, default=2, help="number of documents")
    parser.add_argument("--batch", type=int, default=0, help="batch size of the other systems; 0: their defaults")
    parser.add_argument("--repeat", type=int, default=5, help="number of measurements behind each median")
    parser.add_argument(
        "--only",
        choices=["long", "short"],
        help="measure only documents longer or only documents shorter than the context",
    )
    return parser.parse_args()


def main() -> None:
    """Compare the systems on long and on short documents."""
    options = arguments()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        call_in_new_process(write_model, folder, options.layers, options.width, options.context)
        if options.only != "short":
            compare(folder, 2 * options.context, options, ["lmbench", "lm-eval"])  # evaluate truncates long documents
        if options.only != "long":
            compare(folder, options.context - 1, options, list(SYSTEMS))


if __name__ == "__main__":
    main()
