"""Public tasks, from files of the catalog, with the prompts of lm-evaluation-harness."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from lmbench.corpora.catalog import find_entry
from lmbench.corpora.encoding import decode
from lmbench.corpora.fetching import fetch_file
from lmbench.progress import Progress
from lmbench.tasks.minimal_pairs import MinimalPairs
from lmbench.tasks.task import Item


def load_blimp(progress: Progress) -> MinimalPairs:
    """Return the task ``blimp``."""
    items = tuple(map(_pair, _read_records("blimp", progress)))
    entry = find_entry("blimp")
    return MinimalPairs(
        "blimp",
        items,
        language="en",
        description="pairs of an acceptable and an unacceptable sentence, by paradigm",
        license=entry.license,
        citation=entry.citation,
        provenance=f"blimp,paradigms={len(entry.files)}",
    )


def _pair(record: dict[str, Any]) -> Item:
    groups = (("field", "field"), ("term", "linguistics_term"), ("paradigm", "UID"))
    return Item(
        f"{record['UID']}-{record['pairID']}",
        choices=(record["sentence_good"], record["sentence_bad"]),
        gold=0,
        groups=tuple((name, record[field]) for name, field in groups),
    )


def _read_records(entry_name: str, progress: Progress, stem: str = "") -> Iterator[dict[str, Any]]:
    """Yield the records of an entry's files of JSON lines; only of the file with this stem, if one is given."""
    entry = find_entry(entry_name)
    for file in entry.files:
        if stem in ("", PurePosixPath(file.path).stem):
            text = decode(fetch_file(entry, file, progress).read_bytes(), file.path)
            yield from map(json.loads, filter(None, text.split("\n")))
