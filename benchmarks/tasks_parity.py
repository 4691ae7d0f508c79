"""Compare lmbench's tasks with those of lm-evaluation-harness, item by item, on the same model.

    python benchmarks/tasks_parity.py                                  SmolLM2 on 50 items of each task
    python benchmarks/tasks_parity.py --model some/checkpoint --tasks copa,lambada --limit 500

Three systems answer the same items: lm_eval's model `hf`, its model `lmbench` (the adapter), and lmbench's tasks.
lm_eval reads its own definitions of the tasks. Only their data sets are files of this machine, in which the catalog's
records are written as the data sets on the hub are. A line compares lmbench's tasks with another system:

    requests    how many contexts and continuations are the same two texts
    nats        the largest difference of a log-probability
    accuracy …  the share of right items in both systems, and on how many items they agree

The first line of a task follows lm_eval's `hf` in two conventions. BOS is before a text without context, and before
others only if the tokenizer adds it; lmbench puts it before every text. The tokens of a context are given; lmbench
gives its bytes, whose last word may be longer. The second line follows `hf` in BOS, and the third one is lmbench's own.

lm_eval needs the package 'lm-eval[hf]'.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import datasets
import lm_eval.tasks
import numpy as np
import yaml
from lm_eval import evaluate
from lm_eval.api.instance import Instance
from lm_eval.api.model import LM
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager

from lmbench import LanguageModel, ModelSpec, build
from lmbench.backends.neural.pretrained.hub_model import HubLoader
from lmbench.backends.neural.pretrained.smollm2 import SmolLm2Options
from lmbench.corpora.catalog import find_entry
from lmbench.corpora.fetching import fetch_file
from lmbench.lm_eval_adapter import LmbenchLM
from lmbench.prediction import predict
from lmbench.tasks.loading import load_task
from lmbench.tasks.respond import respond
from lmbench.tasks.task import Continuation, Item, Likelihood, Response, Task

Record = dict[str, Any]


@dataclass(frozen=True)
class Pair:
    """A task of lm_eval that asks what a task of lmbench asks.

    Attributes:
        definition: lm_eval's definition, a file among its tasks.
        entry: The entry of the catalog.
        convert: Writes a record as the hub's data set has it.
        metrics: For each metric of lm_eval, the one of lmbench that measures the same.
        stem: The name of the catalog's file with the records; "" for all files of the entry.
    """

    definition: str
    entry: str
    convert: Callable[[Record], Record]
    metrics: dict[str, str]
    stem: str = ""


CHOICES = {"acc": "accuracy", "acc_bytes": "accuracy_bytes", "acc_mutual_info": "accuracy_gain"}


def convert_arc(record: Record) -> Record:
    """Write a question of ARC as the data set allenai/ai2_arc has it."""
    labels = [chr(ord("A") + place) for place in range(len(record["choices"]))]
    question = record["query"].removeprefix("Question: ")
    choices = {"text": record["choices"], "label": labels}
    return {"question": question, "choices": choices, "answerKey": labels[record["gold"]]}


def convert_copa(record: Record) -> Record:
    """Write a premise of COPA as the data set aps/super_glue has it: two sentences, and what the second one is."""
    premise, connector = record["query"].rsplit(", ", 1)
    first, second = (choice[0].upper() + choice[1:] for choice in record["choices"])
    question = {"because": "cause", "therefore": "effect"}[connector]
    return {
        "premise": f"{premise}.",
        "question": question,
        "choice1": first,
        "choice2": second,
        "label": record["gold"],
    }


def keep(record: Record) -> Record:
    """Return a record as it is."""
    return record


PAIRS = {
    "blimp": Pair("blimp/_template_yaml", "blimp", keep, {"acc": "accuracy"}),
    "blimp-half": Pair("blimp/_template_yaml", "blimp-half", keep, {"acc": "accuracy"}),
    "arc-easy": Pair("arc/arc_easy.yaml", "multiple-choice", convert_arc, CHOICES, "arc_easy"),
    "copa": Pair("super_glue/copa/default.yaml", "multiple-choice", convert_copa, CHOICES, "copa"),
    "lambada": Pair("lambada/lambada_openai.yaml", "lambada", keep, {"acc": "accuracy"}),
}
"""The pair of each task of lmbench."""


@dataclass(frozen=True)
class Answers:
    """The answers of a system to the same items.

    Attributes:
        requests: For each item, its pairs of context and continuation.
        nats: For each item, the log-probability of each.
        measures: For each item, the value of each of lmbench's metrics that both systems have.
    """

    requests: list[list[tuple[str, str]]]
    nats: list[list[float]]
    measures: list[dict[str, float]]


@dataclass(frozen=True)
class Systems:
    """The systems that are compared.

    Attributes:
        first: lmbench's model with BOS before every text.
        none: The same without BOS.
        peers: lm_eval's models.
    """

    first: LanguageModel
    none: LanguageModel
    peers: dict[str, LM]


def read_records(pair: Pair) -> list[Record]:
    """Return the records of a pair's files, in order."""
    entry = find_entry(pair.entry)
    files = [file for file in entry.files if pair.stem in ("", Path(file.path).stem)]
    texts = [fetch_file(entry, file).read_text(encoding="utf-8") for file in files]
    return [json.loads(line) for text in texts for line in text.split("\n") if line]


