import gzip
import re

import numpy as np
import pytest

from lmbench.errors import UnavailableError
from lmbench.ngrams.arpa_reader import read_arpa
from lmbench.ngrams.backoff import probabilities
from lmbench.ngrams.history_sums import history_sums, ngram_words
from tests.recording import Recorded

SMALL = """\\data\\
ngram 1=5
ngram 2=3

\\1-grams:
-1.0\t<unk>
-99\t<s>\t-0.5
-0.6\t</s>
-0.4\ta\t-0.2
-0.7\tb\t-0.3

\\2-grams:
-0.25\t<s> a
-0.15\ta b
-0.35\tb </s>

\\end\\
"""


ACROSS_LINES = """\\data\\
ngram 1=5
ngram 2=7
ngram 3=5

\\1-grams:
-1.0\t<unk>\t-0.1
-99\t<s>\t-0.5
-0.6\t</s>\t-0.7
-0.4\ta\t-0.2
-0.7\tb\t-0.3

\\2-grams:
-0.25\t<s> a\t-0.2
-0.5\t<s> <s>\t-0.6
-0.15\ta b\t-0.1
-0.35\tb </s>\t-0.4
-0.1\t</s> <s>\t-0.3
-0.05\t</s> a\t-0.8
-0.2\ta <s>

\\3-grams:
-0.01\t</s> <s> a
-0.3\t<s> a b
-0.02\tb </s> <s>
-0.03\t<s> <s> b
-0.04\t</s> a b

\\end\\
"""
"""N-grams that were counted across lines, as some toolkits do, or after two `<s>`. Of the bigrams and trigrams, a line
can contain "<s> a", "a b", "b </s>" and "<s> a b"."""


def test_ngrams_across_lines_are_left_out(tmp_path):
    (tmp_path / "x.arpa").write_text(ACROSS_LINES)
    text = read_arpa(tmp_path / "x.arpa")
    assert text.counts == [5, 7, 5]
    left = [
        {
            tuple(text.words[word] for word in words)
            for words in ngram_words(text.orders[:k], np.arange(len(text.orders[k - 1].keys)))
        }
        for k in (2, 3)
    ]
    assert left == [{("<s>", "a"), ("a", "b"), ("b", "</s>")}, {("<s>", "a", "b")}]
    ids = [text.words.index(word) for word in ("<s>", "a", "b", "</s>", "<s>", "a", "</s>", "<s>", "b", "</s>")]
    log10s = np.log10(probabilities(text.orders, np.array(ids, dtype=np.int32)))
    expected = [-0.25, -0.3, -0.1 - 0.35, -0.25, -0.2 - 0.2 - 0.6, -0.5 - 0.7, -0.35]
    assert log10s[[1, 2, 3, 5, 6, 8, 9]].tolist() == pytest.approx(expected)


def test_sums_ignore_histories_that_no_line_has(tmp_path):
    (tmp_path / "x.arpa").write_text(ACROSS_LINES)
    text = read_arpa(tmp_path / "x.arpa")
    for order in (2, 3):
        histories, _ = history_sums(text.orders[:order])
        found = ngram_words(text.orders[: order - 1], histories)
        assert {text.words[words[0]] for words in found} <= {"<s>", "a", "b"}
        assert not (found[:, 1:] == len(text.words) - 1).any()


def test_a_history_that_no_line_has_may_lack_its_backoff(tmp_path):
    """After "</s> <s>" the probabilities would sum to more than 1, but nothing ever follows it."""
    (tmp_path / "x.arpa").write_text(ACROSS_LINES.replace("</s> <s>\t-0.3", "</s> <s>"))
    assert read_arpa(tmp_path / "x.arpa").counts == [5, 7, 5]


@pytest.mark.parametrize("header", ["ngram 1=\t5\nngram 2=\t3", "ngram\t1\t=\t5\nngram 2 =3"])
def test_tabs_in_the_header(tmp_path, header):
    (tmp_path / "x.arpa").write_text(SMALL.replace("ngram 1=5\nngram 2=3", header))
    assert read_arpa(tmp_path / "x.arpa").counts == [5, 3]


@pytest.mark.parametrize("mark", ["iARPA", "\\interpolated"])
def test_interpolated_probabilities_are_refused(tmp_path, mark):
    """IRSTLM and VariKN mark files in this way whose numbers are not those of a back-off model."""
    (tmp_path / "x.arpa").write_text(f"{mark}\n\n{SMALL}")
    message = f"line 1: '{mark}' marks interpolated probabilities; convert the file to plain ARPA"
    with pytest.raises(UnavailableError, match=re.escape(message)):
        read_arpa(tmp_path / "x.arpa")


@pytest.mark.parametrize(
    ("word", "notice"),
    [
        ("<UNK>", "lists <UNK>, which is read as <unk>, as KenLM does"),
        ("<Unk>", "lists <Unk>, which is an ordinary word, as it is for KenLM"),
    ],
)
def test_another_spelling_of_the_unknown_word_is_announced(tmp_path, word, notice):
    (tmp_path / "x.arpa").write_text(SMALL.replace("<unk>", word))
    progress = Recorded()
    assert (word in read_arpa(tmp_path / "x.arpa", progress).words) == (word == "<Unk>")
    assert progress.notices == [f"'{tmp_path / 'x.arpa'}' {notice}"]


