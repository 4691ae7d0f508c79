"""Checks that a score depends only on the text before it: not on later text, other documents or earlier calls."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Iterable, Sequence

from lmbench.checks.comparison import require_same_beginning, tolerance_of
from lmbench.checks.subject import Subject, on_raw_text_too
from lmbench.checks.texts import SAMPLE_TEXTS, random_text
from lmbench.score import Score

_CUTS, _FEWEST_CUTS = 6, 2
_SLOW_SECONDS = 1.0


@on_raw_text_too
def check_causality(subject: Subject) -> None:
    """No event's score changes if the text after it changes.

    Catches bidirectional attention, normalization by the document's length, and tokenizers that look ahead without
    bound.
    """
    text = "the cat sat on a mat .\nab cab the cat\nsat\n"
    for cut in range(3, len(text), 7):
        whole, *others = subject.score(text, text[:cut] + " zzqx 汉字 zzqx\n" * 3, text[:cut])
        _require_same_beginning(subject, whole, others, cut)


@on_raw_text_too
def check_cuts(subject: Subject) -> None:
    """No score in a document of 1,500 words depends on the text after it, whether it is scored in a batch or alone.

    Catches an attention mask that is wrong in long documents only, a second window that looks ahead, a model that
    learns a block before scoring it, and weights that are fitted on the document that is scored. The document is
    compared with its beginnings up to six random characters, which end there or continue with other words; up to two
    if the model is slow or fitted on raw text.
    """
    generator = subject.generator("cuts")
    document = random_text(generator, 1500)
    started = time.perf_counter()
    [whole] = subject.score(document)
    is_quick = time.perf_counter() - started < _SLOW_SECONDS
    number = _CUTS if is_quick and subject.tokenized else _FEWEST_CUTS
    beginnings = [document[:cut] for cut in _draw_cuts(generator, len(document), number)]
    changed = [text + random_text(generator, generator.randint(1, 100)) for text in beginnings]
    whole_in_batch, *batch = subject.score(document, *beginnings, *changed)
    for i, (beginning, text) in enumerate(zip(beginnings, changed, strict=True)):
        size = len(beginning.encode())
        _require_same_beginning(subject, whole_in_batch, (batch[i], batch[i + number]), size)
        _require_same_beginning(subject, whole, subject.score(text if i % 2 else beginning), size)


@on_raw_text_too
def check_batches(subject: Subject) -> None:
    """A document's score does not depend on the rest of its batch or on the order.

    Catches padding that is counted or attended to, shuffled batches, caches with too coarse a key, n-grams that match
    across documents, and mistakes that begin with the second of a model's own batches. Seven documents are scored in
    batches of three orders, and 70 documents of 0 to 120 words in one batch, shuffled in two batches of unequal size,
    and alone. Ten of them share their length and their first half with another one.
    """
    few = [*SAMPLE_TEXTS, "", "a", "the cat sat on a mat .\n" * 12]
    _require_independence(subject, few, [range(7), range(6, -1, -1), [3, 0, 3, 1, 6, 2, 6]])
    generator = subject.generator("batches")
    sizes = [0, 0, 1, 1, *generator.choices(range(2, 16), k=53), *generator.choices(range(100, 121), k=3)]
    texts = [random_text(generator, words) for words in sizes]
    twins = [_with_other_ending(text) for text in sorted(texts, key=len)[-10:]]
    many, order = generator.sample(texts + twins, 70), generator.sample(range(70), 70)
    _require_independence(subject, many, [range(70), order[:23], order[23:]])


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


def _with_other_ending(text: str) -> str:
    """Return a text of the same length and with the same first half."""
    half = len(text) // 2
    return text[:half] + text[half:][::-1]


def _draw_cuts(generator: random.Random, length: int, number: int) -> list[int]:
    """Return random places all over a text, more of them near its beginning."""
    return [math.ceil(length * ((part + generator.random()) / number) ** 2) for part in range(number)]


def _require_same_beginning(subject: Subject, whole: Score, others: Iterable[Score], size: int) -> None:
    """Fail unless the scores of texts that share their first bytes are the same up to there."""
    for other in others:
        what = f"with another text after byte {size}"
        require_same_beginning(whole, other, size, tolerance_of(subject.model), what)


def _require_independence(subject: Subject, documents: Sequence[str], orders: Iterable[Sequence[int]]) -> None:
    """Fail unless documents have the same scores alone and in batches of these orders."""
    alone = [subject.score(document)[0] for document in documents]
    for order in orders:
        for i, score in zip(order, subject.score(*(documents[i] for i in order)), strict=True):
            subject.require_same(alone[i], score, f"{documents[i][:30]!r} in a batch of {len(order)} and alone")
