"""The corpus ``pydocs``: the Python language reference that every CPython carries as ``pydoc_data.topics``."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping

from lmbench.corpus import Corpus, Split

_SHORTEST_SHARED_PARAGRAPH = 60
_TEST_SHARE, _VALID_SHARE = 0.15, 0.10


def pydocs() -> Corpus:
    """English technical prose, one document a topic; its bytes differ between versions of Python.

    Topics repeat each other's paragraphs. Those that another topic contains are left out, and topics that share a
    paragraph of 60 or more characters go to the same split: none of the test text's was read in training.
    """
    from pydoc_data.topics import topics  # 460 kB of strings

    groups = _groups(_distinct(topics))
    total = sum(len(text) for group in groups for text in group.values())
    splits: dict[str, list[str]] = {"test": [], "valid": [], "train": []}
    for group in groups:
        texts = [text.rstrip("\n") + "\n" for text in group.values()]
        split = _split_with_room(splits, sum(map(len, texts)), total)
        splits[split] += texts
    return Corpus(
        "pydocs",
        Split(tuple(splits["train"])),
        Split(tuple(splits["valid"])),
        Split(tuple(splits["test"])),
        provenance=f"topics,cpython={platform.python_version()},split=by-topic-no-shared-paragraph",
        description="Python's language reference (English technical prose), one document a topic",
    )


def _paragraphs(text: str) -> set[str]:
    paragraphs = (paragraph.strip() for paragraph in text.split("\n\n"))
    return {paragraph for paragraph in paragraphs if len(paragraph) >= _SHORTEST_SHARED_PARAGRAPH}


def _distinct(topics: Mapping[str, str]) -> dict[str, str]:
    """The topics that say something that no longer topic says."""
    kept: dict[str, str] = {}
    said: set[str] = set()
    for name in sorted(topics, key=lambda name: (-len(topics[name]), name)):
        paragraphs = _paragraphs(topics[name])
        if not paragraphs <= said or not paragraphs:
            kept[name] = topics[name]
            said |= paragraphs
    return kept


def _groups(topics: Mapping[str, str]) -> list[dict[str, str]]:
    """Topics in groups that share no paragraph, in an order that depends on their names alone."""
    groups: list[tuple[set[str], dict[str, str]]] = []
    for name in sorted(topics, key=lambda name: hashlib.sha256(name.encode()).digest()):
        paragraphs, group = _paragraphs(topics[name]), {name: topics[name]}
        joined = [other for other in groups if other[0] & paragraphs]
        for other in joined:
            groups.remove(other)
            paragraphs |= other[0]
            group = other[1] | group
        groups.append((paragraphs, group))
    return [group for _, group in groups]


def _split_with_room(splits: Mapping[str, list[str]], size: int, total: int) -> str:
    for split, share in (("test", _TEST_SHARE), ("valid", _VALID_SHARE)):
        if sum(map(len, splits[split])) + size <= share * total:
            return split
    return "train"
