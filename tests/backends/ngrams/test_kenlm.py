import lzma
import math
import re
from collections import Counter

import numpy as np
import pytest

from lmbench import Exportable, NotFittedError, Split, TrainingText, build
from lmbench.errors import SpecError, UnavailableError
from tests.backends.ngrams.files import LETTERS, needs_kenlm
from tests.conftest import ENGLISH

ENGINES = ["arrays", pytest.param("kenlm", marks=needs_kenlm)]
SENTENCES = [["<s>", *line.split(), "</s>"] for document in ENGLISH for line in document.splitlines()]


def fitted(spec, data):
    model = build(spec)
    model.fit(data)
    return model


def loaded(spec):
    model = build(spec)
    model.load()
    return model


def test_a_hand_computed_line():
    """P(a | <s>), P(b | a) and P(</s> | b) in the bigram model of tests/ngrams/test_kneser_ney.py."""
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


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("train", "test", "query", "options"),
    [
        ("wiki.txt.xz", "wiki.test.txt.xz", "wiki.o3", "order=3"),
        ("tang.txt", "tang.test.txt", "tang.o4", "order=4"),
        ("wiki.txt.xz", "wiki.test.txt.xz", "wiki.o3.limitvocab", "order=3,limit_vocab={}/lmplz/wiki.vocab.txt"),
    ],
)
def test_events_are_scored_as_by_lmplz_and_query(reference, train, test, query, options, engine):
    """Each word costs what `query -v word` prints for lmplz's ARPA file; spellings of unknown words are extra."""
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


def test_pruned_words_are_unknown_and_spelled(english):
    model = fitted("kenlm:order=2,min_count=1,prune=2", english)
    [score] = model.score(["the saw log\n"])  # saw and log occur twice, the more often
    assert (score.spelling < 0).tolist() == [False, True, True, False]
    assert "log" not in model.next_events("").names


def test_orders_above_kenlms_limit_are_scored(english):
    [score] = fitted("kenlm:order=9", english).score(["the cat sat on the mat and saw the dog on a log\n"])
    assert np.isfinite(score.logprobs).all()


def test_any_text_can_be_a_word():
    """ARPA's own words, white space at which KenLM splits, and backslashes are events with counts of their own."""
    words = ["<unk>", "<s>", "</s>", "<UNK>", "a\\x20b", "\\", "\\<s>", "a\u00a0", "\x0b"]
    text = "".join(f"{word}\n" for word in words for _ in range(2))
    model = fitted("kenlm:order=2,tokenizer=pieces", TrainingText(Split((text,)), Split(())))
    [score] = model.score([text])
    assert (score.check(text).spelling == 0).all()


def test_an_unfinished_last_line_has_no_line_end(english):
    model = fitted("kenlm:order=3", english)
    ended, unfinished = model.score(["the cat\n", "the cat"])
    assert unfinished.logprobs.tolist() == ended.logprobs[:-1].tolist()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("order", range(1, 7))
def test_every_order_by_hand(order, engine):
    """One line of distinct words: every n-gram occurs once, so every discount is the fallback 0.5.

    Each of the 7 unigrams has an adjusted count of 1, and 8 words, with <unk>, share the discounts. Each longer history
    has one continuation, P = (1 - 0.5) / 1 + 0.5 P(shorter), as long as the line has words before the event.
    """
    data = TrainingText(Split(("a b c d e f\n",)), Split(()), tokenized=True)
    model = fitted(f"kenlm:order={order},min_count=1,engine={engine}", data)
    unigram = 0.5 / 7 + 0.5 / 8
    longest = [min(order, place + 2) for place in range(7)]  # <s> precedes the first word
    expected = np.log([1 - (1 - unigram) * 0.5 ** (k - 1) for k in longest])
    [score] = model.score(["a b c d e f\n"])
    np.testing.assert_allclose(score.logprobs, expected, rtol=0, atol=1e-6)
    for place, text in enumerate(("", "a", "a b", "a b c", "a b c d", "a b c d e")):
        nexts = model.next_events(text)
        assert nexts.logprobs[nexts.names.index("abcdef"[place])] == pytest.approx(expected[place], abs=1e-6)


