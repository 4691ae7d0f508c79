import lzma
import math
import random
import tracemalloc
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from lmbench.errors import CorpusError
from lmbench.ngrams.backoff import next_probabilities
from lmbench.ngrams.counts import join_lines
from lmbench.ngrams.kneser_ney import KneserNeySettings, estimate
from lmbench.ngrams.workspace import Workspace

DATA = Path(__file__).parent / "data"
LINE_END = 1


def as_lines(texts):
    """Give ids to words in order of appearance; 0 is the unknown word and 1 the line end."""
    ids = {"<unk>": 0, "</s>": LINE_END}
    lines = [np.array([*(ids.setdefault(word, len(ids)) for word in text), LINE_END], dtype=np.int32) for text in texts]
    return lines, [*ids, "<s>"]


def estimated(lines, vocabulary, order, **settings):
    return estimate(join_lines(lines, vocabulary), vocabulary, KneserNeySettings(order, **settings))


def as_arrays(orders, words):
    """Return all n-grams as texts, and (n-grams, 2) their log10 probabilities and back-offs."""
    grams, columns, longest = [], [], []
    for k, order in enumerate(orders, start=1):
        pairs = zip(order.history.tolist(), order.word.tolist(), strict=True)
        longest = words if k == 1 else [f"{longest[h]} {words[w]}" for h, w in pairs]
        backoffs = order.backoffs if k < len(orders) else np.ones(len(order.keys))
        with np.errstate(divide="ignore"):
            columns.append(np.log10(np.stack([order.probs, backoffs], axis=1)))
        grams += longest
    return grams, np.concatenate(columns)


def as_table(orders, words):
    """{n-gram as words: (log10 probability, log10 back-off)}"""
    grams, values = as_arrays(orders, words)
    return {tuple(gram.split(" ")): tuple(row) for gram, row in zip(grams, values.tolist(), strict=True)}


def test_a_hand_computed_bigram_model():
    """Lines "a b", "a", "b a". Every discount is the fallback 0.5, 1, 1.5, since no bigram was seen twice.

    Bigrams: <s>a 2, ab 1, b</s> 1, a</s> 2, <s>b 1, ba 1. Distinct words before: a 2 (<s>, b), b 2 (a, <s>), </s> 2;
    no unigram has a count of 1, so D2 = 1 for all. b() = 3 * 1 / 6; V = 4: <unk>, </s>, a, b.
    """
    lines, words = as_lines(["ab", "a", "ba"])
    model = estimated(lines, 4, 2)
    table = as_table(model.orders, words)
    p_unigram = (2 - 1) / 6 + 1 / 2 * 1 / 4
    assert 10 ** table["a",][0] == pytest.approx(p_unigram)
    assert 10 ** table["<unk>",][0] == pytest.approx(1 / 2 * 1 / 4)
    backoff_a = (1.0 + 0.5) / 3  # a</s> was seen twice, ab once
    assert 10 ** table["a",][1] == pytest.approx(backoff_a)
    assert 10 ** table["a", "b"][0] == pytest.approx((1 - 0.5) / 3 + backoff_a * p_unigram)
    assert 10 ** table["a", "</s>"][0] == pytest.approx((2 - 1.0) / 3 + backoff_a * p_unigram)
    assert model.fallback == [1, 2]


def adjusted_counts(texts, order):
    """{n-gram: number of distinct words before it, or how often it occurs}, straight from the definition."""
    padded = [("<s>", *text, "</s>") for text in texts]
    counts = Counter(line[i : i + k] for line in padded for k in range(1, order + 1) for i in range(len(line) - k + 1))
    before = defaultdict(set)
    for gram in counts:
        before[gram[1:]].add(gram[0])
    return {
        gram: count if len(gram) == order or gram[0] == "<s>" else len(before[gram])
        for gram, count in counts.items()
        if gram != ("<s>",)
    }


def by_definition(texts, order, discounts):
    """P and back-offs straight from the definition, with dictionaries: {n-gram: (P, back-off)}."""
    adjusted = adjusted_counts(texts, order)
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
    model = estimated(lines, len(words) - 1, order)
    table = as_table(model.orders, words)
    expected = by_definition(texts, order, model.discounts)
    assert table.keys() - {("<s>",)} == expected.keys()
    for gram, (probability, backoff) in expected.items():
        assert table[gram] == pytest.approx((math.log10(probability), math.log10(backoff)), abs=1e-12)


