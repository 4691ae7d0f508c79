"""The corpus ``pydocs``: the Python language reference that every CPython ships as ``pydoc_data.topics``."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping

from lmbench.corpus import Corpus, Split

_SHORTEST_SHARED_PARAGRAPH = 60  # characters
_TEST_SHARE, _VALID_SHARE = 0.15, 0.10


def load_pydocs() -> Corpus:
    """Return a corpus of English technical prose, one document a topic; its bytes depend on the version of Python.

    Topics repeat each other's paragraphs. A topic that longer topics contain is left out, and topics that share a
    paragraph of 60 or more characters go to the same split, so that training never sees a paragraph of the test text.
    """
    from pydoc_data.topics import topics  # 460 kB of strings

    groups = _group_by_shared_paragraphs(_drop_contained(topics))
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


def _drop_contained(topics: Mapping[str, str]) -> dict[str, str]:
    """Return the topics without those whose paragraphs all occur in longer topics."""
    kept: dict[str, str] = {}
    seen: set[str] = set()
    for name in sorted(topics, key=lambda name: (-len(topics[name]), name)):
        paragraphs = _paragraphs(topics[name])
        if not paragraphs <= seen or not paragraphs:
            kept[name] = topics[name]
            seen |= paragraphs
    return kept


def _group_by_shared_paragraphs(topics: Mapping[str, str]) -> list[dict[str, str]]:
    """Return groups of topics that do not share any paragraph, in an order that depends on the names alone."""
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
