"""Checks of the form of a score: its events, offsets and numbers.

The docstring of each check says what it demands, and then which real bugs it catches.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from lmbench.checks.events import events_of
from lmbench.checks.subject import Subject
from lmbench.checks.texts import EDGE_TEXTS, SAMPLE_TEXTS
from lmbench.checks.verdicts import NotApplicable, require
from lmbench.score import Score, probability_violation, tiling_violation

_LONG_TEXT_SECONDS = 2.0
_LONG_TEXT_BYTES = 1 << 20


def check_tiling(subject: Subject) -> None:
    """The ends of events never decrease, and the last one is the number of the document's bytes.

    Catches offsets in characters instead of bytes, and dropped or repeated text.
    """
    _require_no_violation(subject, tiling_violation)


def check_finite(subject: Subject) -> None:
    """Every log-probability is finite and at most 0, and includes the cost of spelling.

    Catches sentinels such as -99 or -inf for impossible events, unnormalized energies, and spelling costs that are left
    out of the sum.
    """
    _require_no_violation(subject, probability_violation)


def check_edge_texts(subject: Subject) -> None:
    """Unusual texts can be scored: empty, CRLF, NBSP, emoji, literal markers, and one line of up to a megabyte.

    Catches crashes on empty batches, and special tokens parsed out of text. The long line is shorter for models that
    would need more than two seconds.
    """
    for name, text in EDGE_TEXTS.items():
        [score] = subject.score(text)
        require(bool(text) == bool(len(score.ends)), f"the text of the case '{name}' has {len(score.ends)} events")
    size, seconds = 1 << 8, 0.0
    while size < _LONG_TEXT_BYTES and seconds < _LONG_TEXT_SECONDS / 4:  # a line twice as long may take 4 times as long
        size = min(_LONG_TEXT_BYTES, size * (4 if seconds < _LONG_TEXT_SECONDS / 16 else 2))
        started = time.perf_counter()
        subject.score(("the cat sat " * size)[:size])
        seconds = time.perf_counter() - started


def check_line_ends(subject: Subject) -> None:
    """Each line end between words is exactly one event of its own.

    Catches n-gram models that pad with order - 1 `</s>`, which flatters them, and models that drop the last line end.
    """
    document = "the cat\nsat on\na mat\n"
    [score] = subject.score(document)
    spellings = [event.spelling for event in events_of(document, score)]
    line_ends = [spelling for spelling in spellings if b"\n" in spelling]
    require(len(line_ends) == 3, f"{len(line_ends)} events contain the 3 line ends")
    longest = max(line_ends, key=len)
    if longest != b"\n" and subject.model.traits.pretrained:
        raise NotApplicable(f"the model's own tokenizer joins the line end with other text: {longest!r}")
    require(longest == b"\n", f"the line end is a part of the event {longest!r}")
    require(b"" not in spellings, f"event {spellings.index(b'') if b'' in spellings else 0} has no text")


def _require_no_violation(subject: Subject, violation: Callable[[Score, str], str]) -> None:
    documents = [*EDGE_TEXTS.values(), *SAMPLE_TEXTS]
    for document, score in zip(documents, subject.score(*documents), strict=True):
        wrong = violation(score, document)
        require(not wrong, f"{document!r}: {wrong}")
