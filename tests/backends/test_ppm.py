import ast
import bz2
import lzma
import math
from fractions import Fraction
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmbench import LanguageModel, NotFittedError, Split, TrainingText, build, load_corpus
from lmbench.backends import ppm
from lmbench.errors import LmbenchError
from tests.conftest import ENGLISH

ODD = (
    "",
    "\n",
    "\0",
    "a\0\0b\0\n",
    "one\r\ntwo\r\n\r\n",
    "a\u00a0b\u3000c\n",
    "😀 e\u0301 汉字 \U0010ffff\n",
    "\x0b\x1c\x85\u2028\n",
    "a long line " * 8534,
)


def fitted(spec, texts=ENGLISH):
    model = build(spec)
    model.fit(TrainingText(Split(tuple(texts)), Split(())))
    return model


def bits(score):
    return -score.logprobs / math.log(2)


class Naive:
    """PPM by its definition. Every context is a byte string, and all arithmetic is in fractions."""

    def __init__(self, order, escape):
        self.order, self.half = order, {"c": Fraction(0), "d": Fraction(1, 2)}[escape]
        self.counts = {}

    def contexts(self, history):
        return [history[len(history) - k :] for k in range(min(self.order, len(history)), -1, -1)]

    def learn(self, history, byte):
        for context in self.contexts(history):
            row = self.counts.setdefault(context, {})
            row[byte] = row.get(byte, 0) + 1
            if row[byte] > 1:
                break

    def learn_all(self, text):
        for i, byte in enumerate(text):
            self.learn(text[:i], byte)

    def distribution(self, history):
        here, excluded, result = Fraction(1), set(), {}
        for context in self.contexts(history):
            seen = self.counts.get(context, {})
            if not seen:
                continue
            weights = {byte: count - self.half for byte, count in seen.items() if byte not in excluded}
            escape = len(seen) * (1 - self.half)
            total = sum(weights.values()) + escape
            result |= {byte: here * weight / total for byte, weight in weights.items()}
            here *= escape / total
            excluded |= set(seen)
        others = set(range(256)) - excluded
        return result | {byte: here / len(others) for byte in others}


TEXTS = st.text(alphabet="ab\né", max_size=12)


@pytest.mark.parametrize(
    ("order", "escape", "adaptive"), list(product([0, 1, 2, 3, 4, 7], ["c", "d"], [True, False])), ids=str
)
@settings(max_examples=15, deadline=None)
@given(training=st.lists(TEXTS, max_size=3), text=TEXTS)
def test_against_the_definition(order, escape, adaptive, training, text):
    """The naive model reads the training texts byte by byte; ppm sorts them."""
    naive = Naive(order, escape)
    for document in training:
        naive.learn_all(document.encode())
    model = fitted(f"ppm:order={order},escape={escape},adaptive={adaptive}", training)
    [score] = model.score([text])
    data = text.encode()
    for i, byte in enumerate(data):
        expected = naive.distribution(data[:i])
        assert sum(expected.values()) == 1
        assert score.logprobs[i] == pytest.approx(math.log(expected[byte]), abs=1e-12)
        if adaptive:
            naive.learn(data[:i], byte)
    expected = naive.distribution(data)
    nexts = model.next_events(text)
    assert nexts.names == tuple(map(chr, range(256)))
    np.testing.assert_allclose(nexts.logprobs, [math.log(expected[byte]) for byte in range(256)], atol=1e-12)
    assert np.exp(nexts.logprobs).sum() == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize(
    ("escape", "byte", "probability"),
    [
        ("c", "c", 1 / 2),
        ("c", "d", 1 / 2 * 1 / 6),
        ("c", "t", 1 / 2 * 3 / 6 * 5 / 10 * 1 / 251),
        ("d", "c", 1 / 2),
        ("d", "d", 1 / 2 * 1 / 7),
        ("d", "t", 1 / 2 * 3 / 7 * 5 / 13 * 1 / 251),
    ],
)
def test_after_abracadabra(escape, byte, probability):
    """Compute the example of Cleary, Teahan and Witten (Unbounded length contexts for PPM, 1995) by hand.

    Order 2 has seen "ra" before c once. Order 1 has seen "a" before b twice, before c once and before d once. By update
    exclusion, order 0 counts a 4 times, and b, c, d and r once each: longer contexts predicted the others.

    Method C. c: 1/(1+1). d: an escape, 1/(1+1), then, without c, 1/(2+1+3). t: an escape, another of 3/(2+1+3), a third
    of 5/(4+1+5) without b, c and d, and one of 256 - 5 bytes. (Without update exclusion a would be 5 and r 2, and the
    third escape 5/12; the others would not change.)

    Method D, with c - 1/2 and d/2. c: (1/2)/(1/2+1/2). d: 1/2, then (1/2)/(3/2+1/2+3/2). t: 1/2, then
    (3/2)/(3/2+1/2+3/2), then (5/2)/(7/2+1/2+5/2), then 1/251.
    """
    model = fitted(f"ppm:order=2,escape={escape},adaptive=false", ["abracadabra"])
    [score] = model.score(["abracadabra" + byte])
    assert score.logprobs[-1] == pytest.approx(math.log(probability), abs=1e-12)
    learning = fitted(f"ppm:order=2,escape={escape}", [])
    [score] = learning.score(["abracadabra" + byte])
    assert score.logprobs[-1] == pytest.approx(math.log(probability), abs=1e-12)


