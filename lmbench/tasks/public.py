"""Public tasks, from files of the catalog, with the prompts of lm-evaluation-harness."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from lmbench.corpora.catalog import find_entry
from lmbench.corpora.encoding import decode
from lmbench.corpora.fetching import fetch_file
from lmbench.progress import Progress
from lmbench.tasks.cloze import Cloze
from lmbench.tasks.minimal_pairs import MinimalPairs
from lmbench.tasks.multiple_choice import MultipleChoice
from lmbench.tasks.task import Item

_CONNECTORS = {"because": "cause", "therefore": "effect"}


def load_blimp(name: str, progress: Progress) -> MinimalPairs:
    """Return the task ``blimp`` or ``blimp-half``, all or 34 of the 67 paradigms."""
    entry = find_entry(name)
    return MinimalPairs(
        name,
        tuple(map(_pair, _read_records(name, progress))),
        language="en",
        description="pairs of an acceptable and an unacceptable sentence, by paradigm",
        license=entry.license,
        citation=entry.citation,
        provenance=f"blimp,paradigms={len(entry.files)}",
        published_by=find_entry("blimp").published_by,
    )


def load_arc_easy(progress: Progress) -> MultipleChoice:
    """Return the task ``arc-easy``, the test split of ARC's easy questions."""
    return MultipleChoice(
        "arc-easy",
        tuple(_number("arc-easy", map(_school_question, _read_records("multiple-choice", progress, "arc_easy")))),
        language="en",
        description="questions of science exams at school, mostly with four answers",
        license="CC BY-SA 4.0",
        citation="Clark et al., Think you have solved question answering? Try ARC, 2018, arXiv:1803.05457",
        provenance="arc-easy,split=test",
        prompt="Question: {question}\nAnswer:",
    )


def load_copa(progress: Progress) -> MultipleChoice:
    """Return the task ``copa``, the validation split of SuperGLUE's COPA."""
    return MultipleChoice(
        "copa",
        tuple(_number("copa", map(_alternatives, _read_records("multiple-choice", progress, "copa")))),
        language="en",
        description="the more plausible of two causes or effects",
        license="BSD-2-Clause",
        citation="Roemmele, Bejan and Gordon, Choice of plausible alternatives, 2011",
        provenance="copa,split=valid",
        prompt="{premise} because|therefore",
    )


def load_lambada(progress: Progress) -> Cloze:
    """Return the task ``lambada``: OpenAI's variant, whose words and marks are not separated."""
    entry = find_entry("lambada")
    return Cloze(
        "lambada",
        tuple(_number("lambada", (cut_last_word(record["text"]) for record in _read_records("lambada", progress)))),
        language="en",
        description="the last word of passages of novels",
        license=entry.license,
        citation=entry.citation,
        provenance="lambada-openai,split=test",
    )


def cut_last_word(text: str) -> Item:
    """Return a passage without its last word, which is the item's reference."""
    context, _, word = text.rpartition(" ")
    return Item("", context, references=(word,))


def _school_question(record: dict[str, Any]) -> Item:
    return Item("", f"{record['query']}\nAnswer:", tuple(record["choices"]), record["gold"])


def _alternatives(record: dict[str, Any]) -> Item:
    """Return a premise with its connector, and two alternatives.

    Each alternative has two spaces before it, its own and the delimiter: lm-evaluation-harness writes two, and
    accuracies could not be compared otherwise. The comma of the file before the connector is the file's own.
    """
    premise, _, connector = record["query"].rpartition(", ")
    choices = tuple(f" {choice}" for choice in record["choices"])
    return Item("", f"{premise} {connector}", choices, record["gold"], groups=(("relation", _CONNECTORS[connector]),))


def _number(name: str, items: Iterable[Item]) -> Iterator[Item]:
    """Yield the items with numbers, from 1, as their identities."""
    return (replace(item, id=f"{name}-{number}") for number, item in enumerate(items, start=1))


def _pair(record: dict[str, Any]) -> Item:
    """Return a pair; its groups have the names of the paper, which the files do not always use."""
    field = record["field"].replace("/", "_")
    phenomenon = record["linguistics_term"].replace("s-selection", "argument_structure")
    return Item(
        f"{record['UID']}-{record['pairID']}",
        choices=(record["sentence_good"], record["sentence_bad"]),
        gold=0,
        groups=(("field", field), ("phenomenon", phenomenon), ("paradigm", record["UID"])),
    )


def _read_records(entry_name: str, progress: Progress, stem: str = "") -> Iterator[dict[str, Any]]:
    """Yield the records of an entry's files of JSON lines; only of the file with this stem, if one is given."""
    entry = find_entry(entry_name)
    for file in entry.files:
        if stem in ("", PurePosixPath(file.path).stem):
            text = decode(fetch_file(entry, file, progress).read_bytes(), file.path)
            yield from map(json.loads, filter(None, text.split("\n")))
