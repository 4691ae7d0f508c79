"""Measure the conformance suite and the audit: the mutants that they catch, their false alarms, and their time.

    python benchmarks/conformance.py mutants
    python benchmarks/conformance.py alarms --seeds 20 --results alarms.jsonl --jobs 2
    python benchmarks/conformance.py seconds

`mutants` runs all checks on every wrong model of tests/mutants, fits it on the fables, scores their test split and
audits it. `alarms` runs all checks and an audit on the built-in models and many of their options, which are correct,
with other random texts for each seed: whatever fails is a false alarm. It writes each result to a file, and skips the
results that the file already has. `seconds` times the suite and the audit on each built-in model.
"""

from __future__ import annotations

import argparse
import functools
import json
import math
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

from lmbench import LanguageModel, ModelSpec, build, load_corpus
from lmbench.backends.ngrams.kenlm import KenlmNgram, KenlmOptions
from lmbench.checks import Subject, check_fitted, check_model, check_spec
from lmbench.checks.audit import audit
from lmbench.checks.quick import quick_maker
from lmbench.checks.sample import AuditSample, choose_documents
from lmbench.errors import ScoreError
from lmbench.score import checked_scores

Task = TypeVar("Task")
Result = TypeVar("Result")

CORPORA = ("fables-en", "fables-zh")

# {folder} holds the files that `write_models` writes: two ARPA files, a tiny GPT-2, and a tiny Llama whose tokenizer
# looks ahead. The transformer's checkpoint folder is not among the options: the suite leaves it out.
BUILT_INS = (
    "uniform", "kenlm", "ngram", "nltk", "cache", "mix", "ppm", "hmm", "transformer", "arpa:path={folder}/words.arpa",
    "hf:path={folder}/gpt2",
)  # fmt: skip
TOKENIZERS = ("words", "pieces", "bytes", "bpe:300")
TOKENIZED = (
    "kenlm:order=3",
    "ngram:order=3",
    "nltk:order=3",
    "cache:window=50",
    "hmm:states=8",
    "transformer:steps=60",
)
OPTIONS = {
    "kenlm": (
        "order=1", "order=2", "order=5", "order=4,prune=0-0-1", "min_count=1", "interpolate_unigrams=false",
        "engine=kenlm", "memory=64M", "path={folder}/words.arpa",
        "path={folder}/pieces.arpa,tokenizer=pieces,escaped=true",
    ),
    "ngram": (
        "order=2", "order=1", "min_count=1", "smoothing=laplace", "smoothing=lidstone", "smoothing=lidstone,gamma=0.01",
        "smoothing=jelinek-mercer", "smoothing=jelinek-mercer,weight=0.7", "smoothing=witten-bell",
        "smoothing=absolute", "smoothing=absolute,discount=0.9", "smoothing=kneser-ney",
        "smoothing=modified-kneser-ney",
    ),
    "nltk": ("smoothing=laplace", "smoothing=lidstone", "smoothing=witten-bell", "order=2,discount=0.1"),
    "cache": ("decay=1", "decay=0.9", "window=5,weight=0.9"),
    "mix": ("weight=0.5", "models=kenlm:tokenizer=bytes+ppm:order=3", "models=ngram+cache:window=20+kenlm:order=2"),
    "ppm": ("order=0", "order=3", "escape=c", "adaptive=false", "order=2,escape=c,adaptive=false"),
    "hmm": (
        "states=2", "states=16,prior=1", "states=8,engine=hmmlearn", "states=8,dtype=float64", "states=8,min_count=1",
    ),
    "transformer": (
        "architecture=encoder-decoder", "architecture=encoder-decoder,context=12", "context=16", "context=16,stride=3",
        "dropout=0.5", "layers=3", "min_count=1", "precision=bfloat16",
    ),
    "arpa": ("path={folder}/pieces.arpa,tokenizer=pieces,escaped=true",),
    "hf": (
        "path={folder}/gpt2,context=16,stride=3", "path={folder}/gpt2,dtype=bfloat16", "path={folder}/gpt2,bos=none",
        "path={folder}/llama", "path={folder}/llama,context=16,stride=3",
    ),
}  # fmt: skip
VARIANTS = (
    *BUILT_INS,
    *(f"{model},tokenizer={tokenizer}" for model, tokenizer in product(TOKENIZED, TOKENIZERS)),
    *(f"{name}:{options}" for name, variants in OPTIONS.items() for options in variants),
)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("mutants", "alarms", "seconds"))
    parser.add_argument("--models", default="", help="names of models, or of mutants, joined by commas; default: all")
    parser.add_argument("--seeds", type=int, default=20, help="alarms: number of seeds")
    parser.add_argument("--results", type=Path, default=Path("alarms.jsonl"), help="alarms: file of results")
    parser.add_argument("--jobs", type=int, default=1, help="number of processes")
    options = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # more threads only slow the suite's small models down
    names = set(filter(None, options.models.split(",")))
    if options.command == "mutants":
        print_mutants(names, options.jobs)
        return
    with tempfile.TemporaryDirectory(prefix="lmbench-") as folder:
        templates = _choose(VARIANTS if options.command == "alarms" else BUILT_INS, names)
        if any("{folder}" in template for template in templates):
            write_models(Path(folder))
        if options.command == "alarms":
            tasks = [(folder, template, seed) for seed in range(options.seeds) for template in templates]
            print_alarms(tasks, options.results, options.jobs)
        else:
            print_seconds(templates, folder)


