import math
from itertools import product

import pytest

from lmbench.text.letter_model import LetterModel


def test_a_hand_computed_price():
    """Order 2, learned from "ab": each symbol was seen once, and one symbol after each history.

    P(x) = (c(x) + 3/257) / (3 + 3) over a, b and the end; P(x | h) = (c(h x) + P(x)) / (1 + 1).
    """
    seen = (1 + 3 / 257) / 6
    unseen = (3 / 257) / 6
    letters = LetterModel(order=2).learn([b"ab"])
    assert letters.logprob(b"ab") == pytest.approx(3 * math.log((1 + seen) / 2))
    assert letters.logprob(b"b") == pytest.approx(math.log(seen / 2) + math.log((1 + seen) / 2))
    assert letters.logprob(b"z") == pytest.approx(math.log(unseen / 2) + math.log(seen))


@pytest.mark.parametrize("words", [[], [b"abc", b"ab", b"b"], ["汉字".encode(), b"a"]])
def test_words_have_the_same_cost_together_and_alone(words):
    letters = LetterModel(order=3).learn(words)
    priced = [b"", b"ab", b"\xc8\xc9zz", b"abcabc"]
    assert letters.logprobs(priced).tolist() == pytest.approx([letters.logprob(word) for word in priced], abs=1e-12)
    assert letters.logprobs([]).tolist() == []


def test_probabilities_of_short_strings_sum_to_almost_one():
    letters = LetterModel(order=4).learn([b"a", b"b", b"ab"] * 50)
    total = sum(math.exp(letters.logprob(bytes(word))) for n in range(7) for word in product(b"ab", repeat=n))
    assert 0.9 < total <= 1


def test_likely_spellings_are_cheap():
    letters = LetterModel().learn([b"walking", b"talking", b"baking"])
    assert letters.logprob(b"waking") > letters.logprob(b"gniwak")


@pytest.mark.parametrize("words", [[], [b"abc", b"ab", b"b"], ["汉字".encode(), b"a"]])
def test_a_prefix_has_the_probability_of_its_continuations(words):
    letters = LetterModel(order=3).learn(words)
    for start in (b"", b"a", b"ab", b"zz"):
        longer = sum(math.exp(letters.prefix_logprob(start + bytes([byte]))) for byte in range(256))
        assert math.exp(letters.prefix_logprob(start)) == pytest.approx(longer + math.exp(letters.logprob(start)))
    assert letters.prefix_logprob(b"") == 0