def test_probabilities_and_backoffs(tmp_path):
    (tmp_path / "x.arpa").write_text(SMALL)
    text = read_arpa(tmp_path / "x.arpa")
    assert text.words == ["<unk>", "</s>", "a", "b", "<s>"]
    ids = np.array([text.words.index(word) for word in ("<s>", "a", "a", "b", "<unk>", "</s>")], dtype=np.int32)
    expected = [-0.25, -0.2 - 0.4, -0.15, -0.3 - 1.0, -0.6]
    assert np.log10(probabilities(text.orders, ids)[1:]).tolist() == pytest.approx(expected)


def test_variants_of_the_format_are_read(tmp_path):
    """No <unk>, no <s>, an empty order, spaces instead of tabs, a byte order mark, CRLF, blank lines, a preamble."""
    content = SMALL.replace("-1.0\t<unk>\n", "").replace("-99\t<s>\t-0.5\n", "").replace("-0.25\t<s> a\n", "")
    content = content.replace("1=5", "1=3").replace("ngram 2=3", "ngram  2 = 2\nngram 3=0").replace("\t", "  ")
    content = "\ufeff# made by hand\n\n" + content.replace("\\end", "\\3-grams:\n\n \\end") + "\n \n"
    (tmp_path / "x.arpa").write_bytes(gzip.compress(content.replace("\n", "\r\n").encode()))
    text = read_arpa(tmp_path / "x.arpa")
    assert (text.counts, text.opens) == ([3, 2, 0], False)
    assert [len(order.keys) for order in text.orders] == [5, 2]
    ids = np.array([text.words.index(word) for word in ("<s>", "b", "<unk>")], dtype=np.int32)
    assert np.log10(probabilities(text.orders, ids)[1:]).tolist() == pytest.approx([-0.7, -0.3 - 100])


def test_backoffs_to_an_empty_order_count(tmp_path):
    """As in KenLM: no trigram begins with "a b", so that its back-off always applies."""
    kenlm = pytest.importorskip("kenlm", reason="the extra kenlm is not installed")
    content = SMALL.replace("2=3", "2=3\nngram 3=0").replace("a b\n", "a b\t-0.25\n")
    path = tmp_path / "x.arpa"
    path.write_text(content.replace("\\end", "\\3-grams:\n\n\\end"))
    text = read_arpa(path)
    ids = np.array([text.words.index(word) for word in ("<s>", "a", "b", "</s>")], dtype=np.int32)
    log10s = np.log10(probabilities(text.orders, ids)[1:])
    assert log10s.tolist() == pytest.approx([-0.25, -0.15, -0.25 - 0.35])
    assert log10s.tolist() == pytest.approx([log10 for log10, _, _ in kenlm.Model(str(path)).full_scores("a b")])


def test_a_byte_order_mark_before_the_data(tmp_path):
    (tmp_path / "x.arpa").write_text("\ufeff" + SMALL)
    assert read_arpa(tmp_path / "x.arpa").counts == [5, 3]


