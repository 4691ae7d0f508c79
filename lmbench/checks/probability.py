"""Checks that scores are probabilities: they sum to at most 1, and agree with the model's distributions."""

from __future__ import annotations

import math
import random
import string
from itertools import product

import numpy as np

from lmbench.checks.comparison import SUM_TOLERANCE
from lmbench.checks.events import require_own_distribution
from lmbench.checks.subject import Subject, SuspectsHistories, next_events, on_raw_text_too
from lmbench.checks.texts import HAN, HISTORIES, MIXED_TEXT, random_words
from lmbench.checks.verdicts import require
from lmbench.score import plain_scores


@on_raw_text_too
def check_normalization(subject: Subject) -> None:
    """The next-event distribution sums to 1 after seen, unseen and empty histories.

    Catches unnormalized back-off, `<s>` that keeps probability, and padding in a softmax. The check includes the
    histories that a model itself suspects, as `arpa` does with the worst ones of its file.
    """
    model = subject.model
    suspects = model.suspect_histories() if isinstance(model, SuspectsHistories) else ()
    for history in (*HISTORIES, *suspects):
        total = float(np.exp(next_events(model, history).logprobs).sum())
        require(abs(total - 1) <= SUM_TOLERANCE, f"after {history!r} the next events sum to {total:.7f}")


def check_sums(subject: Subject) -> None:
    """The probabilities of a prefix-free set of texts, added up by brute force, never exceed 1.

    Catches scores that are not probabilities in models that offer no distribution: scores in log10, stupid back-off.
    """
    lines = ["".join(letters) + "\n" for n in range(4) for letters in product("abc", repeat=n)]
    sets = {"lines of up to 3 letters": lines}
    sets |= {f"texts of {n} letters": ["".join(letters) for letters in product("abc", repeat=n)] for n in (1, 2, 3)}
    for name, texts in sets.items():
        total = sum(math.exp(score.logprobs.sum()) for score in plain_scores(subject.letter_model.score(texts), texts))
        require(total <= 1 + SUM_TOLERANCE, f"the probabilities of all {name} sum to {total:.6f}")


@on_raw_text_too
def check_chain_rule(subject: Subject) -> None:
    """Every event, apart from its spelling, is scored as the distribution after the text before it says, in nats.

    Catches log10 or log2 in one of the two, events scored from another history, and text that costs nothing: white
    space, digits, case.
    """
    require_own_distribution(subject.model, MIXED_TEXT)


def check_unknown_words(subject: Subject) -> None:
    """All words of one length, in the same place, have a total probability of at most 1.

    Catches models that give every unknown word the probability of `<unk>` and do not charge its spelling, so that a
    smaller vocabulary looks better; that charge a long spelling like a short one; or that do not charge the later bytes
    of a character. The words have 8 letters, 20 letters or 6 Chinese characters. The sum is estimated from 300 random
    words; by Markov's inequality a correct model exceeds the bound of 100 with a probability below 1 %.
    """
    for alphabet, length in ((string.ascii_lowercase, 8), (string.ascii_lowercase, 20), (HAN, 6)):
        words = random_words(random.Random(1), 300, length, alphabet)
        logprobs = [float(score.logprobs.sum()) for score in subject.score(*words)]
        log_total = math.log(len(alphabet)) * length + float(np.logaddexp.reduce(logprobs)) - math.log(len(words))
        total, cheapest = math.exp(min(log_total, 700)), words[int(np.argmax(logprobs))]
        example = f"{cheapest!r} has {math.exp(max(logprobs)):.3g}"
        require(total <= 100, f"words of {length} characters sum to about {total:.3g}; {example}")