def test_fallback_discounts_are_in_the_signature(english):
    data = TrainingText(Split(("a b\na b\n",)), Split(()), tokenized=True)
    assert "fallback-discounts-at-order=1+2" in str(fitted("kenlm:order=2", data).signature())


def test_options_are_in_the_signature(english, tmp_path):
    (tmp_path / "words.txt").write_text("the cat mat")
    spec = f"kenlm:order=3,prune=0-0-1,interpolate_unigrams=false,limit_vocab={tmp_path}/words.txt"
    signature = str(fitted(spec, english).signature())
    assert "unigrams-not-interpolated|prune:0-0-1|limit:" in signature
    assert "prune" not in str(fitted("kenlm", english).signature())


@pytest.mark.parametrize(
    "spec", ["kenlm:order=3,min_count=1", "kenlm:order=3", "ngram:order=3", "nltk:order=2", "cache:min_count=1"]
)
@pytest.mark.parametrize("letter", LETTERS)
def test_other_white_space_is_a_letter_of_a_word(spec, letter):
    """lmplz and SRILM separate words at spaces, tabs and carriage returns: the text is as if it had another letter."""
    scores = []
    for some in ("_", letter):
        lines = ["il y a 10_000 mots", "il y a 10_000 pages", "elle a 5_000 mots _", "il y a 5_000 pages"] * 3
        text = "".join(f"{line}\n" for line in lines).replace("_", some)
        model = fitted(f"{spec},tokenizer=words", TrainingText(Split((text,)), Split((text,))))
        [score] = model.score([f"il y a 10{some}000 mots {some}\nelle {some} a\n"])
        scores.append(score.logprobs - score.spelling)
        nexts = model.next_events("il y a")
        assert nexts.spellings[nexts.names.index(f"10{some}000")] == f" 10{some}000".encode()
    np.testing.assert_allclose(*scores, rtol=0, atol=1e-6)


def test_words_of_limit_vocab_are_separated_as_by_lmplz(tmp_path):
    (tmp_path / "words.txt").write_text("a\t10\u00a0000\r\nb\n", encoding="utf-8", newline="")
    text = TrainingText(Split(("a 10\u00a0000 b 10 000\n" * 5,)), Split(()))
    model = fitted(f"kenlm:order=2,tokenizer=words,limit_vocab={tmp_path}/words.txt", text)
    assert sorted(model.next_events("").names) == ["\n", "10\u00a0000", "<unk>", "a", "b"]


@pytest.mark.parametrize("tokenizer", ["bytes", "pieces"])
def test_limit_vocab_never_makes_white_space_unknown(tmp_path, tokenizer):
    (tmp_path / "words.txt").write_text(" ".join("abcdefghijklmnopqrstuvwxyz"))
    text = TrainingText(Split(("a  b c\n  a b\n" * 5,)), Split(()))
    [score] = fitted(f"kenlm:order=2,tokenizer={tokenizer},limit_vocab={tmp_path}/words.txt", text).score(["a  b\n"])
    assert not score.spelling.any()


def distinct_ngrams(order, above=0):
    """Return the number of n-grams that occur more than `above` times in the lines of `english`."""
    ngrams = (tuple(line[i : i + order]) for line in SENTENCES for i in range(len(line) - order + 1))
    return sum(count > above for count in Counter(ngrams).values())


@pytest.mark.parametrize("order", [1, 2, 3])
def test_footprint_counts_probabilities_and_backoffs(english, order):
    """The unigrams have <unk>, which the text lacks; all orders but the highest have back-offs."""
    sizes = [distinct_ngrams(1) + 1, distinct_ngrams(2), distinct_ngrams(3)][:order]
    model = fitted(f"kenlm:order={order},min_count=1", english)
    assert model.footprint().parameters == sum(sizes) + sum(sizes[:-1])