def write_definition(folder: Path, name: str, pair: Pair, records: Sequence[Record]) -> None:
    """Write a task for lm_eval that includes its own definition, with these records as the data set."""
    data = folder / f"{name}.jsonl"
    data.write_text("".join(json.dumps(pair.convert(record)) + "\n" for record in records))
    definition = {
        "include": str(Path(lm_eval.tasks.__file__).parent / pair.definition),
        "task": name,
        "tag": None,
        "dataset_path": "json",
        "dataset_name": None,
        "dataset_kwargs": {"data_files": {"test": str(data)}},
        "training_split": None,
        "validation_split": None,
        "test_split": "test",
        "metric_list": [{"metric": metric, "aggregation": "mean", "higher_is_better": True} for metric in pair.metrics],
    }
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(definition))


def ask_lm_eval(model: LM, folder: Path, name: str, pair: Pair) -> Answers:
    """Return what a model of lm_eval says about the task in a folder."""
    tasks = TaskManager(include_path=str(folder), include_defaults=False).load([name])
    evaluated = evaluate(model, tasks, bootstrap_iters=0, log_samples=True)
    samples = sorted(evaluated["samples"][name], key=lambda sample: sample["doc_id"])
    return Answers(
        [[tuple(arguments) for arguments in sample["arguments"]] for sample in samples],
        [[float(answers[0][0]) for answers in sample["resps"]] for sample in samples],
        [{ours: float(sample[theirs]) for theirs, ours in pair.metrics.items()} for sample in samples],
    )


class ByContext(LM):  # type: ignore[misc]  # lm_eval has no types
    """Two of lm_eval's models: one for texts without context, and one for texts after a context."""

    def __init__(self, alone: LM, after: LM) -> None:
        super().__init__()
        self._models = {False: alone, True: after}

    def loglikelihood(self, requests: list[Instance], disable_tqdm: bool = False) -> list[tuple[float, bool]]:
        """Return the answer of the model that a request is for, to each request."""
        answers: dict[int, tuple[float, bool]] = {}
        for has_context, model in self._models.items():
            places = [place for place, request in enumerate(requests) if bool(request.args[0]) == has_context]
            if places:
                found = model.loglikelihood([requests[place] for place in places], disable_tqdm=True)
                answers |= dict(zip(places, found, strict=True))
        return [answers[place] for place in range(len(requests))]

    def loglikelihood_rolling(self, requests: list[Instance], disable_tqdm: bool = False) -> list[float]:
        """Not asked for by these tasks."""
        raise NotImplementedError

    def generate_until(self, requests: list[Instance], disable_tqdm: bool = False) -> list[str]:
        """Not asked for by these tasks."""
        raise NotImplementedError


Respond = Callable[[LanguageModel, Sequence[Continuation]], Sequence[Response]]


def ask_lmbench(
    systems: Systems, task: Task, items: Sequence[Item], answer: Respond = respond, bos_always: bool = False
) -> Answers:
    """Return the answers of lmbench's tasks, with BOS before texts without context alone unless `bos_always`."""
    asked = [[r for r in task.requests(item) if isinstance(r, Continuation)] for item in items]
    flat = list(dict.fromkeys(request for requests in asked for request in requests))
    known: dict[Continuation, Response] = {}
    for model, has_context in ((systems.first, False), (systems.first if bos_always else systems.none, True)):
        chosen = [request for request in flat if bool(request.context) == has_context]
        known |= dict(zip(chosen, answer(model, chosen), strict=True))
    responses = [[known[request] for request in requests] for requests in asked]
    return Answers(
        [[(request.context, request.text) for request in requests] for requests in asked],
        [[likelihood.logprob for likelihood in found if isinstance(likelihood, Likelihood)] for found in responses],
        [measure(task, item, found) for item, found in zip(items, responses, strict=True)],
    )


