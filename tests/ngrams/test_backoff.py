import random

import numpy as np
import pytest

from lmbench.ngrams.backoff import look_up, next_probabilities, probabilities
from lmbench.ngrams.counts import count_ngrams, join_lines
from lmbench.ngrams.kneser_ney import KneserNeySettings, estimate
from lmbench.ngrams.smoothing import SmoothingSettings, smooth
from lmbench.ngrams.workspace import Workspace

START = 9


@pytest.fixture(scope="module")
def orders():
    rng = random.Random(3)
    lines = [np.array([*rng.choices(range(2, 7), k=rng.randint(0, 9)), 1], dtype=np.int32) for _ in range(40)]
    return estimate(join_lines(lines, START), START, KneserNeySettings(4)).orders


def by_definition(orders, gram):
    """Return P of the last word of an n-gram, by recursion over dictionaries."""
    names = [{(word,): word for word in range(START + 1)}]
    for order in orders[1:]:
        below = {row: name for name, row in names[-1].items()}
        names.append({(*below[h], w): row for row, (h, w) in enumerate(zip(order.history, order.word, strict=True))})

    def probability(gram):
        k = len(gram)
        if gram in names[k - 1]:
            return orders[k - 1].probs[names[k - 1][gram]]
        history = names[k - 2].get(gram[:-1])
        return (1.0 if history is None else orders[k - 2].backoffs[history]) * probability(gram[1:])

    return probability(gram[-len(orders) :])


def test_probabilities_are_those_of_the_definition(orders):
    rng = random.Random(4)
    lines = [[*rng.choices(range(9), k=rng.randint(0, 7)), 1] for _ in range(30)]
    text = join_lines([np.array(line, dtype=np.int32) for line in lines], START)
    found = probabilities(orders, text)
    at = 0
    for line in lines:
        for end in range(1, len(line) + 1):
            assert found[at + end] == pytest.approx(by_definition(orders, (START, *line[:end])), rel=1e-12)
        at += len(line) + 1


def test_next_probabilities_agree_with_those_of_a_text(orders):
    for history in ([], [2], [2, 3], [8], [8, 2], [2, 3, 4, 5, 2]):
        nexts = next_probabilities(orders, [START, *history])
        for word in range(START):
            text = np.array([START, *history, word], dtype=np.int32)
            assert probabilities(orders, text)[-1] == pytest.approx(nexts[word], rel=1e-12)


def test_ids_of_more_than_16_bits():
    """The same lines with small ids and with some ids shifted above 16 bits have the same n-grams."""
    shift, rng = 1 << 16, random.Random(5)
    far = START + shift
    lines = [
        [id_ + shift * (id_ > 4) for id_ in [*rng.choices(range(2, 8), k=rng.randint(0, 9)), 1]] for _ in range(60)
    ]
    near = [[id_ - shift * (id_ > shift) for id_ in line] for line in lines]
    training, scored = slice(0, 30), slice(20, 60)
    found = []
    for some, start in ((near, START), (lines, far)):
        texts = [
            join_lines([np.array(line, dtype=np.int32) for line in some[part]], start) for part in (training, scored)
        ]
        counted = count_ngrams(texts[0], start, 3, Workspace())
        orders = smooth(counted, SmoothingSettings("absolute"), held_out=texts[1][:0]).orders
        seen = [order.rows(order.history, order.word) for order in orders[1:]]
        assert all((rows == np.arange(len(rows))).all() for rows in seen)
        found.append([sorted(matches.ends[matches.found].tolist()) for matches in look_up(orders, texts[1])])
    assert found[0] == found[1]
    assert all(found[0])


@pytest.mark.parametrize("text", [[], [START], [START, 1]])
def test_short_texts(orders, text):
    assert len(probabilities(orders, np.array(text, dtype=np.int32))) == len(text)