@pytest.mark.parametrize(("options", "above"), [("prune=0-0-1", (0, 0, 1)), ("prune=0-1", (0, 1, 1)), ("", (0, 0, 0))])
def test_an_export_leaves_out_what_is_pruned(english, tmp_path, options, above):
    fitted(f"kenlm:order=3,min_count=1,{options}", english).export(tmp_path / "x.arpa")
    text = (tmp_path / "x.arpa").read_text()
    sizes = [distinct_ngrams(1) + 1, distinct_ngrams(2, above[1]), distinct_ngrams(3, above[2])]
    assert re.findall(r"ngram (\d)=(\d+)", text) == [(str(k), str(size)) for k, size in enumerate(sizes, 1)]
    sections = re.split(r"\\\d-grams:\n", text.removesuffix("\n\\end\\\n"))[1:]
    assert [len(section.strip().splitlines()) for section in sections] == sizes


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("order=7,engine=kenlm", "the package kenlm reads up to order 6; leave out engine=kenlm for order 7"),
        ("order=21", "less than or equal to 20"),
        ("prune=1-0", "prune=1-0 decreases"),
        ("prune=0;0;1", "prune=0;0;1 is not a list of counts; write, for example, 0-0-1"),
        ("order=2,prune=0-0-1", "prune=0-0-1 has 3 numbers for the orders 1 to 2"),
        ("memory=much", "'much' is not a size; write for example 512M or 1G"),
        ("interpolate_unigrams=maybe", "interpolate_unigrams=maybe"),
        ("engine=numba", "Input should be 'arrays' or 'kenlm'"),
        (
            "path=x.arpa,order=3",
            "kenlm: order= is for estimating n-grams, but path=x.arpa names estimated ones; leave it out",
        ),
        ("path=x.arpa,engine=kenlm", "engine= is for estimating n-grams"),
        ("path=x.arpa,min_count=1,tokenizer=pieces", "min_count= is for"),
        ("path=x.arpa,tokenizer=bpm", "unknown tokenizer 'bpm'"),
        ("path=", "path= does not name a file; leave it out to estimate n-grams"),
        ("escaped=true", "escaped= says how the words of a file are written; set path=FILE"),
    ],
)
def test_invalid_options_are_refused(options, message):
    with pytest.raises(SpecError, match=message):
        build(f"kenlm:{options}")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("prune=0,0,1", "write the counts of prune with hyphens: prune=0-0-1"),
        ("x.arpa", "write kenlm:path=FILE for a file that was estimated elsewhere"),
    ],
)
def test_likely_mistakes_get_a_hint(options, message):
    with pytest.raises(SpecError, match=message):
        build(f"kenlm:{options}")


@pytest.mark.parametrize("content", [None, b"\xff"])
def test_an_unreadable_vocabulary_is_reported(english, tmp_path, content):
    if content:
        (tmp_path / "words.txt").write_bytes(content)
    with pytest.raises(UnavailableError, match=r"cannot read the words of '.*words.txt'"):
        fitted(f"kenlm:limit_vocab={tmp_path}/words.txt", english)


def test_kenlm_with_a_path_is_the_arpa_model(english, tmp_path):
    fitted("kenlm:order=2,tokenizer=bpe:300", english).export(tmp_path / "x.arpa")
    kenlm = loaded(f"kenlm:path={tmp_path}/x.arpa,tokenizer=bpe:300,escaped=true")
    arpa = loaded(f"arpa:{tmp_path}/x.arpa,tokenizer=bpe,escaped=true")
    text = "the cat sat\n"
    assert kenlm.score([text])[0].logprobs.tolist() == arpa.score([text])[0].logprobs.tolist()
    assert str(kenlm.signature()) == str(arpa.signature())
    assert kenlm.traits.pretrained
    assert kenlm.options.files() == arpa.options.files()
    assert not isinstance(kenlm, Exportable)


def test_a_mixture_with_a_path_is_partly_pretrained():
    assert build("mix:kenlm:path=x.arpa;tokenizer=bytes+cache:tokenizer=bytes").traits.weights == "partly pretrained"


def test_a_path_without_a_tokenizer_means_words(tmp_path, english):
    fitted("kenlm:order=2,min_count=1", english).export(tmp_path / "x.arpa")
    model = loaded(f"kenlm:path={tmp_path}/x.arpa")
    assert "|tok:words|" in str(model.signature())
    assert not model.score(["the cat sat\n"])[0].spelling.any()


def test_scoring_before_fitting_is_an_error():
    model = build("kenlm")
    for ask in (lambda: model.score(["a"]), lambda: model.next_events("a"), model.signature, model.footprint):
        with pytest.raises(NotFittedError, match="this KenlmNgram is not ready; call prepare first"):
            ask()