def respond_by_tokens(model: LanguageModel, requests: Sequence[Continuation]) -> list[Response]:
    """Answer requests given the tokens of each context, as lm_eval's `hf` does."""
    wholes = model.score([request.context + request.text for request in requests])
    return [
        Likelihood(
            LanguageModel.conditional_logprob(model, request.context, request.text, whole),
            int(np.count_nonzero(whole.ends > len(request.context.encode()))),
            is_greedy_by_tokens(model, request) if request.greedy else None,
        )
        for request, whole in zip(requests, wholes, strict=True)
    ]


def is_greedy_by_tokens(model: LanguageModel, request: Continuation) -> bool:
    """Return whether each token after the context is the most likely one, given those before it."""
    border = len(request.context.encode())
    predictions = predict(model, request.context + request.text)
    return all(found.event == np.argmax(found.following.logprobs) for found in predictions if found.end > border)


def measure(task: Task, item: Item, responses: Sequence[Response]) -> dict[str, float]:
    """Return the measures of an item that need no written text."""
    return {name: value for name, value in task.measure(item, responses).items() if value is not None}


def compare(ours: Answers, other: Answers, metrics: Sequence[str]) -> str:
    """Return the rest of a line that compares two systems."""
    pairs = list(zip(ours.requests, other.requests, strict=True))
    same = sum(one == theirs for mine, others in pairs for one, theirs in zip(mine, others, strict=True))
    differences = [np.subtract(mine, theirs) for mine, theirs in zip(ours.nats, other.nats, strict=True)]
    line = f"requests {same} of {sum(map(len, ours.requests))}, nats {max(np.abs(d).max() for d in differences):.2g}"
    for metric in metrics:
        values = [(mine[metric], theirs[metric]) for mine, theirs in zip(ours.measures, other.measures, strict=True)]
        alike = sum(mine == theirs for mine, theirs in values)
        mean, their_mean = (100 * sum(column) / len(values) for column in zip(*values, strict=True))
        line += f"; {metric} {mean:.2f} and {their_mean:.2f} %, alike on {alike} of {len(values)}"
    return line


def compare_task(name: str, systems: Systems, limit: int, seed: int) -> None:
    """Compare the systems on some items of a task, and print a line for each comparison."""
    pair, task = PAIRS[name], load_task(name)
    metrics = list(pair.metrics.values())
    records = read_records(pair)
    places = sorted(Random(seed).sample(range(len(records)), min(limit, len(records))))
    items = [task.items[place] for place in places]
    with tempfile.TemporaryDirectory() as temporary:
        datasets.config.HF_DATASETS_CACHE = Path(temporary) / "cache"
        write_definition(Path(temporary), "parity", pair, [records[place] for place in places])
        for peer, answer in (("hf", respond_by_tokens), ("lmbench", respond)):
            theirs = ask_lm_eval(systems.peers[peer], Path(temporary), "parity", pair)
            compared = compare(ask_lmbench(systems, task, items, answer), theirs, metrics)
            print(f"{name}: lmbench and lm_eval's {peer}: {compared}", flush=True)
    own = ask_lmbench(systems, task, items, bos_always=True).measures
    shares = (f"{metric} {100 * np.mean([found[metric] for found in own]):.2f} %" for metric in metrics)
    print(f"{name}: lmbench's own conventions: {'; '.join(shares)}", flush=True)


def prepare(folder: Path) -> Systems:
    """Return the systems, all of them with the model in a folder."""
    first, none = (build(ModelSpec.parse(f"hf:{folder},bos={bos}")) for bos in ("first", "none"))
    adapters = (LmbenchLM(f"hf:{folder};bos={bos}") for bos in ("first", "none"))
    own = HFLM(pretrained=str(folder), device="cpu", dtype="float32", batch_size=1)
    return Systems(first, none, {"hf": own, "lmbench": ByContext(*adapters)})


def main() -> None:
    """Compare the tasks and the model that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", type=Path, help="a folder with a checkpoint (default: SmolLM2)")
    parser.add_argument("--tasks", default="blimp,arc-easy,copa,lambada", help=f"some of {', '.join(PAIRS)}")
    parser.add_argument("--limit", type=int, default=50, help="items of each task")
    parser.add_argument("--seed", type=int, default=0, help="seed of the draw of items")
    options = parser.parse_args()
    systems = prepare(options.model or HubLoader(SmolLm2Options()).files.folder)
    for name in options.tasks.split(","):
        compare_task(name, systems, options.limit, options.seed)


if __name__ == "__main__":
    main()