def test_discounts_by_equation_26_of_chen_and_goodman():
    """Each order has its own, from the numbers of n-grams counted 1 to 4 times; else lmplz's fallback."""
    rng = random.Random(1)
    texts = [tuple(rng.choices("abcdefghijklmnop", range(16, 0, -1), k=rng.randint(0, 7))) for _ in range(90)]
    lines, words = as_lines(texts)
    model = estimated(lines, len(words) - 1, 4)
    adjusted, found = adjusted_counts(texts, 4), []
    for k in range(1, 5):
        n1, n2, n3, n4 = (sum(len(g) == k and adjusted[g] == times for g in adjusted) for times in (1, 2, 3, 4))
        if k in model.fallback:
            assert model.discounts[k - 1] == (0.5, 1.0, 1.5)
            assert not (n1 and n2 and n3)
            continue
        y = n1 / (n1 + 2 * n2)
        expected = (1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3)
        assert model.discounts[k - 1] == pytest.approx(expected, rel=1e-12)
        found.append(k)
    assert len(found) > 1
    assert model.fallback


def read(path):
    data = path.read_bytes()
    return (lzma.decompress(data) if path.suffix == ".xz" else data).decode()


@cache
def read_lines(path):
    return as_lines([line.split() for line in read(path).removesuffix("\n").split("\n")])


def from_lmplz(path):
    """Return the n-grams of an ARPA file as texts, and (n-grams, 2) their log10 probabilities and back-offs."""
    rows = [line.split("\t") for line in read(path).splitlines() if "\t" in line]
    return [row[1] for row in rows], np.array([(float(row[0]), float(row[2]) if len(row) > 2 else 0.0) for row in rows])


def assert_equal_to_lmplz(model, words, arpa):
    """lmplz computes in float32, so that its figures are accurate to about 1e-6."""
    grams, values = as_arrays(model.orders, words)
    rows = {gram: row for row, gram in enumerate(grams)}
    for word, kept in zip(words, model.kept, strict=True):
        if not kept:
            assert values[rows.pop(word)].tolist() == [-math.inf, 0]
    expected, figures = from_lmplz(arpa)
    assert rows.keys() == set(expected)
    np.testing.assert_allclose(values[[rows[gram] for gram in expected]], figures, rtol=0, atol=2e-6)


@pytest.mark.parametrize(
    ("arpa", "settings"),
    [
        ("toy.o1", {}),
        ("toy.o2", {}),
        ("toy.o3", {}),
        ("toy.o3", {"precision": np.float32}),
        ("toy.o3.prune01", {"prune": (0, 1)}),
        ("toy.o3.sri", {"interpolate_unigrams": False}),
    ],
)
def test_every_number_of_a_small_text_is_lmplzs(arpa, settings):
    """The committed reference figures in data/."""
    lines, words = read_lines(DATA / "toy.txt")
    model = estimated(lines, len(words) - 1, int(arpa.split(".")[1][1:]), **settings)
    assert_equal_to_lmplz(model, words, DATA / f"{arpa}.arpa")


@pytest.mark.parametrize(
    ("arpa", "settings"),
    [
        ("toy.o1.fallback", {}),
        ("toy.o2.fallback", {}),
        ("toy.o3", {}),
        ("tang.o2", {}),
        ("tang.o4", {}),
        ("wiki.o1", {}),
        ("wiki.o3", {"precision": np.float32}),
        ("wiki.o5", {}),
        ("wiki.o3.sri", {"interpolate_unigrams": False}),
        ("wiki.o3.prune001", {"prune": (0, 0, 1)}),
        ("wiki.o5.prune00122", {"prune": (0, 0, 1, 2, 2)}),
        ("wiki.o3.limitvocab", {}),
    ],
)
def test_every_number_is_lmplzs(reference, arpa, settings):
    name, order, *_ = arpa.split(".")
    lines, words = read_lines(reference / "lmplz" / (f"{name}.txt.xz" if name == "wiki" else f"{name}.txt"))
    vocabulary = len(words) - 1
    allowed = None
    if arpa.endswith("limitvocab"):
        limit = {"<unk>", "</s>", "<s>", *read(reference / "lmplz/wiki.vocab.txt").split()}
        allowed = np.array([word in limit for word in words])
    settings = KneserNeySettings(int(order[1:]), **settings)
    model = estimate(join_lines(lines, vocabulary), vocabulary, settings, allowed)
    assert_equal_to_lmplz(model, words, reference / f"lmplz/{arpa}.arpa.xz")


