import math
import random
from collections import Counter
from itertools import pairwise
from typing import get_args

import numpy as np
import pytest
from nltk.lm import (
    MLE,
    AbsoluteDiscountingInterpolated,
    KneserNeyInterpolated,
    Laplace,
    Lidstone,
    Vocabulary,
    WittenBellInterpolated,
)
from scipy.optimize import minimize

from lmbench.ngrams.backoff import next_probabilities, probabilities
from lmbench.ngrams.counts import count_ngrams, join_lines
from lmbench.ngrams.smoothing import Smoothing, SmoothingSettings, smooth
from lmbench.ngrams.workspace import Workspace

START = 9
"""The ids are 0 (never seen), 1 (line end), 2 to 7 (words), 8 (never seen) and 9 (``<s>``)."""


def lines(seed=0, number=60):
    rng = random.Random(seed)
    return [[*rng.choices(range(2, 8), [9, 6, 4, 2, 1, 1], k=rng.randint(0, 7)), 1] for _ in range(number)]


def text_of(lines):
    return join_lines([np.array(line, dtype=np.int32) for line in lines], START)


def smoothed(order, held_out=(), seed=0, number=60, **settings):
    counted = count_ngrams(text_of(lines(seed, number)), START, order, Workspace())
    return smooth(counted, SmoothingSettings(**settings), text_of(held_out))


@pytest.mark.parametrize("uniform", [True, False])
@pytest.mark.parametrize("number", [1, 3, 60])
@pytest.mark.parametrize("order", [1, 2, 3, 5])
@pytest.mark.parametrize("smoothing", [name for name in get_args(Smoothing) if name != "mle"])
def test_probabilities_sum_to_one_after_any_history(smoothing, order, number, uniform):
    orders = smoothed(order, lines(1, 20), number=number, smoothing=smoothing, uniform=uniform).orders
    histories = [line[:end] for line in lines(2, 12) for end in range(len(line))]
    for history in ([], [2], [8], [0], [8, 2], [2, 8], [2, 0, 2], [2, 3, 4, 5], *histories):
        probs = next_probabilities(orders, [START, *history])[:START]
        assert probs.sum() == pytest.approx(1, abs=1e-12)
        assert (probs >= 0).all()
        if uniform:
            assert (probs > 0).all()


NLTK = {
    "mle": lambda order, words: MLE(order, vocabulary=words),
    "laplace": lambda order, words: Laplace(order, vocabulary=words),
    "lidstone": lambda order, words: Lidstone(0.3, order, vocabulary=words),
    "witten-bell": lambda order, words: WittenBellInterpolated(order, vocabulary=words),
    "absolute": lambda order, words: AbsoluteDiscountingInterpolated(order, discount=0.6, vocabulary=words),
    "kneser-ney": lambda order, words: KneserNeyInterpolated(order, discount=0.6, vocabulary=words),
}


@pytest.mark.parametrize("order", [2, 3, 4])
@pytest.mark.parametrize("smoothing", NLTK)
def test_every_probability_is_nltks(smoothing, order):
    """NLTK gets one <s> a line, as here. Its Kneser-Ney does not count beginnings of lines shorter than its order."""
    trained = [[START, *line] for line in lines()]
    vocabulary = Vocabulary(range(1, START), unk_label=0)  # NLTK adds the label itself: as many events as here
    model = NLTK[smoothing](order, vocabulary)
    for line in trained:
        for end in range(1, len(line)):
            model.counts.update([[tuple(line[begin : end + 1])] for begin in range(max(0, end - order + 1), end + 1)])
    orders = smoothed(order, smoothing=smoothing, gamma=0.3, discount=0.6, uniform=False).orders
    compared = 0
    for line in [*lines(2, 20), [8, 2, 3, 1], [2, 8, 1]]:
        probs = probabilities(orders, text_of([line]))[1:]
        for end, word in enumerate(line):
            history = [START, *line[:end]][-order + 1 :]
            if smoothing == "kneser-ney" and history[0] == START and len(history) < order - 1:
                continue
            assert probs[end] == pytest.approx(model.unmasked_score(word, tuple(history)), abs=1e-9)
            compared += 1
    assert compared > 40


