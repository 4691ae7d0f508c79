import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lmbench.ngrams.arpa_writer import escape, unescape, write_arpa
from lmbench.ngrams.counts import join_lines
from lmbench.ngrams.kneser_ney import KneserNeySettings, estimate


@given(st.text(min_size=1))
def test_words_are_without_white_space_and_never_reserved(kind):
    word = escape(kind)
    assert word.encode().split() == [word.encode()]
    assert word.lower() not in ("<s>", "</s>", "<unk>")


@given(st.lists(st.text(st.sampled_from("\\ x20<unk>s/\t\n"), min_size=1), min_size=2, unique=True))
def test_different_types_have_different_words(kinds):
    assert len({escape(kind) for kind in kinds}) == len(kinds)


@given(st.text(min_size=1) | st.text(st.sampled_from("\\ x20<unk>s/\t\n"), min_size=1))
def test_escapes_are_undone(kind):
    assert unescape(escape(kind)) == kind


def test_ordinary_words_are_not_escaped():
    assert [escape(kind) for kind in ("cat", "汉", "<b>", "é")] == ["cat", "汉", "<b>", "é"]


def test_the_file_is_arpa(tmp_path):
    lines = [np.array([2, 3, 1], dtype=np.int32), np.array([2, 1], dtype=np.int32)]
    orders = estimate(join_lines(lines, 4), 4, KneserNeySettings(2, precision=np.float32)).orders
    write_arpa(tmp_path / "x.arpa", orders, ["<unk>", "</s>", "a", "b", "<s>"], np.ones(5, dtype=bool))
    lines = (tmp_path / "x.arpa").read_text().split("\n")
    assert lines[:6] == ["\\data\\", "ngram 1=5", "ngram 2=4", "", "\\1-grams:", lines[5]]
    assert [line.count("\t") for line in lines[5:10]] == [2] * 5
    assert lines[9] == f"0\t<s>\t{np.float32(np.log10(orders[0].backoffs[4]))!s}"
    assert lines[11] == "\\2-grams:"
    assert [line.split("\t")[1] for line in lines[12:16]] == ["a </s>", "a b", "b </s>", "<s> a"]
    assert lines[16:] == ["", "\\end\\", ""]
