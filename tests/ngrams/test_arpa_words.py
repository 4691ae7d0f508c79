import pytest

from lmbench.ngrams.arpa_reader import read_arpa
from tests.ngrams.arpa_texts import SMALL, assert_refused
from tests.recording import Recorded


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


@pytest.mark.usefixtures("block")
@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("\ta b", "\ta z", ", line 14: the word 'z' is not a unigram"),
        ("\tb\t", "\ta\t", ", line 10: the n-gram 'a' is listed twice"),
        ("\ta b", "\ta \x00", ", line 14: the word '\\x00' is not a unigram"),
        ("</s>", "</t>", ", line 12: the unigram '</s>' is missing, so that no line could end"),
    ],
)  # fmt: skip
def test_errors_name_the_line_and_the_reason(tmp_path, old, new, message):
    assert_refused(tmp_path / "x.arpa", SMALL.replace(old, new), message)
