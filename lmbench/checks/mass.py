"""Checks that the probabilities of exclusive texts sum to at most 1."""

from __future__ import annotations

import math
import random
import string
from collections.abc import Sequence
from itertools import product

import numpy as np

from lmbench.checks.comparison import IMPOSSIBLE_GAIN, SUM_TOLERANCE, tolerance_of, total_tolerance
from lmbench.checks.subject import Subject, on_raw_text_too
from lmbench.checks.texts import HAN, random_words
from lmbench.checks.variants import ODD_LINE, SHORT_ODD_LINE, Alternatives, drop_extensions, vary_words
from lmbench.checks.verdicts import require
from lmbench.model import LanguageModel
from lmbench.score import Score, plain_scores

_TWINS = 100


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


@on_raw_text_too
def check_rare(subject: Subject) -> None:
    """After "the", all words that were seen there once in training have a total probability of at most 1.

    Catches spelling that is not charged for words seen once, a spelling without its end, an unknown word that costs no
    more than `<unk>`, and folded case. The words are all 340 of one to four of four letters, and one in eight is
    capitalized. Two sums are taken: with other forms of a hundred of them, and after one of them in the same document,
    where a cache knows it.
    """
    generator = subject.generator("rare")
    letters = generator.sample(string.ascii_lowercase, 4)
    words = ["".join(word) for length in (1, 2, 3, 4) for word in product(letters, repeat=length)]
    generator.shuffle(words)
    endings = [f" {word if i % 8 else word.title()}\n" for i, word in enumerate(words)]
    twins = [f" {form(word)}\n" for word in words[:_TWINS] for form in (str.lower, str.upper, str.title)]
    lines = [f"the{ending}" for ending in endings]
    model = subject.fit(["".join(lines[i : i + 6]) for i in range(0, len(lines), 6)], tokenized=subject.tokenized)
    first = Alternatives("the", drop_extensions((*endings, *twins)))
    total, again = sum_probabilities(model, (first, Alternatives(lines[0] + "the", tuple(endings))))
    require(total <= 1, f"after 'the', the words seen once and other forms of them sum to {total:.4f}")
    require(again <= 1, f"after {lines[0] + 'the'!r}, the words seen once sum to {again:.4f}")


@on_raw_text_too
def check_variants(subject: Subject) -> None:
    """After the same text, a word and its variants have a total probability of at most 1.

    Catches what is folded but not charged: case, digits, white space, accents, quotes, full-width letters, long words
    that are cut, words that are stemmed, and bytes inside characters. The model is fitted on an odd line that is
    repeated; a pretrained model reads the line ten times instead, and gets fewer variants.
    """
    generator = subject.generator("variants")
    if subject.model.traits.pretrained:
        model, before = subject.model, SHORT_ODD_LINE * 10
        places = [
            Alternatives(before + place.before, place.texts[:1] + tuple(generator.sample(place.texts[1:], 15)))
            for place in vary_words(SHORT_ODD_LINE, generator)
        ]
    else:
        model = subject.fit((ODD_LINE * 2,) * 30, tokenized=subject.tokenized)
        places = list(vary_words(ODD_LINE, generator))
    for place, total in zip(places, sum_probabilities(model, places), strict=True):
        after, word = place.before[-20:], place.texts[0]
        require(total <= 1, f"after {after!r}, {word!r} and its variants sum to {total:.4f}")


def check_long(subject: Subject) -> None:
    """A document of 700 random words does not get more probability than it has in its source.

    Catches models that learn a document before they score it, caches whose probabilities sum to more than 1 far into a
    document, and events that are too cheap in a later window. The words are drawn uniformly, and the model is fitted on
    others from the same source, so that a correct one comes close to the bound. By Markov's inequality it gains 13.8
    nats with a probability of at most 1e-6. Three documents are drawn from 256 words, and one of 2,000 words from 16; a
    pretrained model gets one from 256.
    """
    generator = subject.generator("long")
    if subject.model.traits.pretrained:
        words = _draw_vocabulary(generator, 16)
        _require_no_gain(subject.model, words, [generator.choices(words, k=700)])
        return
    for letters, number, length in ((16, 3, 700), (4, 1, 2000)):
        words = _draw_vocabulary(generator, letters)
        repeated = words * (256 // len(words))
        model = subject.fit([" ".join(generator.sample(repeated, 256)) + "\n" for _ in range(8)])
        _require_no_gain(model, words, [generator.choices(words, k=length) for _ in range(number)])


def _draw_vocabulary(generator: random.Random, letters: int) -> list[str]:
    """Return all words of two of some random letters."""
    return ["".join(pair) for pair in product(generator.sample(string.ascii_lowercase, letters), repeat=2)]


def _require_no_gain(model: LanguageModel, vocabulary: Sequence[str], drawn: Sequence[Sequence[str]]) -> None:
    """Fail if a line of words that are drawn uniformly from a vocabulary, or all such lines, are too likely."""
    documents = [" ".join(words) + "\n" for words in drawn]
    needed = [len(words) * math.log(len(vocabulary)) for words in drawn]
    scores = plain_scores(model.score(documents), documents)
    gains = [nats + float(score.logprobs.sum()) for nats, score in zip(needed, scores, strict=True)]
    for gain in (*gains, sum(gains)):
        require(gain <= IMPOSSIBLE_GAIN, f"words drawn from {len(vocabulary)} cost {gain:.1f} nats less than possible")


def sum_probabilities(model: LanguageModel, places: Sequence[Alternatives]) -> list[float]:
    """Return the total probability of alternatives after the text before them, less what rounding explains.

    The sum of a correct model is at most 1, whatever its tokenizer. Each document begins with the text before the
    alternatives. Only those count whose events are the same as in the first one, up to the last event that ends in that
    text. Each of them continues with a sequence of events. No document begins with another one, so two sequences differ
    in some event, and the first such events are exclusive. The product of the events after the common ones is the
    conditional probability of a sequence, and the probabilities of exclusive sequences sum to at most 1.

    Args:
        model: The model.
        places: The alternatives, scored in one batch.

    Returns:
        The sum at each of the places.
    """
    documents = [place.before + text for place in places for text in place.texts]
    scores = iter(plain_scores(model.score(documents), documents))
    tolerance = tolerance_of(model)
    return [_sum_place([next(scores) for _ in place.texts], len(place.before.encode()), tolerance) for place in places]


def _sum_place(scores: Sequence[Score], border: int, tolerance: float) -> float:
    shared = int(np.searchsorted(scores[0].ends, border, side="right"))
    same = [score for score in scores if score.ends[:shared].tolist() == scores[0].ends[:shared].tolist()]
    log_total = float(np.logaddexp.reduce([score.logprobs[shared:].sum() for score in same]))
    events = max(len(score.ends) - shared for score in same)
    rounding = math.log1p(SUM_TOLERANCE) + total_tolerance(tolerance, events)
    return math.exp(min(log_total - rounding, 700))