class Definition:
    """P(w | h) by recursion over dictionaries, for methods that NLTK lacks or defines differently."""

    def __init__(self, smoothing, order, lines):
        self.smoothing, self.order, self.events = smoothing, order, START
        self.counts = Counter()  # of n-grams of all orders that do not end in <s>
        for line in ([START, *line] for line in lines):
            for end in range(1, len(line)):
                self.counts.update(tuple(line[begin : end + 1]) for begin in range(max(0, end - order + 1), end + 1))
        if smoothing == "kneser-ney":
            before = Counter(gram[1:] for gram in self.counts)  # distinct words before; none before <s>
            self.counts = {
                g: times if len(g) == order or g[0] == START else before[g] for g, times in self.counts.items()
            }
        self.after = {}
        for gram, times in self.counts.items():
            self.after.setdefault(gram[:-1], {})[gram[-1]] = times

    def __call__(self, history, word):
        shorter = self(history[1:], word) if history else 1 / self.events
        if history not in self.after:
            return shorter
        after = self.after[history]
        times, total, types = after.get(word, 0), sum(after.values()), len(after)
        match self.smoothing:
            case "jelinek-mercer":
                return 0.2 * times / total + 0.8 * shorter
            case "witten-bell":
                return (times + types * shorter) / (total + types)
            case "absolute" | "kneser-ney":
                return (max(times - 0.6, 0) + 0.6 * types * shorter) / total
            case "good-turing":
                return self.katz(history, word)

    def katz(self, history, word):
        after = self.after[history]
        all_seen = len(after) == self.events
        factors = self.factors(len(history) + 1)
        total = sum(after.values()) + (not all_seen and min(after.values()) > 5)
        own = {w: (times if all_seen or times > 5 else factors[times] * times) / total for w, times in after.items()}
        if word in own:
            return own[word]
        if not history:
            return (1 - sum(own.values())) / (self.events - len(own))
        below = sum(self(history[1:], w) for w in own)
        return (1 - sum(own.values())) / (1 - below) * self(history[1:], word)

    def factors(self, order):
        """Katz 1987; absolute discounting if the Good-Turing estimate of a factor is not between 0 and 1."""
        numbers = Counter(times for gram, times in self.counts.items() if len(gram) == order)
        absolute = numbers[1] / (numbers[1] + 2 * numbers[2]) if numbers[1] and numbers[2] else 0.5
        factors = {}
        for r in range(1, 6):
            factors[r] = 1 - absolute / r
            if numbers[r] and (above := 6 * numbers[6] / numbers[1] if numbers[1] else 1) < 1:
                factor = ((r + 1) * numbers[r + 1] / numbers[r] / r - above) / (1 - above)
                factors[r] = factor if 1e-9 < factor < 1 - 1e-9 else factors[r]
        return factors


@pytest.mark.parametrize("number", [3, 60, 400])
@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("smoothing", ["jelinek-mercer", "witten-bell", "absolute", "kneser-ney", "good-turing"])
def test_every_probability_is_that_of_the_definition(smoothing, order, number):
    """All events, after histories that were seen, were not seen, or contain a word that was never seen."""
    given = {"jelinek-mercer": {"weight": 0.2}, "absolute": {"discount": 0.6}, "kneser-ney": {"discount": 0.6}}.get(
        smoothing, {}
    )
    orders = smoothed(order, number=number, smoothing=smoothing, **given).orders
    definition = Definition(smoothing, order, lines(number=number))
    histories = [line[:end] for line in lines(2, 15) for end in range(len(line))]
    for history in ([], [8], [8, 2], [2, 8], [2, 3, 8, 2], [5, 5, 5], *histories):
        found = next_probabilities(orders, [START, *history])[:START]
        context = (START, *history)[len(history) + 2 - order :] if order <= len(history) + 1 else (START, *history)
        assert found == pytest.approx([definition(context, word) for word in range(START)], rel=1e-9)


