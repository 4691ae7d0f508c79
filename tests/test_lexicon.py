import numpy as np
import pytest

from lmbench import Split, TrainingText
from lmbench.errors import ScoreError
from lmbench.lexicon import LINE_END_ID, UNKNOWN_ID, Lexicon, LexiconOptions


@pytest.fixture
def lexicon():
    data = TrainingText(Split(("a a b b rare\n", "a <unk> <unk>\n")), Split(()), tokenised=True)
    return Lexicon.learn(data, LexiconOptions())


def test_types_are_ordered_by_count_and_rare_ones_are_unknown(lexicon):
    assert lexicon.types == ("<unk>", "\n", "a", "<unk>", "b")
    assert [line.tolist() for line in lexicon.lines(["a rare b\n"])] == [[2, UNKNOWN_ID, 4, LINE_END_ID]]


def test_a_literal_unk_is_a_word_like_any_other(lexicon):
    encoded = lexicon.encode("<unk> x\n")
    assert encoded.lines[0].tolist() == [3, UNKNOWN_ID, LINE_END_ID]
    assert encoded.spelling[0] == 0
    assert encoded.spelling[1] < 0


def test_ends_are_byte_offsets_and_spelling_is_charged_where_the_word_is_unknown(lexicon):
    encoded = lexicon.encode("a é\n\nb")
    assert encoded.ends.tolist() == [1, 4, 5, 6, 7]
    assert (encoded.spelling < 0).tolist() == [False, True, False, False, False]
    assert [line.tolist() for line in encoded.lines] == [[2, 0, 1], [1], [4]]


def test_training_lines_are_always_ended(lexicon):
    assert [line.tolist() for line in lexicon.lines(["a", "b\n"])] == [[2, 1], [4, 1]]


def test_scores_add_the_spelling_to_the_models_price(lexicon):
    [score] = lexicon.score(["a x\n"], lambda lines: [np.full(len(line), -1.0) for line in lines])
    assert score.check("a x\n").logprobs == pytest.approx(-1 + score.spelling)


def test_an_empty_document_has_no_events(lexicon):
    [score] = lexicon.score([""], lambda lines: [])
    assert len(score.check("").ends) == 0


@pytest.mark.parametrize(("tokenised", "tokenizer"), [(True, "words"), (False, "pieces")])
def test_auto_follows_the_text(tokenised, tokenizer):
    data = TrainingText(Split(("a b\n",)), Split(()), tokenised)
    assert Lexicon.learn(data, LexiconOptions()).tokenizer.name == tokenizer


def test_surprisals_of_the_wrong_sign_are_not_hidden(lexicon):
    """Only what rounding leaves above 0 is taken away."""
    [score] = lexicon.score(["a\n"], lambda lines: [np.full(len(line), 2.0) for line in lines])
    with pytest.raises(ScoreError, match="above 0"):
        score.check("a\n")
    [score] = lexicon.score(["a\n"], lambda lines: [np.full(len(line), 1e-8) for line in lines])
    assert score.check("a\n").logprobs.tolist() == [0, 0]
