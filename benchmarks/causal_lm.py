"""Scoring with a causal model: lmbench beside lm-evaluation-harness's rolling log-likelihood and evaluate's perplexity.

    python benchmarks/causal_lm.py                     a random GPT-2 small, 8 documents, contexts of 256 tokens
    python benchmarks/causal_lm.py --layers 4 --width 256

Each is given the same folder, texts, context, stride and BOS, in a process of its own. Peak memory is that process's;
"by scoring" is what was added after the model was loaded. The peers score batches of 8 windows; lmbench chooses.
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
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoModelForCausalLM, AutoTokenizer, GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from lmbench import ModelSpec, build, load_corpus
from lmbench.runner import peak_bytes

BOS = "<|endoftext|>"
BATCH = 8


def write_model(folder: Path, layers: int, width: int, context: int) -> None:
    """GPT-2's architecture with random weights and its 50,257 rows, and a byte-level tokenizer learnt on pydocs."""
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
    ids = tokenizer("".join(load_corpus("pydocs").train.documents))["input_ids"]
    cut = (tokenizer.decode(ids[i : i + length]) for i in range(0, len(ids) - length, length))
    fit = (text for text in cut if len(tokenizer(text)["input_ids"]) == length)
    return [next(fit) for _ in range(number)]


def with_lmbench(folder: Path, documents: list[str], context: int) -> list[float]:
    model = build(ModelSpec("hf", (("path", str(folder)), ("context", str(context)), ("stride", str(context)))))
    model.load()
    return timed(lambda: [float(score.logprobs.sum()) for score in model.score(documents)])


def with_lm_eval(folder: Path, documents: list[str], context: int) -> list[float]:
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    model = HFLM(pretrained=str(folder), device="cpu", dtype="float32", batch_size=BATCH, max_length=context)
    asked = [Instance("loglikelihood_rolling", {}, (text,), 0) for text in documents]
    return timed(lambda: [float(nats) for nats in model.loglikelihood_rolling(asked, disable_tqdm=True)])


def with_evaluate(folder: Path, documents: list[str], context: int) -> list[float]:
    """Whole documents of at most the context; perplexities become nats."""
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    tokenizer.pad_token = tokenizer.eos_token

    @torch.no_grad()
    def perplexities(batch: list[str]) -> list[float]:
        encoded = tokenizer(batch, add_special_tokens=False, padding=True, return_tensors="pt")
        ids, mask = encoded["input_ids"], encoded["attention_mask"]
        bos = torch.full((len(batch), 1), tokenizer.bos_token_id)
        ids, mask = torch.cat([bos, ids], 1), torch.cat([torch.ones_like(bos), mask], 1)
        logits = model(ids, attention_mask=mask).logits[:, :-1].contiguous()
        losses = torch.nn.CrossEntropyLoss(reduction="none")(logits.transpose(1, 2), ids[:, 1:])
        return torch.exp((losses * mask[:, 1:]).sum(1) / mask[:, 1:].sum(1)).tolist()

    lengths = [len(tokenizer(text, add_special_tokens=False)["input_ids"]) for text in documents]
    batches = [documents[i : i + BATCH] for i in range(0, len(documents), BATCH)]
    found = timed(lambda: [perplexity for batch in batches for perplexity in perplexities(batch)])
    return [-math.log(perplexity) * length for perplexity, length in zip(found, lengths, strict=True)]


def timed(score: object) -> list[float]:
    """What `score` gives; its seconds and memory are printed as JSON."""
    before, started, cpu = peak_bytes(), time.perf_counter(), time.process_time()
    scores = score()
    costs = {"seconds": time.perf_counter() - started, "cpu": time.process_time() - cpu, "before": before}
    print(json.dumps(costs | {"peak": peak_bytes()}))
    return scores


SYSTEMS = {"lmbench": with_lmbench, "lm-eval": with_lm_eval, "evaluate": with_evaluate}


def one(name: str, folder: Path, context: int, task: str) -> None:
    documents = json.loads((folder / f"{task}.json").read_text())
    print(json.dumps(SYSTEMS[name](folder, documents, context)))


def asked(name: str, folder: Path, context: int, task: str) -> tuple[dict[str, float], np.ndarray]:
    command = [sys.executable, __file__, "--one", name, "--folder", folder, "--context", str(context), "--task", task]
    out = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True).stdout
    costs, scores = [json.loads(line) for line in out.splitlines() if line.startswith(('{"sec', "["))]
    return costs, np.array(scores)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layers", type=int, default=12, help="of the model")
    parser.add_argument("--width", type=int, default=768)
    parser.add_argument("--context", type=int, default=256)
    parser.add_argument("--documents", type=int, default=8)
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--task", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        one(given.one, given.folder, given.context, given.task)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_model(folder, given.layers, given.width, given.context + 1)
        for task, length in (("short", given.context - 1), ("long", 2 * given.context)):
            documents = texts(folder, given.documents, length)
            (folder / f"{task}.json").write_text(json.dumps(documents))
            tokens = length * len(documents)
            print(f"{len(documents)} documents of {length} tokens, context and stride {given.context}:")
            systems = [name for name in SYSTEMS if task == "short" or name != "evaluate"]  # evaluate cuts long ones off
            results = {s: [asked(s, folder, given.context, task) for _ in range(given.repeat)] for s in systems}
            ours = results["lmbench"][0][1]
            for system, runs in results.items():
                seconds = sorted(costs["seconds"] for costs, _ in runs)[len(runs) // 2]
                cpu = sorted(costs["cpu"] for costs, _ in runs)[len(runs) // 2]
                costs, scores = runs[0]
                peak, added = costs["peak"] / 2**20, (costs["peak"] - costs["before"]) / 2**20
                print(
                    f"  {system:9} {tokens / seconds:7,.0f} tokens/s  {tokens / cpu:7,.0f} tokens/CPU-s  peak "
                    f"{peak:6,.0f} MiB, by scoring {added:6,.0f} MiB"
                    f"  {scores.sum():.4f} nats, largest difference to lmbench {np.abs(scores - ours).max():.2g}"
                )


if __name__ == "__main__":
    main()