def print_mutants(names: set[str], jobs: int) -> None:
    """Print which checks fail for each mutant, what the audit finds, and the bits per byte beside those of its base."""
    mutants = [name for name in _mutants() if not names or name in names]
    print("| mutant | checks that fail | checks that fail on fables | audit |", end="")
    print("".join(f" {corpus} | base |" for corpus in CORPORA) + "\n|---|---|---|---|" + "---:|---:|" * len(CORPORA))
    missed = []
    for name, (cells, is_caught) in zip(mutants, _work(_judge_mutant, mutants, jobs), strict=True):
        print(f"| `{name}` | {' | '.join(cells)} |", flush=True)
        missed += [] if is_caught else [name]
    print(f"\n{len(mutants)} mutants, {len(missed)} missed by what is meant to catch them: {', '.join(missed) or '-'}")


def _judge_mutant(name: str) -> tuple[list[str], bool]:
    """Return the cells of a mutant's row, and whether what is meant to catch it does so."""
    from tests.mutants import make_as_run, make_checked

    mutant = _mutants()[name]
    failed = [outcome.check for outcome in check_model(lambda: make_checked(mutant)) if outcome.status == "fail"]
    judged = [_judge(make_as_run(mutant), corpus, 0) for corpus in CORPORA]
    audited = ["audit"] if any(judgment.doubt for judgment in judged) else []
    columns = (failed, sorted({check for judgment in judged for check in judgment.failed}), audited)
    cells = [
        ", ".join(f"**{check}**" if check == mutant.caught_by else check for check in column) for column in columns
    ]
    for judgment, corpus in zip(judged, CORPORA, strict=True):
        cells += [judgment.bits, _base_bits(name, corpus)]
    return cells, mutant.caught_by in failed + audited


def _base_bits(name: str, corpus: str) -> str:
    """Return the bits per byte of the correct model behind a mutant."""
    from tests.mutants import CORRECT

    return _bits_of(next(base for base in _mutants()[name].__mro__ if base in CORRECT), corpus)


@functools.cache
def _bits_of(model: type[LanguageModel], corpus: str) -> str:
    return _judge(model(), corpus, 0).bits


@dataclass(frozen=True)
class Judgment:
    """A model that was fitted on a corpus, scored its test split, and was audited.

    Attributes:
        bits: Bits per byte, as text.
        failed: The checks that fail on the fitted model.
        doubt: What the audit found; "" if nothing.
        seconds: How long the audit took.
    """

    bits: str
    failed: tuple[str, ...]
    doubt: str
    seconds: float


def _judge(model: LanguageModel, corpus: str, seed: int) -> Judgment:
    loaded = load_corpus(corpus)
    documents = loaded.test.documents
    model.prepare(loaded.training)
    failed = tuple(outcome.check for outcome in check_fitted(model, seed) if outcome.status == "fail")
    try:
        scores = checked_scores(model.score(documents), documents)
    except (ScoreError, TypeError) as error:
        return Judgment("refused", failed, str(error), 0.0)
    bits = -sum(float(score.logprobs.sum()) for score in scores) / math.log(2) / loaded.test.size
    numbers = choose_documents(list(map(len, documents)), str(seed))
    sample = AuditSample(numbers, tuple(documents[i] for i in numbers), tuple(scores[i] for i in numbers), str(seed))
    audited = audit(model, sample)
    return Judgment(f"{bits:.3f}", failed, audited.failure, audited.seconds)