@pytest.mark.parametrize("escape", ["c", "d"])
def test_bytes_that_were_never_seen(escape):
    """After n different bytes, the escape gets n of 2n in both methods, and 256 - n bytes share it."""
    text = "abcdefghij"
    expected = [1 / 256, *(1 / 2 / (256 - n) for n in range(1, len(text)))]
    [learning] = fitted(f"ppm:escape={escape}", []).score([text])
    np.testing.assert_allclose(learning.logprobs, np.log(expected), atol=1e-12)
    [fixed] = fitted(f"ppm:escape={escape},adaptive=false", []).score([text])
    np.testing.assert_allclose(fixed.logprobs, -math.log(256), atol=1e-12)


@pytest.mark.parametrize("spec", ["ppm", "ppm:escape=c,order=3", "ppm:adaptive=false"])
def test_each_event_is_scored_as_the_distribution_says(spec):
    model = fitted(spec)
    text = "the cat saw\r\n汉 the cat saw\n"
    data = text.encode()
    [score] = model.score([text])
    starts = [len(text[:i].encode()) for i in range(len(text))]
    for i, start in enumerate(starts):
        logprobs = model.next_events(text[:i]).logprobs
        assert np.exp(logprobs).sum() == pytest.approx(1, abs=1e-9)
        assert score.logprobs[start] == pytest.approx(logprobs[data[start]], abs=1e-12)


def test_a_repetition_is_cheap():
    """The first byte costs as much as in the fixed model; a byte that was seen once after 7 others costs 1 bit."""
    sentence = "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich.\n"
    size = len(sentence.encode())
    learning, fixed = (bits(fitted(f"ppm:adaptive={value}").score([8 * sentence])[0]) for value in (True, False))
    assert learning[0] == fixed[0]
    assert learning[:size].mean() > 4
    np.testing.assert_allclose(learning[size + 7 : 2 * size], 1, atol=1e-12)
    assert learning[4 * size :].mean() < 0.25
    assert fixed[4 * size :].mean() == pytest.approx(fixed[: 4 * size].mean(), rel=0.01)


def test_scoring_leaves_no_trace():
    model, fresh = fitted("ppm"), fitted("ppm")
    document = "the zebra sat on the zebra\n"
    [first] = model.score([document])
    with pytest.raises(UnicodeEncodeError):
        model.score([document * 3, "\ud800"])
    model.next_events(document * 3)
    _, second = model.score([document * 3, document])
    [expected] = fresh.score([document])
    assert first.logprobs.tolist() == second.logprobs.tolist() == expected.logprobs.tolist()
    assert model.footprint() == fresh.footprint()


@pytest.mark.parametrize("spec", ["ppm", "ppm:order=0,escape=c", "ppm:adaptive=false"])
def test_odd_texts(spec):
    for document, score in zip(ODD, fitted(spec).score(ODD), strict=True):
        score.check(document)
        assert score.ends.tolist() == list(range(1, len(document.encode()) + 1))
        assert not score.spelling.any()


