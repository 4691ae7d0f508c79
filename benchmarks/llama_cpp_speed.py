"""Compare lmbench with llama.cpp and with transformers' own loop on the same GGUF file.

    python benchmarks/llama_cpp_speed.py FILE.gguf                      one thread, fables-en
    python benchmarks/llama_cpp_speed.py FILE.gguf --threads 2 --corpus pydocs --documents 4 --repeat 5

All systems score the same documents, each after one BOS and in one window. They run alternately, each in a new process,
and the printed figures are medians. llama.cpp runs through llama-cpp-python (``pip install llama-cpp-python``) with all
logits; it multiplies quantized weights with activations of 8 bits, so its log-probabilities differ a little. The other
systems use the same weights in float32. The loop of transformers pads batches of 16 documents and computes all logits,
as `evaluate` does.

"peak" is the peak memory of the whole process, and "loaded" that after one letter was scored.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from causal_lm import Measurement, measure, row

from lmbench import ModelSpec, build, load_corpus


@dataclass(frozen=True)
class Task:
    """The input of every system.

    Attributes:
        path: The GGUF file.
        documents: The texts to score.
        threads: Threads of the CPU.
    """

    path: str
    documents: list[str]
    threads: int


def measure_lmbench(task: Task) -> Measurement:
    """Measure lmbench's `hf` model."""
    import torch

    torch.set_num_threads(task.threads)
    model = build(ModelSpec("hf", (("path", task.path),)))
    model.load()
    return measure(task, lambda texts: [float(score.logprobs.sum()) for score in model.score(texts)])


def measure_llama_cpp(task: Task) -> Measurement:
    """Measure llama-cpp-python with all logits."""
    from llama_cpp import Llama

    tokens = Llama(task.path, vocab_only=True, verbose=False)
    context = 1 + max(len(tokens.tokenize(text.encode(), add_bos=False)) for text in task.documents)
    threads = {"n_threads": task.threads, "n_threads_batch": task.threads}
    model = Llama(task.path, n_ctx=context, logits_all=True, verbose=False, **threads)

    def nats(text: str) -> float:
        ids = model.tokenize(text.encode(), add_bos=False)
        model.reset()
        model.eval([model.token_bos(), *ids[:-1]])
        logits = model.scores[: len(ids)]
        largest = logits.max(axis=1)
        sums = np.log(np.exp(logits - largest[:, None]).sum(axis=1))
        return float((logits[np.arange(len(ids)), ids] - largest - sums).sum(dtype=np.float64))

    return measure(task, lambda texts: list(map(nats, texts)))


def measure_transformers(task: Task) -> Measurement:
    """Measure the loop of `evaluate`: padded batches of 16 documents, and all logits."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(task.threads)
    path = Path(task.path)
    tokenizer = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
    model = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32).eval()
    tokenizer.pad_token, tokenizer.padding_side = tokenizer.eos_token, "right"

    @torch.no_grad()
    def nats(texts: Sequence[str]) -> list[float]:
        encoded = tokenizer(list(texts), add_special_tokens=False, padding=True, return_tensors="pt")
        ids, mask = encoded["input_ids"], encoded["attention_mask"]
        bos = torch.full((len(texts), 1), tokenizer.bos_token_id)
        ids, mask = torch.cat([bos, ids], 1), torch.cat([torch.ones_like(bos), mask], 1)
        logits = model(ids, attention_mask=mask).logits[:, :-1]
        losses = torch.nn.functional.cross_entropy(logits.transpose(1, 2), ids[:, 1:], reduction="none")
        return [-one for one in (losses * mask[:, 1:]).sum(1).tolist()]

    return measure(task, lambda texts: [one for i in range(0, len(texts), 16) for one in nats(texts[i : i + 16])])


SYSTEMS = {"lmbench": measure_lmbench, "llama.cpp": measure_llama_cpp, "transformers": measure_transformers}


def run_system(system: str, task: Path) -> Measurement:
    """Measure a system in a new process, on the task that a file describes."""
    command = [sys.executable, __file__, "--one", system, "--task", str(task), ""]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return Measurement(**json.loads(out.splitlines()[-1]))


def count_tokens(path: str, documents: list[str]) -> int:
    """Return the number of tokens of all documents, without BOS."""
    model = build(ModelSpec("hf", (("path", path),)))
    return sum(len(score.ends) for score in model.score(documents))


def compare(task: Task, systems: Sequence[str], repeat: int) -> None:
    """Measure systems alternately, and print a row and the bits per byte of each."""
    tokens, size = count_tokens(task.path, task.documents), sum(len(text.encode()) for text in task.documents)
    print(
        f"{len(task.documents)} documents, {tokens} tokens, {size} bytes, {task.threads} threads, medians of {repeat}:"
    )
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "task.json"
        path.write_text(json.dumps(asdict(task)))
        rounds = [{system: run_system(system, path) for system in systems} for _ in range(repeat)]
    for system in systems:
        runs = [each[system] for each in rounds]
        bits = -sum(runs[0].nats) / math.log(2) / size
        print(row(system, runs, [each["lmbench"] for each in rounds], tokens), f" {bits:.5f} bits/byte", flush=True)


def arguments() -> Any:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", help="GGUF file")
    parser.add_argument("--corpus", default="fables-en", help="corpus whose test split is scored")
    parser.add_argument("--documents", type=int, default=8, help="number of documents")
    parser.add_argument("--threads", type=int, default=1, help="threads of every system")
    parser.add_argument("--repeat", type=int, default=3, help="number of measurements behind each median")
    parser.add_argument("--systems", nargs="*", default=list(SYSTEMS), choices=SYSTEMS, help="systems to measure")
    parser.add_argument("--one", choices=SYSTEMS, help=argparse.SUPPRESS)
    parser.add_argument("--task", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    """Compare the systems on one file."""
    options = arguments()
    if options.one:
        task = Task(**json.loads(options.task.read_text()))
        print(json.dumps(asdict(SYSTEMS[options.one](task))))
        return
    documents = list(load_corpus(options.corpus).test.documents[: options.documents])
    compare(Task(options.file, documents, options.threads), options.systems, options.repeat)


if __name__ == "__main__":
    main()