def test_katz_adds_one_after_a_history_with_frequent_words_only():
    """3 follows 2 seven times, and counts above 5 are not discounted: 1 is added to the sum, as in SRILM."""
    model = smooth(
        count_ngrams(text_of([[2, 3, 1]] * 7), START, 2, Workspace()), SmoothingSettings("good-turing"), text_of([])
    )
    after = next_probabilities(model.orders, [START, 2])
    assert after[3] == pytest.approx(7 / 8)
    assert after[1] == pytest.approx(1 / 8 * unigram(model, 1) / (1 - unigram(model, 3)))


def test_katz_by_hand():
    """Bigrams after 2: 3 six times, 4 once. Good-Turing fails here, so that a count of 1 keeps 1 - D, D = 0.5."""
    counted = count_ngrams(text_of([[2, 3, 1]] * 6 + [[2, 4, 1]]), START, 2, Workspace())
    model = smooth(counted, SmoothingSettings("good-turing"), text_of([]))
    after = next_probabilities(model.orders, [START, 2])
    assert model.found == "absolute-discounts-of-counts-at-order=1(1)+2(1)"
    assert after[3] == pytest.approx(6 / 7)
    assert after[4] == pytest.approx(0.5 / 7)
    unigrams = model.orders[0].probs
    freed = 1 - 6.5 / 7
    assert after[1] == pytest.approx(freed * unigrams[1] / (1 - unigrams[3] - unigrams[4]))


def test_good_turing_factors_by_hand():
    """Katz 1987: r* = (r + 1) n(r+1) / n(r), rescaled so that counts above 5 are not discounted."""
    numbers = {1: 100, 2: 45, 3: 28, 4: 20, 5: 15, 6: 11}
    rng = random.Random(0)
    words = [
        word for word, times in enumerate((r for r in numbers for _ in range(numbers[r])), 2) for _ in range(times)
    ]
    rng.shuffle(words)
    start = 2 + sum(numbers.values())
    text = join_lines([np.array([*words, 1], dtype=np.int32)], start)
    unigrams = (
        smooth(count_ngrams(text, start, 1, Workspace()), SmoothingSettings("good-turing"), text[:0]).orders[0].probs
    )
    total = len(words) + 1
    above = 6 * numbers[6] / (numbers[1] + 1)  # the line end also occurs once
    for word, times in ((2, 1), (102, 2)):
        adjusted = (times + 1) * numbers[times + 1] / (numbers[times] + (times == 1))
        assert unigrams[word] == pytest.approx(times * (adjusted / times - above) / (1 - above) / total)
    assert unigrams[start - 1] == pytest.approx(6 / total)
    assert unigrams[0] == pytest.approx(1 - unigrams[1:start].sum())


def test_a_good_turing_factor_of_one_is_replaced():
    """n3 / n2 = 2 / 3 gives the count 2 the factor 1: after words that were seen twice, no other could follow."""
    numbers = {1: 60, 2: 15, 3: 10, 4: 6, 5: 4, 6: 2}
    pairs = [times for times in numbers for _ in range(numbers[times])]
    start = 2 + 2 * len(pairs)
    pair_lines = [[2 * i + 2, 2 * i + 3, 1] for i, times in enumerate(pairs) for _ in range(times)]
    text = join_lines([np.array(line, dtype=np.int32) for line in pair_lines], start)
    model = smooth(count_ngrams(text, start, 2, Workspace()), SmoothingSettings("good-turing"), text[:0])
    assert "2(2" in model.found
    twice = 2 + 2 * numbers[1]
    after = next_probabilities(model.orders, [start, twice])[:start]
    assert after.min() > 1e-6
    assert after[twice + 1] == pytest.approx(1 - 60 / 90 / 2)  # the absolute discount D = n1 / (n1 + 2 n2), over 2
    assert after.sum() == pytest.approx(1)


def test_tuned_weights_are_better_than_any_fixed_one():
    held_out = lines(5, 40)
    text = text_of(held_out)

    def likelihood(**settings):
        model = smoothed(3, held_out, smoothing="jelinek-mercer", **settings)
        return float(np.log(probabilities(model.orders, text)[text != START]).sum())

    assert likelihood() > max(likelihood(weight=weight / 20) for weight in range(1, 20))


