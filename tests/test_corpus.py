import hashlib

import pytest

from lmbench.corpus import Corpus, Split, TrainingText, lines_of, with_line_end


def test_a_fingerprint_is_the_sha256_of_the_bytes():
    assert Split(("é\n", "b")).fingerprint == hashlib.sha256("é\nb".encode()).hexdigest()
    assert Split(("é\n", "b")).size == 4


@pytest.mark.parametrize(
    ("document", "lines"), [("a\n\nb\n", ["a", "", "b"]), ("a\nb", ["a", "b"]), ("\n", [""]), ("a\r\n", ["a\r"])]
)
def test_lines_do_not_include_their_line_ends(document, lines):
    assert lines_of(document) == lines
    assert Split((document, "c")).lines == [*lines, "c"]


def test_a_line_end_is_added_only_if_it_is_missing():
    assert with_line_end("a") == with_line_end("a\n") == "a\n"
    assert with_line_end("") == "\n"


def test_training_does_not_include_the_test_split():
    train, valid, test = Split(("a\n",)), Split(("b\n",)), Split(("c\n",))
    corpus = Corpus("x", train, valid, test, provenance="lines", tokenized=True)
    assert corpus.training == TrainingText(train, valid, tokenized=True)