def test_a_history_may_lack_a_backoff_of_one(tmp_path):
    """P(w | b) = P(w) for the listed bigram, so that the weight is 1; then another probability."""
    content = SMALL.replace("\t-0.3", "").replace("-0.35\tb <", "-0.6\tb <")
    (tmp_path / "x.arpa").write_text(content)
    assert read_arpa(tmp_path / "x.arpa").orders[0].backoffs[3] == 1
    (tmp_path / "x.arpa").write_text(content.replace("-0.6\tb <", "-0.35\tb <"))
    message = "line 10: 'b' begins 2-grams and lacks a back-off: the probabilities after it sum to 1.195"
    with pytest.raises(UnavailableError, match=message):
        read_arpa(tmp_path / "x.arpa")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (SMALL, "", " is empty"),
        (SMALL, "hello\nworld\n", ", line 2: the file ends without a line '\\data\\', so it is not an ARPA file"),
        ("ngram 1=5\nngram 2=3\n", "", ", line 3: expected 'ngram 1=…', found '\\1-grams:'"),
        ("ngram 2=3", "ngram 3=3", ", line 3: expected 'ngram 2=…' or '\\1-grams:', found 'ngram 3=3'"),
        ("ngram 1=5", "ngram 1=five", ", line 2: expected 'ngram 1=…', found 'ngram 1=five'"),
        ("ngram 2=3", "ngram 2=-3", ", line 3: expected 'ngram 2=…' or '\\1-grams:', found 'ngram 2=-3'"),
        ("ngram 2=3", "ngram 2=3\nngram 3=1", ", line 18: expected '\\3-grams:', found '\\end\\'"),
        ("1=5", "1=6", ", line 12: the 1-grams end after 5, but the header promises 6"),
        ("2=3", "2=2", ", line 17: the 2-grams end after 3, but the header promises 2"),
        ("\\2-grams:", "\\3-grams:", ", line 12: expected '\\2-grams:', found '\\3-grams:'"),
        ("\\2-grams:", "\\2-gram:", ", line 12: expected '\\2-grams:', found '\\2-gram:'"),
        ("-0.4\ta", "0.4\ta", ", line 9: the log10 probability 0.4 is above 0"),
        ("-0.4\ta", "nan\ta", ", line 9: the probability 'nan' is not a finite number"),
        ("-0.4\ta", "-O.4\ta", ", line 9: the probability '-O.4' is not a number"),
        ("-0.4\ta", "-0_4\ta", ", line 9: the probability '-0_4' is not a number"),
        ("-0.4\ta", "-0,4\ta", ", line 9: the probability '-0,4' is not a number"),
        ("-0.2", "inf", ", line 9: the back-off 'inf' is not a finite number"),
        ("-0.2", "400", ", line 9: the log10 back-off 400 is above 300"),
        ("ngram 1=5", f"ngram 1={'9' * 5000}", ", line 2: expected 'ngram 1=…', found 'ngram 1=9"),
        ("-0.2", "x", ", line 9: the back-off 'x' is not a number"),
        ("\ta b", "\ta", ", line 14: expected a probability, 2 words and at most a back-off, found '-0.15 a'"),
        ("\ta b", "\ta b c -1", ", line 14: expected a probability, 2 words and at most a back-off, found '-0.15 a b"),
        ("\ta b", "\ta z", ", line 14: the word 'z' is not a unigram"),
        ("\ta b", "\t<s> a", ", line 14: the n-gram '<s> a' is listed twice"),
        ("\tb\t", "\ta\t", ", line 10: the n-gram 'a' is listed twice"),
        ("\ta b", "\ta \x00", ", line 14: the word '\\x00' is not a unigram"),
        ("\ta b\n", "\ta b\t-0.3\n", ", line 14: an n-gram of the highest order has a back-off, but only"),
        ("\\end\\\n", "\\end\\\n\n" + SMALL, ", line 19: expected nothing after '\\end\\', found '\\data\\'"),
        ("\\end\\\n", "\\end\\ x\n", ", line 17: expected '\\end\\', found '\\end\\ x'"),
        ("\\end\\\n", "", ", line 16: the file ends within the 2-grams, without '\\end\\'"),
        (SMALL[SMALL.index("\\2-grams") :], "", ", line 11: the file ends within the 1-grams"),
        ("</s>", "</t>", ", line 12: the unigram '</s>' is missing, so that no line could end"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("block", [1, 50, 1 << 23])
def test_errors_name_the_line_and_the_reason(tmp_path, monkeypatch, old, new, message, block):
    monkeypatch.setattr("lmbench.ngrams.arpa_reader._BLOCK", block)
    path = tmp_path / "x.arpa"
    path.write_text(SMALL.replace(old, new))
    with pytest.raises(UnavailableError, match=re.escape(f"'{path}'{message}")):
        read_arpa(path)


@pytest.mark.parametrize("block", [1, 20, 333])
def test_blocks_do_not_change_the_result(tmp_path, monkeypatch, block):
    content = SMALL.replace("2=3", "2=3\nngram 3=1").replace("<s> a\n", "<s> a\t-0.1\n")
    (tmp_path / "x.arpa").write_text(content.replace("\n\\end", "\n\n\\3-grams:\n-0.1\t<s> a b\n\n\\end"))
    whole = read_arpa(tmp_path / "x.arpa")
    monkeypatch.setattr("lmbench.ngrams.arpa_reader._BLOCK", block)
    parts = read_arpa(tmp_path / "x.arpa")
    assert parts.words == whole.words
    for one, other in zip(parts.orders, whole.orders, strict=True):
        for name in ("keys", "probs", "backoffs"):
            assert getattr(one, name).tolist() == getattr(other, name).tolist()


def test_an_ngram_whose_history_is_missing(tmp_path):
    content = SMALL.replace("2=3", "2=3\nngram 3=1").replace("\\end", "\\3-grams:\n-0.1\tb a b\n\n\\end")
    (tmp_path / "x.arpa").write_text(content)
    with pytest.raises(UnavailableError, match="line 19: 'b a', with which this n-gram begins, is not a 2-gram"):
        read_arpa(tmp_path / "x.arpa")


def test_truncated_files_and_other_encodings(tmp_path):
    (tmp_path / "x.arpa").write_bytes(gzip.compress(SMALL.encode())[:60])
    with pytest.raises(UnavailableError, match=r"x.arpa', line \d+: the compressed file cannot be read any further: "):
        read_arpa(tmp_path / "x.arpa")
    (tmp_path / "x.arpa").write_bytes(SMALL.replace("\tb\t", "\té\t").encode("latin-1"))
    with pytest.raises(UnavailableError, match="line 10: the word '�' is not UTF-8"):
        read_arpa(tmp_path / "x.arpa")