def test_tuned_weights_maximize_the_likelihood():
    """Bigrams: one weight for the unigrams, and one each for histories seen 8 to 15, 16 to 31, … times."""
    trained, held_out = lines(), lines(5, 200)
    after = Counter(pair for line in trained for pair in pairwise([START, *line]))
    words, histories = Counter(word for line in trained for word in line), Counter()
    for (history, _), times in after.items():
        histories[history] += times
    events = [pair for line in held_out for pair in pairwise([START, *line])]
    lower = np.array([words[word] / words.total() for _, word in events])
    higher = np.array([after[pair] / max(histories[pair[0]], 1) for pair in events])
    buckets = np.array([min(int(math.log2(max(histories[history], 1))), 7) for history, _ in events])
    seen = np.array([histories[history] > 0 for history, _ in events])

    def cost(logits):
        shares = 1 / (1 + np.exp(-logits))
        unigram = shares[0] * lower + (1 - shares[0]) / START
        share = np.where(seen, shares[1 + buckets], 0)
        return -np.log(share * higher + (1 - share) * unigram).sum()

    best = minimize(cost, np.zeros(9)).fun
    text = text_of(held_out)
    model = smoothed(2, held_out, smoothing="jelinek-mercer")
    assert len(set(buckets[seen].tolist())) > 2
    assert -np.log(probabilities(model.orders, text)[text != START]).sum() == pytest.approx(best, abs=0.2)


def test_the_absolute_discount_by_hand():
    """Bigrams after 2: 3 twice; 4, 5 and 6 once. Of all bigrams, seven occur once and three twice."""
    text = [[2, 3, 1], [2, 3, 1], [2, 4, 1], [2, 5, 1], [2, 6, 7, 1]]
    counts = [
        Counter(pair for line in text for pair in pairwise([START, *line])),
        Counter(w for line in text for w in line),
    ]
    once, twice = ([sum(1 for n in of.values() if n == times) for of in counts] for times in (1, 2))
    discounts = [one / (one + 2 * two) for one, two in zip(once, twice, strict=True)]
    model = smooth(count_ngrams(text_of(text), START, 2, Workspace()), SmoothingSettings("absolute"), text_of([]))
    assert model.found == f"D={discounts[1]:.4g}/{discounts[0]:.4g}"
    after = next_probabilities(model.orders, [START, 2])
    assert after[3] - after[4] == pytest.approx(
        (2 - 1) / 5 + 4 * discounts[0] / 5 * (unigram(model, 3) - unigram(model, 4))
    )


def unigram(model, word):
    return model.orders[0].probs[word]


def test_katz_does_not_discount_if_every_word_followed_the_history():
    start = 4
    text = join_lines([np.array(line, dtype=np.int32) for line in ([2, 0, 1], [2, 1], [2, 2, 1], [2, 3, 1])], start)
    model = smooth(count_ngrams(text, start, 2, Workspace()), SmoothingSettings("good-turing"), text[:0])
    assert next_probabilities(model.orders, [start, 2])[:start].tolist() == [0.2, 0.4, 0.2, 0.2]
    assert next_probabilities(model.orders, [start, 3])[1] < 1


def test_estimated_parameters_are_described():
    assert smoothed(2, smoothing="kneser-ney", discount=0.75).found == "D=0.75/0.75"
    assert smoothed(2, smoothing="lidstone", gamma=0.2).found == "gamma=0.2"
    assert smoothed(2, smoothing="jelinek-mercer").found == "weight=0.5"
    assert smoothed(2, lines(3), smoothing="jelinek-mercer").found == "weights=held-out"


def test_mle_gives_unseen_events_no_probability():
    orders = smoothed(3, smoothing="mle").orders
    assert next_probabilities(orders, [START, 8, 8])[:START].sum() == 0
    assert math.isclose(next_probabilities(orders, [START])[:START].sum(), 1)
