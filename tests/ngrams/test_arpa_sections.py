import pytest

from tests.ngrams.arpa_texts import SMALL, assert_refused


@pytest.mark.usefixtures("block")
@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
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
        ("-0.2", "x", ", line 9: the back-off 'x' is not a number"),
        ("\ta b", "\ta", ", line 14: expected a probability, 2 words and at most a back-off, found '-0.15 a'"),
        ("\ta b", "\ta b c -1", ", line 14: expected a probability, 2 words and at most a back-off, found '-0.15 a b"),
        ("\\end\\\n", "", ", line 16: the file ends within the 2-grams, without '\\end\\'"),
        (SMALL[SMALL.index("\\2-grams") :], "", ", line 11: the file ends within the 1-grams"),
    ],
)  # fmt: skip
def test_errors_name_the_line_and_the_reason(tmp_path, old, new, message):
    assert_refused(tmp_path / "x.arpa", SMALL.replace(old, new), message)
