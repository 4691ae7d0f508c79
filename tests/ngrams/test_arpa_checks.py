import pytest

from lmbench.errors import UnavailableError
from lmbench.ngrams.arpa_reader import read_arpa
from lmbench.ngrams.history_sums import history_sums, ngram_words
from tests.ngrams.arpa_texts import ACROSS_LINES, SMALL, assert_refused


def test_a_history_may_lack_a_backoff_of_one(tmp_path):
    """P(w | b) = P(w) for the listed bigram, so that the weight is 1; then another probability."""
    content = SMALL.replace("\t-0.3", "").replace("-0.35\tb <", "-0.6\tb <")
    (tmp_path / "x.arpa").write_text(content)
    assert read_arpa(tmp_path / "x.arpa").orders[0].backoffs[3] == 1
    (tmp_path / "x.arpa").write_text(content.replace("-0.6\tb <", "-0.35\tb <"))
    message = "line 10: 'b' begins 2-grams and lacks a back-off: the probabilities after it sum to 1.195"
    with pytest.raises(UnavailableError, match=message):
        read_arpa(tmp_path / "x.arpa")


def test_a_history_that_no_line_has_may_lack_its_backoff(tmp_path):
    """After "</s> <s>" the probabilities would sum to more than 1, but nothing ever follows it."""
    (tmp_path / "x.arpa").write_text(ACROSS_LINES.replace("</s> <s>\t-0.3", "</s> <s>"))
    assert read_arpa(tmp_path / "x.arpa").counts == [5, 7, 5]


def test_sums_ignore_histories_that_no_line_has(tmp_path):
    (tmp_path / "x.arpa").write_text(ACROSS_LINES)
    text = read_arpa(tmp_path / "x.arpa")
    for order in (2, 3):
        histories, _ = history_sums(text.orders[:order])
        found = ngram_words(text.orders[: order - 1], histories)
        assert {text.words[words[0]] for words in found} <= {"<s>", "a", "b"}
        assert not (found[:, 1:] == len(text.words) - 1).any()


def test_an_ngram_whose_history_is_missing(tmp_path):
    content = SMALL.replace("2=3", "2=3\nngram 3=1").replace("\\end", "\\3-grams:\n-0.1\tb a b\n\n\\end")
    (tmp_path / "x.arpa").write_text(content)
    with pytest.raises(UnavailableError, match="line 19: 'b a', with which this n-gram begins, is not a 2-gram"):
        read_arpa(tmp_path / "x.arpa")


@pytest.mark.usefixtures("block")
@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("\ta b", "\t<s> a", ", line 14: the n-gram '<s> a' is listed twice"),
        ("\ta b\n", "\ta b\t-0.3\n", ", line 14: an n-gram of the highest order has a back-off, but only"),
    ],
)  # fmt: skip
def test_errors_name_the_line_and_the_reason(tmp_path, old, new, message):
    assert_refused(tmp_path / "x.arpa", SMALL.replace(old, new), message)