def print_alarms(tasks: Sequence[tuple[str, str, int]], results: Path, jobs: int) -> None:
    """Look for false alarms, append what is found to the file of results, and print a summary of the whole file."""
    done = {(alarm["model"], alarm["seed"]) for alarm in _read(results)}
    with results.open("a", encoding="utf-8") as file:
        for alarm in _work(_find_alarms, [task for task in tasks if task[1:] not in done], jobs):
            print(json.dumps(alarm, ensure_ascii=False), file=file, flush=True)
            if alarm["failed"]:
                print(f"{alarm['model']}, seed {alarm['seed']}: {alarm['failed']}", flush=True)
    found = _read(results)
    alarms = sum(len(alarm["failed"]) for alarm in found)
    models = {alarm["model"] for alarm in found}
    print(f"{alarms} false alarms in {len(found)} runs of the suite and the audit, of {len(models)} models")


def _find_alarms(task: tuple[str, str, int]) -> dict[str, Any]:
    """Run the suite and an audit on a correct model."""
    folder, template, seed = task
    started = time.perf_counter()
    spec = ModelSpec.parse(template.format(folder=folder))
    failed = {outcome.check: outcome.detail for outcome in check_spec(spec, seed=seed) if outcome.status == "fail"}
    judgment = _judge(quick_maker(spec)(), CORPORA[seed % len(CORPORA)], seed)
    failed |= {f"{check} on fables": "" for check in judgment.failed} | (
        {"audit": judgment.doubt} if judgment.doubt else {}
    )
    return {"model": template, "seed": seed, "failed": failed, "seconds": round(time.perf_counter() - started, 2)}


def print_seconds(templates: Sequence[str], folder: str) -> None:
    """Print the seconds of the suite and of an audit for each built-in model."""
    print("| model | suite | slowest check | audit |\n|---|---:|---|---:|")
    for template in templates:
        spec = ModelSpec.parse(template.format(folder=folder))
        outcomes = check_spec(spec)
        slowest = max(outcomes, key=lambda outcome: outcome.seconds)
        judgment = _judge(build(spec), CORPORA[0], 0)
        suite = sum(outcome.seconds for outcome in outcomes)
        name = template.partition(":")[0]
        print(f"| {name} | {suite:.1f} | {slowest.check} {slowest.seconds:.1f} | {judgment.seconds:.2f} |", flush=True)


def write_models(folder: Path) -> None:
    """Write the files that pretrained models read: two ARPA files, a tiny GPT-2 and a tiny Llama."""
    from tests.checkpoints import BOS, byte_level, gpt2, llama, metaspace, save

    tokenizer = byte_level()
    save(folder / "gpt2", gpt2(tokenizer.get_vocab_size()), tokenizer, bos_token=BOS, eos_token=BOS)
    looks_ahead = metaspace()
    save(folder / "llama", llama(looks_ahead), looks_ahead, bos_token="<unk>")
    for name in ("words", "pieces"):
        model = KenlmNgram(KenlmOptions(order=3, tokenizer=name))
        model.fit(Subject(KenlmNgram).corpus.training)
        model.export(folder / f"{name}.arpa")


def _choose(templates: Sequence[str], names: set[str]) -> list[str]:
    return [template for template in templates if not names or template.partition(":")[0] in names]


def _mutants() -> dict[str, Any]:
    from tests.mutants import MUTANTS

    return {mutant.__name__: mutant for mutant in MUTANTS}


def _read(results: Path) -> list[dict[str, Any]]:
    return list(map(json.loads, results.read_text(encoding="utf-8").splitlines())) if results.exists() else []


def _work(function: Callable[[Task], Result], tasks: Sequence[Task], jobs: int) -> Iterator[Result]:
    """Yield the results of a function in order, computed by a number of processes."""
    with ProcessPoolExecutor(jobs, get_context("spawn"), warnings.simplefilter, ("ignore",)) as pool:
        yield from pool.map(function, tasks)


sys.path.append(str(Path(__file__).parent.parent))  # for the packages `tests` and `tests.mutants`

if __name__ == "__main__":
    main()
