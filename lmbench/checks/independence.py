"""Checks that a score depends only on the text before it: not on later text, other documents or earlier calls."""

from __future__ import annotations

from lmbench.checks.comparison import common_events
from lmbench.checks.subject import Subject, on_raw_text_too
from lmbench.checks.texts import SAMPLE_TEXTS


@on_raw_text_too
def check_causality(subject: Subject) -> None:
    """No event's score changes if the text after it changes.

    Catches bidirectional attention, normalization by the document's length, and tokenizers that look ahead without
    bound.
    """
    text = "the cat sat on a mat .\nab cab the cat\nsat\n"
    for cut in range(3, len(text), 7):
        whole, changed, shorter = subject.score(text, text[:cut] + " zzqx 汉字 zzqx\n" * 3, text[:cut])
        for other in (changed, shorter):
            same = (common_events(whole, other, cut), common_events(other, whole, cut))
            subject.require_same(*same, f"with another text after byte {cut}")


@on_raw_text_too
def check_batches(subject: Subject) -> None:
    """A document's score does not depend on the rest of its batch or on the order.

    Catches padding that is counted or attended to, shuffled batches, caches with too coarse a key, and n-grams that
    match across documents.
    """
    documents = [*SAMPLE_TEXTS, "", "a", "the cat sat on a mat .\n" * 12]
    alone = [subject.score(document)[0] for document in documents]
    orders = [list(range(len(documents))), list(reversed(range(len(documents)))), [3, 0, 3, 1, 6, 2, 6]]
    for order in orders:
        for i, score in zip(order, subject.score(*(documents[i] for i in order)), strict=True):
            subject.require_same(alone[i], score, f"{documents[i][:30]!r} in a batch of {len(order)} and alone")


def check_state(subject: Subject) -> None:
    """Scoring leaves no trace: a text has the same score the second time, and after other texts.

    Catches adaptive models that update before they score, or that remember the previous document.
    """
    text = "the cat zzqx sat zzqx on zzqx\n"
    [first] = subject.score(text)
    subject.score("zzqx zzqx zzqx\n" * 20 + "zzqx")  # the last line is open, which a history must not continue
    for _ in range(2):
        [again] = subject.score(text)
        subject.require_same(first, again, "the same text scored again")
