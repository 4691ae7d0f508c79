import lzma
import math
from itertools import pairwise

import numpy as np
import pytest

from lmbench import ModelSpec, Split, TrainingText
from lmbench.backends.kenlm_ngram import KenlmNgram
from lmbench.errors import SpecError


def fitted(spec, data):
    model = ModelSpec.parse(spec).build(KenlmNgram)
    model.fit(data)
    return model


def test_a_hand_computed_line():
    """The bigram model of tests/test_kneser_ney.py: P(a | <s>), P(b | a), P(</s> | b)."""
    data = TrainingText(Split(("a b\na\nb a\n",)), Split(()), tokenised=True)
    [score] = fitted("kenlm:order=2,min_count=1", data).score(["a b\n"])
    unigram = 1 / 6 + 1 / 8
    start, after_a, after_b = 1.5 / 3, 1.5 / 3, 1 / 2
    expected = [
        math.log((2 - 1) / 3 + start * unigram),
        math.log((1 - 0.5) / 3 + after_a * unigram),
        math.log((1 - 0.5) / 2 + after_b * unigram),
    ]
    assert score.logprobs.tolist() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("train", "test", "order"), [("wiki.txt.xz", "wiki.test.txt.xz", 3), ("tang.txt", "tang.test.txt", 4)]
)
def test_events_are_scored_as_by_lmplz_and_query(reference, train, test, order):
    """Each word's log10 in `query -v word` on lmplz's ARPA, unknown words without their spelling."""
    texts = []
    for name in (train, test):
        data = (reference / "lmplz" / name).read_bytes()
        texts.append((lzma.decompress(data) if name.endswith("xz") else data).decode())
    query = lzma.decompress((reference / f"lmplz/{train.split('.')[0]}.o{order}.query.xz").read_bytes()).decode()
    rows = [
        field.split(" ")
        for line in query.splitlines()
        for field in line.split("\t")
        if field.count("=") and field.count(" ") == 2
    ]
    expected = [float(row[2]) * math.log(10) for row in rows]
    model = fitted(f"kenlm:order={order},min_count=1", TrainingText(Split((texts[0],)), Split(()), tokenised=True))
    [score] = model.score([texts[1]])
    assert len(score.logprobs) == len(expected)
    np.testing.assert_allclose(score.logprobs - score.spelling, expected, rtol=0, atol=1e-5)
    oovs = [row[0].endswith("=0") for row in rows]
    assert (score.spelling < 0).tolist() == oovs


def test_any_text_can_be_a_word():
    """ARPA's own words, white space that KenLM would split at, backslashes: each is one event with its own count."""
    words = ["<unk>", "<s>", "</s>", "<UNK>", "a\\x20b", "\\", "\\<s>", "a\u00a0", "\x0b"]
    text = "".join(f"{word}\n" for word in words for _ in range(2))
    model = fitted("kenlm:order=2,tokenizer=pieces", TrainingText(Split((text,)), Split(())))
    [score] = model.score([text])
    assert (score.check(text).spelling == 0).all()


def test_an_unfinished_last_line_has_no_line_end(english):
    model = fitted("kenlm:order=3", english)
    ended, unfinished = model.score(["the cat\n", "the cat"])
    assert unfinished.logprobs.tolist() == ended.logprobs[:-1].tolist()


@pytest.mark.parametrize("order", range(1, 7))
def test_every_order_can_be_loaded(english, order):
    model = fitted(f"kenlm:order={order}", english)
    [score] = model.score(["the cat sat\n"])
    nexts = [model.next_events(text).logprobs for text in ("", "the", "the cat")]
    ids = [model._lexicon.types.index(word) for word in ("the", "cat", "sat")]
    assert [logprobs[i] for logprobs, i in zip(nexts, ids, strict=True)] == pytest.approx(score.logprobs[:3], abs=1e-6)


def test_fallback_discounts_are_in_the_signature(english):
    data = TrainingText(Split(("a b\na b\n",)), Split(()), tokenised=True)
    assert "fallback-discounts-at-order=1+2" in str(fitted("kenlm:order=2", data).signature())


def test_footprint_counts_probabilities_and_backoffs(english):
    sizes = [fitted(f"kenlm:order={order}", english).footprint() for order in (1, 2, 3)]
    assert all(a.parameters < b.parameters and a.disk_bytes < b.disk_bytes for a, b in pairwise(sizes))


def test_orders_that_the_library_cannot_read():
    with pytest.raises(SpecError, match="less than or equal to 6"):
        ModelSpec.parse("kenlm:order=7").build(KenlmNgram)
