"""Compare lmbench with lm-evaluation-harness's rolling log-likelihood and evaluate's perplexity, on a causal model.

    python benchmarks/causal_lm.py                     a random GPT-2 small with its context of 1,024 tokens
    python benchmarks/causal_lm.py --context 256 --batch 8 --repeat 5

All systems get the same folder, texts, context, stride and BOS, and take turns, each in a process of its own. The
printed figures are medians over the turns. The other systems score batches of their default size, one window (lm_eval)
and 16 documents (evaluate), or of --batch; lmbench chooses its own. Peak memory is that of the whole process. "loaded"
is its peak after scoring one letter, when all weights have been used: the least that a process with these weights in
memory can take. evaluate's metric is a script on the Hugging Face hub; this benchmark takes the same steps as release
0.4: padded batches of whole documents, and float32 logits for the whole batch. lm-eval needs 'lm-eval[hf]'.
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
    """What every system gets.

    Attributes:
        folder: The model.
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
    """What one system took.

    Attributes:
        nats: The cost of each document.
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
    """Write a model of GPT-2's architecture with random weights and 50,257 rows, and a tokenizer trained on pydocs."""
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
    options = {"path": task.folder, "context": task.context, "stride": task.context}
    model = build(ModelSpec("hf", tuple((name, str(value)) for name, value in options.items())))
    model.load()
    return measure(task, lambda texts: [float(score.logprobs.sum()) for score in model.score(texts)])


def measure_lm_eval(task: Task) -> Measurement:
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    batch = task.batch or 1
    model = HFLM(pretrained=task.folder, device="cpu", dtype="float32", batch_size=batch, max_length=task.context)

    def nats(texts: list[str]) -> list[float]:
        requests = [Instance("loglikelihood_rolling", {}, (text,), 0) for text in texts]
        return [float(logprob) for logprob in model.loglikelihood_rolling(requests, disable_tqdm=True)]

    return measure(task, nats)


def measure_evaluate(task: Task) -> Measurement:
    """Score whole documents, none longer than the context. Perplexities are turned into nats."""
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
    """Measure a system, after it has scored one letter: libraries set themselves up, and weights enter memory."""
    score(["a"])
    loaded, started, cpu_started = peak_bytes(), time.perf_counter(), time.process_time()
    nats = score(task.documents)
    return Measurement(nats, time.perf_counter() - started, time.process_time() - cpu_started, loaded, peak_bytes())


SYSTEMS = {"lmbench": measure_lmbench, "lm-eval": measure_lm_eval, "evaluate": measure_evaluate}


def run_system(system: str, task: Path) -> Measurement:
    """Measure a system on the task in a file, in a separate process."""
    command = [sys.executable, __file__, "--one", system, "--task", str(task)]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return Measurement(**json.loads(out.splitlines()[-1]))


def row(system: str, runs: Sequence[Measurement], ours: Sequence[Measurement], tokens: int) -> str:
    def middle(figure: Callable[[Measurement], float]) -> float:
        return median(map(figure, runs))

    pairs = list(zip(runs, ours, strict=True))
    cpu_ratio = median(run.cpu_seconds / our.cpu_seconds for run, our in pairs)
    peak_ratio = median(our.peak_bytes / run.peak_bytes for run, our in pairs)
    return (
        f"  {system:9} {tokens / middle(lambda run: run.seconds):6,.0f} tokens/s"
        f" {tokens / middle(lambda run: run.cpu_seconds):6,.0f} tokens/CPU-s"
        f" ({cpu_ratio:4.2f} times lmbench's CPU seconds)"
        f"  peak {middle(lambda run: run.peak_bytes) / 2**20:6,.0f} MiB (lmbench's is {peak_ratio:4.0%}),"
        f" loaded {middle(lambda run: run.loaded_bytes) / 2**20:4,.0f},"
        f" added {middle(lambda run: run.peak_bytes - run.loaded_bytes) / 2**20:6,.0f}"
        f"  {sum(runs[0].nats):.4f} nats, largest difference of a document {largest_difference(runs[0], ours[0]):.2g}"
    )


def largest_difference(one: Measurement, other: Measurement) -> float:
    return float(np.abs(np.subtract(one.nats, other.nats)).max())


def compare(folder: Path, name: str, length: int, options: argparse.Namespace, systems: Sequence[str]) -> None:
    """Measure systems in turns on documents of `length` tokens, and print a row for each."""
    documents = texts(folder, options.documents, length)
    path = folder / f"{name}.json"
    path.write_text(json.dumps(asdict(Task(str(folder), documents, options.context, options.batch))))
    print(
        f"{len(documents)} documents of {length} tokens, context and stride {options.context}, {options.repeat} turns:"
    )
    turns = [{system: run_system(system, path) for system in systems} for _ in range(options.repeat)]
    for system in systems:
        runs, ours = [turn[system] for turn in turns], [turn["lmbench"] for turn in turns]
        print(row(system, runs, ours, length * len(documents)), flush=True)


def arguments() -> Any:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layers", type=int, default=12, help="layers of the model")
    parser.add_argument("--width", type=int, default=768, help="width of the model")
    parser.add_argument("--context", type=int, default=1024, help="tokens of context, and of the stride")
    parser.add_argument("--documents", type=int, default=2, help="number of documents")
    parser.add_argument("--batch", type=int, default=0, help="batch size of the other systems; 0: their defaults")
    parser.add_argument("--repeat", type=int, default=5, help="turns of all systems")
    parser.add_argument("--only", choices=["long", "short"], help="only documents of two contexts, or of one")
    parser.add_argument("--one", choices=SYSTEMS, help=argparse.SUPPRESS)
    parser.add_argument("--task", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    options = arguments()
    if options.one:
        task = Task(**json.loads(options.task.read_text()))
        print(json.dumps(asdict(SYSTEMS[options.one](task))))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_model(folder, options.layers, options.width, options.context)
        if options.only != "short":
            compare(folder, "long", 2 * options.context, options, ["lmbench", "lm-eval"])  # evaluate truncates
        if options.only != "long":
            compare(folder, "short", options.context - 1, options, list(SYSTEMS))


if __name__ == "__main__":
    main()