@pytest.mark.parametrize("spec", ["ppm", "ppm:order=2,adaptive=false"])
def test_continuations_share_one_reading_of_their_context(spec, monkeypatch):
    model, read = fitted(spec), []
    texts = ("", "the c", "the cat sat ", "汉字")
    pairs = [(context, text) for text in (*texts, "at", "at") for context in texts]
    apart = [LanguageModel.measure_continuations(model, [pair])[0] for pair in pairs]
    state_after = model.state_after
    monkeypatch.setattr(model, "state_after", lambda text: read.append(text) or state_after(text))
    assert model.measure_continuations(pairs) == apart
    assert sorted(read) == sorted(texts)


def test_odd_training_texts():
    """NUL is an ordinary byte, and documents may be empty or shorter than the context."""
    model = fitted("ppm:order=7,adaptive=false", ["", "a", "\0\0\0", "\U0010ffff\U0010ffff"])
    learning = Naive(7, "d")
    for text in ("a", "\0\0\0", "\U0010ffff\U0010ffff"):
        learning.learn_all(text.encode())
    for history in ("", "\0", "\0\0", "\U0010ffff"):
        expected = learning.distribution(history.encode())
        logprobs = model.next_events(history).logprobs
        np.testing.assert_allclose(logprobs, [math.log(expected[byte]) for byte in range(256)], atol=1e-12)


def test_without_training_it_compresses_better_than_bz2_and_lzma():
    text = "".join(load_corpus("pydocs").test.documents)
    [score] = fitted("ppm", []).score([text])
    size = bits(score).sum() / 8
    assert size < len(bz2.compress(text.encode())) < len(text.encode()) / 2
    assert size < len(lzma.compress(text.encode()))


@pytest.mark.parametrize(
    "spec",
    ["ppm:order=8", "ppm:order=-1", "ppm:order=two", "ppm:escape=e", "ppm:adaptive=perhaps", "ppm:tokenizer=bpe"],
)
def test_invalid_options_are_refused(spec):
    with pytest.raises(LmbenchError, match="ppm"):
        build(spec)


def test_the_signature_names_the_options():
    assert str(fitted("ppm").signature()) == (
        "order:7|escape:d|adaptive:document|update:exclusion|bos:none|tok:bytes|vocab:256"
    )
    assert "escape:c|adaptive:no" in str(fitted("ppm:order=2,escape=c,adaptive=no").signature())


def test_the_footprint_counts_grams():
    """ "abab" has 2 bytes after the empty context, b after a and a after b: 2 + 2 grams of 16 bytes each."""
    footprint = fitted("ppm:order=1", ["abab"]).footprint()
    assert (footprint.parameters, footprint.disk_bytes) == (4, 64)


def test_ppm_imports_public_names_only():
    tree = ast.parse(Path(ppm.__file__).read_text(encoding="utf-8"))
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {module for module in modules if module and module.startswith("lmbench")} == {"lmbench"}


def test_scoring_before_fitting_is_an_error():
    model = build("ppm")
    for ask in (lambda: model.score(["a"]), lambda: model.next_events("a"), model.footprint):
        with pytest.raises(NotFittedError, match="this Ppm is not ready; call prepare first"):
            ask()


def test_exhibits_by_hand():
    """After "a" come b, c and b: in method C, P(escape) is 2 / (3 + 2)."""
    model = build("ppm:order=1,escape=c")
    model.fit(TrainingText(Split(("abacab",)), Split(())))
    orders, contexts = model.exhibits()
    assert [row[:3] for row in orders.rows] == [(0, 1, 3), (1, 3, 4)]
    # order 1: a is followed by b, c, b and escapes with 2/5; b and c by a, once each, and escape with 1/2
    assert orders.rows[1][3] == pytest.approx((3 * 2 / 5 + 1 / 2 + 1 / 2) / 5)
    assert ("a", 3, "b 2, c 1") in contexts.rows
    assert ("b", 1, "a 1") in contexts.rows


def test_the_escapes_shown_are_those_of_the_model():
    for escape in ("c", "d"):
        model = build(f"ppm:order=0,escape={escape},adaptive=false")
        model.fit(TrainingText(Split(("abacab",)), Split(())))
        probs = np.exp(model.next_events("").logprobs)
        unseen = [byte for byte in range(256) if byte not in b"abc"]
        assert model.exhibits()[0].rows[0][3] == pytest.approx(probs[unseen].sum())
