"""Checks that the probabilities of exclusive texts sum to at most 1."""

from __future__ import annotations

import math
import string
from itertools import product

import numpy as np

from lmbench.checks.comparison import SUM_TOLERANCE
from lmbench.checks.subject import Subject
from lmbench.checks.texts import HAN, random_words
from lmbench.checks.verdicts import require
from lmbench.score import plain_scores


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


def check_unknown_words(subject: Subject) -> None:
    """All words of one length, in the same place, have a total probability of at most 1.

    Catches models that give every unknown word the probability of `<unk>` and do not charge its spelling, so that a
    smaller vocabulary looks better; that charge a long spelling like a short one; or that do not charge the later bytes
    of a character. The words have 8 letters, 20 letters or 6 Chinese characters. The sum is estimated from 300 random
    words; by Markov's inequality a correct model exceeds the bound of 100 with a probability below 1 %.
    """
    generator = subject.generator("unknown-words")
    for alphabet, length in ((string.ascii_lowercase, 8), (string.ascii_lowercase, 20), (HAN, 6)):
        words = random_words(generator, 300, length, alphabet)
        logprobs = [float(score.logprobs.sum()) for score in subject.score(*words)]
        log_total = math.log(len(alphabet)) * length + float(np.logaddexp.reduce(logprobs)) - math.log(len(words))
        total, cheapest = math.exp(min(log_total, 700)), words[int(np.argmax(logprobs))]
        example = f"{cheapest!r} has {math.exp(max(logprobs)):.3g}"
        require(total <= 100, f"words of {length} characters sum to about {total:.3g}; {example}")
