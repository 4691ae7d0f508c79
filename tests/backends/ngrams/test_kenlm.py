import lzma
import math
import re
from itertools import pairwise

import numpy as np
import pytest

from lmbench import Split, TrainingText, build
from lmbench.errors import SpecError, UnavailableError


def fitted(spec, data):
    model = build(spec)
    model.fit(data)
    return model


def test_a_hand_computed_line():
    """The bigram model of tests/test_kneser_ney.py: P(a | <s>), P(b | a), P(</s> | b)."""
    data = TrainingText(Split(("a b\na\nb a\n",)), Split(()), tokenized=True)
    [score] = fitted("kenlm:order=2,min_count=1", data).score(["a b\n"])
    unigram = 1 / 6 + 1 / 8
    start, after_a, after_b = 1.5 / 3, 1.5 / 3, 1 / 2
    expected = [
        math.log((2 - 1) / 3 + start * unigram),
        math.log((1 - 0.5) / 3 + after_a * unigram),
        math.log((1 - 0.5) / 2 + after_b * unigram),
    ]
    assert score.logprobs.tolist() == pytest.approx(expected, abs=1e-6)


def read(path):
    data = path.read_bytes()
    return (lzma.decompress(data) if path.suffix == ".xz" else data).decode()


@pytest.mark.parametrize("engine", ["arrays", "kenlm"])
@pytest.mark.parametrize(
    ("train", "test", "query", "options"),
    [
        ("wiki.txt.xz", "wiki.test.txt.xz", "wiki.o3", "order=3"),
        ("tang.txt", "tang.test.txt", "tang.o4", "order=4"),
        ("wiki.txt.xz", "wiki.test.txt.xz", "wiki.o3.limitvocab", "order=3,limit_vocab={}/lmplz/wiki.vocab.txt"),
    ],
)
def test_events_are_scored_as_by_lmplz_and_query(reference, train, test, query, options, engine):
    """Each word's log10 in `query -v word` on lmplz's ARPA, unknown words without their spelling."""
    fields = [field for line in read(reference / f"lmplz/{query}.query.xz").splitlines() for field in line.split("\t")]
    rows = [field.split(" ") for field in fields if field.count("=") and field.count(" ") == 2]
    expected = [float(row[2]) * math.log(10) for row in rows]
    data = TrainingText(Split((read(reference / "lmplz" / train),)), Split(()), tokenized=True)
    model = fitted(f"kenlm:min_count=1,engine={engine},{options.format(reference)}", data)
    [score] = model.score([read(reference / "lmplz" / test)])
    assert len(score.logprobs) == len(expected)
    np.testing.assert_allclose(score.logprobs - score.spelling, expected, rtol=0, atol=1e-5)
    oovs = [row[0].endswith("=0") for row in rows]
    assert (score.spelling < 0).tolist() == oovs


VARIANTS = ("order=1", "order=2,tokenizer=bytes", "order=3,prune=0-1", "order=3,prune=1-1-2", "order=6,min_count=1",
            "order=3,interpolate_unigrams=false", "order=4,limit_vocab=words.txt", "order=4,memory=1M")  # fmt: skip


@pytest.mark.parametrize("options", VARIANTS)
def test_arrays_and_kenlm_agree(english, options, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "words.txt").write_text("the cat\n\tmat <unk>")
    own, kenlm = (fitted(f"kenlm:{options},engine={engine}", english) for engine in ("arrays", "kenlm"))
    texts = [*english.train.documents, "the log zzz the cat sat\n\n on  zzz zzz mat\nthe cat", "", "\n", "zzz"]
    for one, other in zip(own.score(texts), kenlm.score(texts), strict=True):
        assert one.ends.tolist() == other.ends.tolist()
        np.testing.assert_allclose(one.logprobs, other.logprobs, rtol=0, atol=1e-5)
    for text in ("", "the", "the cat sat on", "zzz", "zzz the", "a cat\nthe dog"):
        one, other = own.next_events(text), kenlm.next_events(text)
        assert one.names == other.names
        np.testing.assert_allclose(one.logprobs, other.logprobs, rtol=0, atol=1e-5)
        assert np.exp(one.logprobs).sum() == pytest.approx(1, abs=1e-6)


def test_pruned_words_are_unknown_and_spelled(english):
    model = fitted("kenlm:order=2,min_count=1,prune=2", english)
    [score] = model.score(["the saw log\n"])  # saw and log stand twice, the stands more often
    assert (score.spelling < 0).tolist() == [False, True, True, False]
    assert "log" not in model.next_events("").names


def test_orders_that_kenlm_cannot_read(english):
    [score] = fitted("kenlm:order=9", english).score(["the cat sat on the mat and saw the dog on a log\n"])
    assert np.isfinite(score.logprobs).all()


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
    ids = [model._fitted.lexicon.types.index(word) for word in ("the", "cat", "sat")]
    assert [logprobs[i] for logprobs, i in zip(nexts, ids, strict=True)] == pytest.approx(score.logprobs[:3], abs=1e-6)


def test_fallback_discounts_are_in_the_signature(english):
    data = TrainingText(Split(("a b\na b\n",)), Split(()), tokenized=True)
    assert "fallback-discounts-at-order=1+2" in str(fitted("kenlm:order=2", data).signature())


