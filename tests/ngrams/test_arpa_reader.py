import gzip
import re

import numpy as np
import pytest

from lmbench.errors import UnavailableError
from lmbench.ngrams.arpa_reader import read_arpa
from lmbench.ngrams.backoff import probabilities
from lmbench.ngrams.history_sums import ngram_words
from tests.ngrams.arpa_texts import ACROSS_LINES, SMALL, assert_refused


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


@pytest.mark.parametrize("header", ["ngram 1=\t5\nngram 2=\t3", "ngram\t1\t=\t5\nngram 2 =3"])
def test_tabs_in_the_header(tmp_path, header):
    (tmp_path / "x.arpa").write_text(SMALL.replace("ngram 1=5\nngram 2=3", header))
    assert read_arpa(tmp_path / "x.arpa").counts == [5, 3]


@pytest.mark.parametrize("mark", ["iARPA", "\\interpolated"])
def test_interpolated_probabilities_are_refused(tmp_path, mark):
    """IRSTLM and VariKN mark files in this way if their numbers are not a back-off model."""
    (tmp_path / "x.arpa").write_text(f"{mark}\n\n{SMALL}")
    message = f"line 1: '{mark}' marks interpolated probabilities; convert the file to plain ARPA"
    with pytest.raises(UnavailableError, match=re.escape(message)):
        read_arpa(tmp_path / "x.arpa")


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


def test_truncated_files_and_other_encodings(tmp_path):
    (tmp_path / "x.arpa").write_bytes(gzip.compress(SMALL.encode())[:60])
    with pytest.raises(UnavailableError, match=r"x.arpa', line \d+: the compressed file cannot be read any further: "):
        read_arpa(tmp_path / "x.arpa")
    (tmp_path / "x.arpa").write_bytes(SMALL.replace("\tb\t", "\té\t").encode("latin-1"))
    with pytest.raises(UnavailableError, match="line 10: the word '�' is not UTF-8"):
        read_arpa(tmp_path / "x.arpa")


@pytest.mark.usefixtures("block")
@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (SMALL, "", " is empty"),
        (SMALL, "hello\nworld\n", ", line 2: the file ends without a line '\\data\\', so it is not an ARPA file"),
        ("ngram 1=5\nngram 2=3\n", "", ", line 3: expected 'ngram 1=…', found '\\1-grams:'"),
        ("ngram 2=3", "ngram 3=3", ", line 3: expected 'ngram 2=…' or '\\1-grams:', found 'ngram 3=3'"),
        ("ngram 1=5", "ngram 1=five", ", line 2: expected 'ngram 1=…', found 'ngram 1=five'"),
        ("ngram 2=3", "ngram 2=-3", ", line 3: expected 'ngram 2=…' or '\\1-grams:', found 'ngram 2=-3'"),
        ("ngram 1=5", f"ngram 1={'9' * 5000}", ", line 2: expected 'ngram 1=…', found 'ngram 1=9"),
        ("\\end\\\n", "\\end\\\n\n" + SMALL, ", line 19: expected nothing after '\\end\\', found '\\data\\'"),
        ("\\end\\\n", "\\end\\ x\n", ", line 17: expected '\\end\\', found '\\end\\ x'"),
    ],
)  # fmt: skip
def test_errors_name_the_line_and_the_reason(tmp_path, old, new, message):
    assert_refused(tmp_path / "x.arpa", SMALL.replace(old, new), message)
