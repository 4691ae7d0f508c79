import lzma
import math
import random
from collections import Counter, defaultdict

import numpy as np
import pytest

from lmbench.errors import CorpusError
from lmbench.kneser_ney import estimate

LINE_END = 1


def as_lines(texts):
    """Ids for words, in the order in which they come; 0 is unknown and 1 the line end."""
    ids = {"<unk>": 0, "</s>": LINE_END}
    lines = [np.array([*(ids.setdefault(word, len(ids)) for word in text), LINE_END], dtype=np.int32) for text in texts]
    return lines, [*ids, "<s>"]


def as_table(orders, words):
    """{n-gram as words: (log10 probability, log10 back-off)}"""
    table = {}
    names = [(word,) for word in words]
    for k, order in enumerate(orders, start=1):
        if k > 1:
            names = [(*names[h], words[w]) for h, w in zip(order.history, order.word, strict=True)]
        values = zip(np.log10(order.probs).tolist(), np.log10(order.backoffs).tolist(), strict=True)
        table |= dict(zip(names, values, strict=True))
    return table


def test_a_hand_computed_bigram_model():
    """Lines "a b", "a", "b a". Every discount is the fallback 0.5, 1, 1.5, since no bigram was seen twice.

    Bigrams: <s>a 2, ab 1, b</s> 1, a</s> 2, <s>b 1, ba 1. Distinct words before: a 2 (<s>, b), b 2 (a, <s>), </s> 2;
    unigrams have no count of 1, so D2 = 1 for all. b() = 3 * 1 / 6; V = 4: <unk>, </s>, a, b.
    """
    lines, words = as_lines(["ab", "a", "ba"])
    orders = estimate(lines, 4, 2)
    table = as_table(orders, words)
    p_unigram = (2 - 1) / 6 + 1 / 2 * 1 / 4
    assert 10 ** table["a",][0] == pytest.approx(p_unigram)
    assert 10 ** table["<unk>",][0] == pytest.approx(1 / 2 * 1 / 4)
    backoff_a = (1.0 + 0.5) / 3  # a</s> was seen twice, ab once
    assert 10 ** table["a",][1] == pytest.approx(backoff_a)
    assert 10 ** table["a", "b"][0] == pytest.approx((1 - 0.5) / 3 + backoff_a * p_unigram)
    assert 10 ** table["a", "</s>"][0] == pytest.approx((2 - 1.0) / 3 + backoff_a * p_unigram)
    assert [order.fallback for order in orders] == [True, True]


def by_definition(texts, order, discounts):
    """P and back-offs straight from the definition, with dictionaries: {n-gram: (P, back-off)}."""
    padded = [("<s>", *text, "</s>") for text in texts]
    counts = Counter(line[i : i + k] for line in padded for k in range(1, order + 1) for i in range(len(line) - k + 1))
    before = defaultdict(set)
    for gram in counts:
        before[gram[1:]].add(gram[0])
    adjusted = {
        gram: count if len(gram) == order or gram[0] == "<s>" else len(before[gram])
        for gram, count in counts.items()
        if gram != ("<s>",)
    }
    vocabulary = {word for text in texts for word in text} | {"</s>", "<unk>"}

    def discount(gram):
        return discounts[len(gram) - 1][min(adjusted[gram], 3) - 1]

    def followers(history):
        return [gram for gram in adjusted if gram[:-1] == history]

    def backoff(history):
        grams = followers(history)
        return sum(map(discount, grams)) / sum(adjusted[gram] for gram in grams) if grams else 1.0

    def probability(gram):
        lower = probability(gram[1:]) if len(gram) > 1 else 1 / len(vocabulary)
        grams = followers(gram[:-1])
        if not grams:
            return lower
        own = (adjusted[gram] - discount(gram)) / sum(adjusted[g] for g in grams) if gram in adjusted else 0
        return own + backoff(gram[:-1]) * lower

    grams = {*adjusted, ("<unk>",)}
    return {gram: (probability(gram), backoff(gram) if len(gram) < order else 1.0) for gram in grams}


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("seed", range(3))
def test_random_texts_by_the_definition(order, seed):
    rng = random.Random(seed)
    texts = [rng.choices("abcde", [8, 4, 2, 1, 1], k=rng.randint(0, 7)) for _ in range(30)]
    texts = [tuple(text) for text in texts]
    lines, words = as_lines(texts)
    orders = estimate(lines, len(words) - 1, order)
    table = as_table(orders, words)
    expected = by_definition(texts, order, [order.discounts for order in orders])
    assert table.keys() - {("<s>",)} == expected.keys()
    for gram, (probability, backoff) in expected.items():
        assert table[gram] == pytest.approx((math.log10(probability), math.log10(backoff)), abs=1e-12)


@pytest.mark.parametrize(
    ("text", "order", "arpa"),
    [
        ("toy.txt", 1, "toy.o1.fallback"),
        ("toy.txt", 2, "toy.o2.fallback"),
        ("toy.txt", 3, "toy.o3"),
        ("tang.txt", 2, "tang.o2"),
        ("tang.txt", 4, "tang.o4"),
        ("wiki.txt.xz", 1, "wiki.o1"),
        ("wiki.txt.xz", 2, "wiki.o2"),
        ("wiki.txt.xz", 3, "wiki.o3"),
        ("wiki.txt.xz", 5, "wiki.o5"),
    ],
)
def test_every_number_is_lmplzs(reference, text, order, arpa):
    """lmplz computes in float32: its numbers are good to about 1e-6."""
    data = (reference / "lmplz" / text).read_bytes()
    content = (lzma.decompress(data) if text.endswith("xz") else data).decode()
    lines, words = as_lines([line.split() for line in content.removesuffix("\n").split("\n")])
    table = as_table(estimate(lines, len(words) - 1, order), words)
    expected = {}
    for row in lzma.decompress((reference / f"lmplz/{arpa}.arpa.xz").read_bytes()).decode().splitlines():
        fields = row.split("\t")
        if len(fields) > 1:
            expected[tuple(fields[1].split(" "))] = (float(fields[0]), float(fields[2]) if len(fields) > 2 else 0.0)
    assert table.keys() == expected.keys()
    grams = sorted(expected)
    np.testing.assert_allclose([table[g] for g in grams], [expected[g] for g in grams], rtol=0, atol=2e-6)


def test_no_lines():
    with pytest.raises(CorpusError, match="no line to count"):
        estimate([], 3, 2)


def test_lines_shorter_than_the_order():
    orders = estimate([np.array([2, 1], dtype=np.int32)], 3, 6)
    assert [len(order.word) for order in orders] == [4, 2, 1, 0, 0, 0]
