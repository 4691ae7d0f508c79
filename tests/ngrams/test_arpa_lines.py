import pytest

from lmbench.ngrams.arpa_reader import read_arpa
from tests.ngrams.arpa_texts import SMALL


def test_a_byte_order_mark_before_the_data(tmp_path):
    (tmp_path / "x.arpa").write_text("\ufeff" + SMALL)
    assert read_arpa(tmp_path / "x.arpa").counts == [5, 3]


@pytest.mark.parametrize("block", [1, 20, 333])
def test_blocks_do_not_change_the_result(tmp_path, monkeypatch, block):
    content = SMALL.replace("2=3", "2=3\nngram 3=1").replace("<s> a\n", "<s> a\t-0.1\n")
    (tmp_path / "x.arpa").write_text(content.replace("\n\\end", "\n\n\\3-grams:\n-0.1\t<s> a b\n\n\\end"))
    whole = read_arpa(tmp_path / "x.arpa")
    monkeypatch.setattr("lmbench.ngrams.arpa_lines._BLOCK", block)
    parts = read_arpa(tmp_path / "x.arpa")
    assert parts.words == whole.words
    for one, other in zip(parts.orders, whole.orders, strict=True):
        for name in ("keys", "probs", "backoffs"):
            assert getattr(one, name).tolist() == getattr(other, name).tolist()
