"""The corpus ``pydocs``: the Python language reference that every CPython ships as ``pydoc_data.topics``."""

from __future__ import annotations

import hashlib
import platform
import re
from collections.abc import Mapping

from lmbench.corpus import Corpus, Split

_SHORTEST_SHARED_PARAGRAPH = 60  # characters
_TEST_SHARE, _VALID_SHARE = 0.15, 0.10
_LONGEST_HELD_OUT = 0.025  # of all text; longer topics are for training, so that none dominates the other splits
_SHORTEST_SECTION = 1500  # characters, unless the topic ends
_INDENTATION = 3  # spaces of a level
_HEADING = re.compile(r"\S.*\n([*=~^-])\1+")


def load_pydocs() -> Corpus:
    """Return a corpus of English technical prose, one document a section; its bytes depend on the version of Python.

    Topics repeat each other's paragraphs. A topic that longer topics contain is left out, and topics that share a
    paragraph of 60 or more characters go to the same split, so that training never sees a paragraph of the test text.
    All sections of a topic are in the same split, and no topic dominates the validation or the test split.
    """
    from pydoc_data.topics import topics  # 460 kB of strings

    groups = _group_by_shared_paragraphs(_drop_contained(topics))
    total = sum(len(text) for group in groups for text in group.values())
    splits: dict[str, list[str]] = {"test": [], "valid": [], "train": []}
    for group in groups:
        sections = [section for text in group.values() for section in _cut_into_sections(text)]
        split = _split_with_room(splits, sum(map(len, sections)), total)
        splits[split] += sections
    return Corpus(
        "pydocs",
        Split(tuple(splits["train"])),
        Split(tuple(splits["valid"])),
        Split(tuple(splits["test"])),
        provenance=f"topic-sections,cpython={platform.python_version()},split=by-topic-no-shared-paragraph",
        description="Python's language reference (English technical prose), one document a section",
    )


def _cut_into_sections(text: str) -> list[str]:
    """Return a topic in sections of 1,500 characters or a little more, each with whole paragraphs.

    A section ends before a paragraph that is not indented, but not with a heading. If it gets twice or three times as
    long, it also ends before a paragraph of the first or of the second level of indentation.
    """
    sections: list[list[str]] = [[]]
    size = 0
    for paragraph in text.strip("\n").split("\n\n"):
        level = (len(paragraph) - len(paragraph.lstrip())) // _INDENTATION
        if level < size // _SHORTEST_SECTION and not _HEADING.fullmatch(sections[-1][-1]):
            sections.append([])
            size = 0
        sections[-1].append(paragraph)
        size += len(paragraph)
    return ["\n\n".join(section) + "\n" for section in sections]


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
        if size <= _LONGEST_HELD_OUT * total and sum(map(len, splits[split])) + size <= share * total:
            return split
    return "train"
