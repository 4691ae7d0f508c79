"""Checks that scores are probabilities: they sum to at most 1, and agree with the model's distributions."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

import numpy as np

from lmbench.arrays import Ints
from lmbench.checks.comparison import require_sum_of_one, tolerance_of
from lmbench.checks.events import Comparison, require_agreement
from lmbench.checks.reading import DocumentReader, require_own_distribution
from lmbench.checks.subject import Subject, SuspectsHistories, next_events, on_raw_text_too
from lmbench.checks.texts import HISTORIES, MIXED_TEXT, random_text


@on_raw_text_too
def check_normalization(subject: Subject) -> None:
    """The next-event distribution sums to 1 after seen, unseen and empty histories.

    Catches unnormalized back-off, `<s>` that keeps probability, and padding in a softmax. The check includes the
    histories that a model itself suspects, as `arpa` does with the worst ones of its file.
    """
    model = subject.model
    suspects = model.suspect_histories() if isinstance(model, SuspectsHistories) else ()
    for history in (*HISTORIES, *suspects):
        require_sum_of_one(float(np.exp(next_events(model, history).logprobs).sum()), f"after {history!r} ")


@on_raw_text_too
def check_chain_rule(subject: Subject) -> None:
    """Every event, apart from its spelling, is scored as the distribution after the text before it says, in nats.

    If several token sequences spell that text, the model's own events count, read one by one from the document's start.
    Catches log10 or log2 in one of the two, events scored from another history, and text that costs nothing: white
    space, digits, case.
    """
    require_own_distribution(subject.model, MIXED_TEXT)


@on_raw_text_too
def check_deep(subject: Subject) -> None:
    """Deep in a text, the next-event distribution sums to 1 and says what the following event costs.

    Catches back-off without its weight after three and more words, and windows, blocks, counters and caches that are
    wrong only far into a document or in its repetitions. The histories are 40 passages of the training text of up to 50
    words, half of them from the beginning of a document, and a document of 1,500 words, whose second half repeats the
    first, up to its 64th, 128th, ... and 4,096th byte and event.
    """
    generator = subject.generator("deep")
    passages = [_draw_passage(generator, subject.corpus.train.documents) for _ in range(40)]
    half = re.sub(r"[^\x00-\x7f]", "x", random_text(generator, 750))  # since no text ends inside a character
    documents = [half * 2, *(history + rest for history, rest in passages)]
    scores = subject.score(*documents)
    numbers = [_list_round_events(scores[0].ends)]
    for (history, _), score in zip(passages, scores[1:], strict=True):
        numbers.append([int(np.searchsorted(score.ends, len(history.encode()), side="right"))])
    found = []
    for document, score, chosen in zip(documents, scores, numbers, strict=True):
        reader = DocumentReader(subject.model, document, score)
        found += [_compare(reader, number) for number in chosen]
    require_agreement(found, tolerance_of(subject.model))


def _draw_passage(generator: random.Random, documents: Sequence[str]) -> tuple[str, str]:
    """Return up to 50 words and line ends of a text, and some that follow. Half the passages begin with a document."""
    first = generator.randrange(len(documents) - 10)
    start, length = generator.choice((0, generator.randint(1, 100))), generator.randint(0, 50)
    words = re.findall(r" *\S+|\n", "".join(documents[first : first + 10]))[start : start + length + 4]
    words[0] = words[0].lstrip(" ")
    return "".join(words[:length]), "".join(words[length:])


def _list_round_events(ends: Ints) -> list[int]:
    """Return the numbers of the events around powers of two, counted in events and in bytes."""
    powers = 2 ** np.arange(6, 13)
    middles = (*powers, *np.searchsorted(ends, powers, side="right"))
    return sorted({int(middle) + shift for middle in middles for shift in (-1, 0, 1)} & set(range(len(ends))))


def _compare(reader: DocumentReader, number: int) -> Comparison | None:
    """Compare an event with its distribution, which must sum to 1."""
    found = reader.compare(number)
    if found is not None:
        history = reader.document.encode()[: reader.score.ends[number - 1] if number else 0].decode()[-60:]
        require_sum_of_one(found.total, f"after {history!r} ")
    return found