def test_options_are_in_the_signature(english, tmp_path):
    (tmp_path / "words.txt").write_text("the cat mat")
    spec = f"kenlm:order=3,prune=0-0-1,interpolate_unigrams=false,limit_vocab={tmp_path}/words.txt"
    signature = str(fitted(spec, english).signature())
    assert "unigrams-not-interpolated|prune:0-0-1|limit:" in signature
    assert "prune" not in str(fitted("kenlm", english).signature())


@pytest.mark.parametrize("tokenizer", ["bytes", "pieces"])
def test_white_space_is_known_whatever_words_are_listed(tmp_path, tokenizer):
    (tmp_path / "words.txt").write_text(" ".join("abcdefghijklmnopqrstuvwxyz"))
    text = TrainingText(Split(("a  b c\n  a b\n" * 5,)), Split(()))
    [score] = fitted(f"kenlm:order=2,tokenizer={tokenizer},limit_vocab={tmp_path}/words.txt", text).score(["a  b\n"])
    assert not score.spelling.any()


def test_footprint_counts_probabilities_and_backoffs(english):
    sizes = [fitted(f"kenlm:order={order}", english).footprint().parameters for order in (1, 2, 3)]
    assert all(a < b for a, b in pairwise(sizes))
    assert sizes[0] == len(fitted("kenlm:order=1", english)._fitted.lexicon) + 1


def test_an_export_leaves_out_what_is_pruned(english, tmp_path):
    model = fitted("kenlm:order=3,min_count=1,prune=0-0-1", english)
    model.export(tmp_path / "x.arpa")
    counts = re.findall(r"ngram (\d)=(\d+)", (tmp_path / "x.arpa").read_text())
    assert [int(count) for _, count in counts] == [len(order.keys) for order in model._estimate.orders]
    assert int(counts[2][1]) < len(fitted("kenlm:order=3,min_count=1", english)._estimate.orders[2].keys)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("order=7,engine=kenlm", "the kenlm package reads up to order 6; leave engine=kenlm out for order 7"),
        ("order=21", "less than or equal to 20"),
        ("prune=1-0", "prune=1-0 falls"),
        ("prune=0;0;1", "prune=0;0;1 is no list of counts; write for example 0-0-1"),
        ("order=2,prune=0-0-1", "prune=0-0-1 has 3 numbers for the orders 1 to 2"),
        ("memory=much", "'much' is no size; write for example 512M or 1G"),
        ("interpolate_unigrams=maybe", "interpolate_unigrams=maybe"),
        ("engine=numba", "Input should be 'arrays' or 'kenlm'"),
        (
            "path=x.arpa,order=3",
            r"kenlm: order= says how n-grams are estimated, and those of path=x.arpa are; leave it",
        ),
        ("path=x.arpa,engine=kenlm", "engine= says how n-grams are estimated"),
        ("path=x.arpa,min_count=1,tokenizer=pieces", "min_count= says how"),
        ("path=x.arpa,tokenizer=bpm", "unknown tokenizer 'bpm'"),
        ("path=", "path= names no file; without path, n-grams are estimated"),
        ("escaped=true", "escaped= says how the words of a file are written; it goes with path=FILE"),
    ],
)
def test_options_that_cannot_be(options, message):
    with pytest.raises(SpecError, match=message):
        build(f"kenlm:{options}")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("prune=0,0,1", "the counts of prune have hyphens between them: prune=0-0-1"),
        ("x.arpa", "a file that was trained elsewhere is kenlm:path=FILE"),
    ],
)
def test_hints(options, message):
    with pytest.raises(SpecError, match=message):
        build(f"kenlm:{options}")


@pytest.mark.parametrize("content", [None, b"\xff"])
def test_a_vocabulary_that_cannot_be_read(english, tmp_path, content):
    if content:
        (tmp_path / "words.txt").write_bytes(content)
    with pytest.raises(UnavailableError, match=r"cannot read the words of '.*words.txt'"):
        fitted(f"kenlm:limit_vocab={tmp_path}/words.txt", english)


def test_a_path_is_the_model_of_that_file(english, tmp_path):
    """As arpa:FILE is: marked as trained elsewhere, by the same signature, a part of a mixture."""
    fitted("kenlm:order=2,tokenizer=bpe:300", english).export(tmp_path / "x.arpa")
    kenlm = build(f"kenlm:path={tmp_path}/x.arpa,tokenizer=bpe:300,escaped=true")
    arpa = build(f"arpa:{tmp_path}/x.arpa,tokenizer=bpe,escaped=true")
    text = "the cat sat\n"
    assert kenlm.score([text])[0].logprobs.tolist() == arpa.score([text])[0].logprobs.tolist()
    assert str(kenlm.signature()) == str(arpa.signature())
    assert (kenlm.traits.pretrained, kenlm.learned_elsewhere) == (True, True)
    assert kenlm.options.files() == arpa.options.files()
    with pytest.raises(NotImplementedError):
        kenlm.refuse_export()
    mix = build(f"mix:kenlm:path={tmp_path}/x.arpa;tokenizer=bytes+cache:tokenizer=bytes")
    assert mix.learned_elsewhere


def test_a_path_without_a_tokenizer_means_words(tmp_path, english):
    fitted("kenlm:order=2,min_count=1", english).export(tmp_path / "x.arpa")
    model = build(f"kenlm:path={tmp_path}/x.arpa")
    assert "|tok:words|" in str(model.signature())
    assert not model.score(["the cat sat\n"])[0].spelling.any()
