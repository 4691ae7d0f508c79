"""Bigrams over two words, given as probabilities rather than estimated, so that every score is known by hand."""

import math

import numpy as np
import pytest

from lmbench import Split, TrainingText
from lmbench.backends.ngrams.fitted import FittedNgrams, read_lines
from lmbench.ngrams.backoff import Order
from lmbench.text.lexicon import Lexicon, LexiconOptions
from lmbench.text.tokenizers import make_tokenizer

START = 4
BITS = 3


def read_by_kenlm(path):
    return pytest.importorskip("kenlm", reason="the extra kenlm is not installed").Model(str(path))


def lexicon(types=("a", "b"), tokenizer="words"):
    return Lexicon(make_tokenizer(tokenizer), types, spelled=(), min_count=1)


def unigrams(probs, backoffs=()):
    return Order(np.arange(len(probs)), BITS, np.array(probs), np.array(backoffs))


BIGRAMS = Order(
    keys=np.array([2 << BITS | 3, START << BITS | 2]),  # b after a, a after <s>
    bits=BITS,
    probs=np.array([0.7, 0.6]),
    backoffs=np.ones(0),
)
ORDERS = [unigrams([0.1, 0.2, 0.3, 0.4, 1.0], [1.0, 1.0, 0.5, 0.25, 0.8]), BIGRAMS]
"""Unigrams <unk>, line end, a, b and <s> with their back-offs, then the bigrams "a b" and "<s> a"."""

KEPT = np.ones(5, dtype=bool)


@pytest.fixture
def ngrams():
    return FittedNgrams.of(lexicon(), ORDERS, KEPT)


def test_known_events_by_hand(ngrams):
    [score] = ngrams.score(["a b\na\n"])
    assert score.ends.tolist() == [1, 3, 4, 5, 6]
    assert np.exp(score.logprobs) == pytest.approx([0.6, 0.7, 0.25 * 0.2, 0.6, 0.5 * 0.2])
    assert not score.spelling.any()


def test_an_unknown_word_by_hand(ngrams):
    """It costs P(<unk> | <s>), then two bytes and an end under the untrained letter model; the history is <unk>."""
    [score] = ngrams.score(["zz b"])
    assert score.spelling.tolist() == pytest.approx([-3 * math.log(257), 0.0])
    assert np.exp(score.logprobs - score.spelling) == pytest.approx([0.8 * 0.1, 1.0 * 0.4])


def test_documents_and_lines_are_independent(ngrams):
    alone, again, empty = ngrams.score(["a\n", "a\n", ""])
    [both] = ngrams.score(["a\na\n"])
    assert both.logprobs.tolist() == [*alone.logprobs, *again.logprobs]
    assert len(empty.logprobs) == 0


def test_an_event_without_probability_costs_minus_infinity():
    ngrams = FittedNgrams.of(lexicon(), [unigrams([0.0, 0.5, 0.5, 0.0, 1.0])], KEPT)
    [score] = ngrams.score(["a b\n"])
    assert score.logprobs.tolist() == pytest.approx([math.log(0.5), -math.inf, math.log(0.5)])


@pytest.mark.parametrize(
    ("text", "probs"),
    [
        ("", [0.08, 0.16, 0.6, 0.32]),
        ("a", [0.05, 0.1, 0.15, 0.7]),
        ("a b", [0.025, 0.05, 0.075, 0.1]),
        ("b\na", [0.05, 0.1, 0.15, 0.7]),
    ],
)
def test_next_events_by_hand(ngrams, text, probs):
    nexts = ngrams.state_after(text).next_events()
    assert nexts.names == ("<unk>", "\n", "a", "b")
    assert np.exp(nexts.logprobs) == pytest.approx(probs)


def test_a_pruned_word_is_unknown():
    """Its unigram keeps its row, so later ids shift: here `a` is pruned and `b` is the lexicon's last type."""
    kept = np.array([True, True, False, True, True])
    ngrams = FittedNgrams.of(lexicon(), [unigrams([0.3, 0.2, 0.0, 0.5, 1.0])], kept)
    assert ngrams.lexicon.types == ("<unk>", "\n", "b")
    [score] = ngrams.score(["a b\n"])
    assert np.exp(score.logprobs - score.spelling) == pytest.approx([0.3, 0.5, 0.2])
    assert (score.spelling < 0).tolist() == [True, False, False]


def test_the_export_is_read_by_kenlm(ngrams, tmp_path):
    ngrams.export(tmp_path / "x.arpa")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.arpa", "x.arpa.lexicon.json"]
    model = read_by_kenlm(tmp_path / "x.arpa")
    probs = [10**log10 for log10, _, _ in model.full_scores("a b zz")]
    assert probs == pytest.approx([0.6, 0.7, 0.25 * 0.1, 0.2], rel=1e-5)


def test_exported_unigrams_get_a_bigram_that_changes_nothing(tmp_path):
    """KenLM does not read a file of unigrams alone."""
    FittedNgrams.of(lexicon(), [unigrams([0.1, 0.2, 0.3, 0.4, 1.0])], KEPT).export(tmp_path / "x.arpa")
    assert "ngram 1=5\nngram 2=1\n" in (tmp_path / "x.arpa").read_text()
    model = read_by_kenlm(tmp_path / "x.arpa")
    assert [10**log10 for log10, _, _ in model.full_scores("")] == pytest.approx([0.2], rel=1e-5)
    assert [10**log10 for log10, _, _ in model.full_scores("b a")] == pytest.approx([0.4, 0.3, 0.2], rel=1e-5)


def test_the_tokenizers_merges_are_exported_as_well(tmp_path):
    data = TrainingText(Split(("abab abab\n",)), Split(()))
    learned, _ = read_lines(data, LexiconOptions(tokenizer="bpe:300", min_count=1))
    size = len(learned)
    orders = [Order(np.arange(size + 1), size.bit_length(), np.full(size + 1, 1 / size), np.ones(0))]
    FittedNgrams.of(learned, orders, np.ones(size + 1, dtype=bool)).export(tmp_path / "x.arpa")
    restored = make_tokenizer("bpe")
    restored.restore((tmp_path / "x.arpa.tokenizer.json").read_text())
    assert restored.state() == learned.tokenizer.state()


def test_arpas_own_words_are_escaped():
    ngrams = FittedNgrams.of(
        lexicon((" ", "<s>", "a\\"), "pieces"), [unigrams([0.2, 0.2, 0.2, 0.2, 0.2, 1.0])], np.ones(6, dtype=bool)
    )
    assert ngrams.words == ["<unk>", "</s>", "\\x20", "\\<s>", "a\\\\"]


def test_the_footprint_counts_probabilities_and_backoffs(ngrams):
    assert ngrams.footprint().parameters == 5 + 5 + 2
    assert ngrams.footprint().disk_bytes is None


def test_lines_are_read_with_their_start():
    """Ids by frequency: <unk> 0, line end 1, a 2, b 3; <s> gets the next one. c is rare, so unknown."""
    learned, ids = read_lines(TrainingText(Split(("a b a\n", "b c\na")), Split(()), tokenized=True), LexiconOptions())
    assert learned.types == ("<unk>", "\n", "a", "b")
    assert ids.tolist() == [4, 2, 3, 2, 1, 4, 3, 0, 1, 4, 2, 1]