def test_pruned_keys_that_need_more_than_32_bits():
    """Word ids of 21 bits and 1,200 trigrams. Each occurs twice, so that pruning those seen once changes nothing."""
    vocabulary = 1 << 20
    words = np.random.default_rng(0).choice(np.arange(2, vocabulary), 1200, replace=False)
    text = join_lines([np.append(line, LINE_END).astype(np.int32) for line in np.split(words, 300)] * 2, vocabulary)
    whole, pruned = (
        estimate(text, vocabulary, KneserNeySettings(4, prune=prune)).orders for prune in ((0,), (0, 0, 1))
    )
    assert whole[3].history.max() << whole[3].bits > np.iinfo(np.int32).max
    for one, other in zip(whole, pruned, strict=True):
        assert one.keys.tolist() == other.keys.tolist()
        assert one.probs.tolist() == other.probs.tolist()


@pytest.mark.parametrize("settings", [{}, {"prune": (0, 1)}, {"prune": (1, 1, 2)}, {"interpolate_unigrams": False}])
def test_the_probabilities_after_any_history_sum_to_one(settings):
    rng = random.Random(7)
    lines, words = as_lines(["".join(rng.choices("abcdefgh", [9, 5, 4, 3, 2, 1, 1, 1], k=6)) for _ in range(60)])
    vocabulary = len(words) - 1
    orders = estimated(lines, vocabulary, 4, **settings).orders
    for history in ((), (2,), (2, 3), (2, 3, 4), (3, 3, 3), (0,), (2, 0), (0, 2)):
        total = next_probabilities(orders, [vocabulary, *history])[:vocabulary].sum()
        assert total == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("precision", [np.float32, np.float64])
def test_a_discount_of_0_is_replaced(precision):
    """Equation 26 gives the bigrams D2 = 0: "ab" was seen twice, and no other word would be possible after a."""
    lines, words = as_lines(["cab", "ab", "b"])
    model = estimated(lines, len(words) - 1, 2, precision=precision)
    assert model.fallback == [1, 2]
    after = next_probabilities(model.orders, [len(words) - 1, words.index("a")])[:-1]
    assert after.min() > 0.01
    assert after.sum() == pytest.approx(1)


def test_a_discount_of_the_whole_count_is_replaced_if_unigrams_are_not_interpolated():
    """No word was counted four times: D3+ = 3, which would leave nothing to a word that was counted three times."""
    lines, words = as_lines(["a", "b", "cc", "ddd", "e" * 7])
    model = estimated(lines, len(words) - 1, 1, interpolate_unigrams=False)
    interpolated = estimated(lines, len(words) - 1, 1)
    assert interpolated.discounts[0][2] == pytest.approx(3)
    assert model.fallback == [1]
    assert model.orders[0].probs.min() > 0


def test_an_empty_text_is_refused():
    with pytest.raises(CorpusError, match="cannot count n-grams: the training split does not contain a line"):
        estimated([], 3, 2)


def test_lines_shorter_than_the_order():
    orders = estimated([np.array([2, 1], dtype=np.int32)], 3, 6).orders
    assert [len(order.keys) for order in orders] == [4, 2, 1, 0, 0, 0]


def big_text(tokens=120_000):
    """Words by Zipf's law, so that a few occur in more places than fit into one block."""
    rng = np.random.default_rng(0)
    words = 2 + rng.zipf(1.2, tokens) % 5000
    return join_lines([np.append(line, 1).astype(np.int32) for line in np.split(words, tokens // 20)], 5002)


def test_bounded_memory_does_not_grow_with_the_text():
    """Except for its ids. Every fifth word is the same."""
    peaks = []
    for tokens in (50_000, 200_000):
        text = big_text(tokens)
        tracemalloc.start()
        estimate(text, 5002, KneserNeySettings(4, prune=(0, 0, 1), precision=np.float32), workspace=Workspace(1 << 20))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + (200 << 10)


def test_bounded_memory_gives_the_same_numbers():
    text, settings = big_text(), KneserNeySettings(4, prune=(0, 0, 1), precision=np.float32)
    tracemalloc.start()
    whole = estimate(text, 5002, settings)
    _, much = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    before, _ = tracemalloc.get_traced_memory()
    small = estimate(text, 5002, settings, workspace=Workspace(1 << 20))
    _, little = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert little - before < 4 << 20 < much
    for one, other in zip(whole.orders, small.orders, strict=True):
        assert isinstance(other.probs, np.memmap)
        np.testing.assert_array_equal(one.keys, other.keys)
        np.testing.assert_array_equal(one.probs, other.probs)
        np.testing.assert_array_equal(one.backoffs, other.backoffs)
