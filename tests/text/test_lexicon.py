import json
import os

import numpy as np
import pytest

from lmbench import Split, TrainingText
from lmbench.errors import ScoreError, SpecError
from lmbench.ngrams.ids import LINE_END_ID, UNKNOWN_ID
from lmbench.text.lexicon import Lexicon, LexiconOptions
from tests.text.test_tokenizers import event_bytes


@pytest.fixture
def lexicon():
    data = TrainingText(Split(("a a b b rare\n", "a <unk> <unk>\n")), Split(()), tokenized=True)
    return Lexicon.learn(data, LexiconOptions())


def test_types_are_ordered_by_count_and_rare_ones_are_unknown(lexicon):
    assert lexicon.types == ("<unk>", "\n", "a", "<unk>", "b")
    assert [line.tolist() for line in lexicon.lines(["a rare b\n"])] == [[2, UNKNOWN_ID, 4, LINE_END_ID]]


def test_a_literal_unk_is_a_word_like_any_other(lexicon):
    encoded = lexicon.encode("<unk> x\n")
    assert encoded.lines[0].tolist() == [3, UNKNOWN_ID, LINE_END_ID]
    assert encoded.spelling[0] == 0
    assert encoded.spelling[1] < 0


def test_documents_encoded_in_one_pass_are_those_encoded_alone(lexicon):
    documents = ["a x\n", "", "b", "\n", "é x y\n\na"]
    assert lexicon.encode_each([]) == []
    for document, encoded in zip(documents, lexicon.encode_each(documents), strict=True):
        alone = lexicon.encode(document)
        for field in ("ids", "ends", "spelling"):
            assert getattr(encoded, field).tolist() == getattr(alone, field).tolist()


def test_ends_are_byte_offsets_and_only_unknown_words_pay_for_spelling(lexicon):
    encoded = lexicon.encode("a é\n\nb")
    assert encoded.ends.tolist() == [1, 4, 5, 6, 7]
    assert (encoded.spelling < 0).tolist() == [False, True, False, False, False]
    assert [line.tolist() for line in encoded.lines] == [[2, 0, 1], [1], [4]]


def test_training_lines_always_have_a_line_end(lexicon):
    assert [line.tolist() for line in lexicon.lines(["a", "b\n"])] == [[2, 1], [4, 1]]


def test_scores_add_the_spelling_cost_to_the_models(lexicon):
    [score] = lexicon.score(["a x\n"], lambda lines: [np.full(len(line), -1.0) for line in lines])
    assert score.check("a x\n").logprobs == pytest.approx(-1 + score.spelling)


@pytest.mark.parametrize("tokenizer", ["words", "pieces", "bytes", "bpe:300"])
def test_a_saved_lexicon_can_be_restored(tmp_path, tokenizer):
    data = TrainingText(Split(("a a b b rare\n", "a <unk> é <unk>\n")), Split(()), tokenized=True)
    options = LexiconOptions(tokenizer=tokenizer)
    saved = Lexicon.learn(data, options)
    saved.save(tmp_path, options)
    restored = Lexicon.restore(tmp_path, options)
    for text in ("a rare é\n", "zebra 汉 b"):
        first, second = saved.encode(text), restored.encode(text)
        assert [line.tolist() for line in first.lines] == [line.tolist() for line in second.lines]
        assert first.spelling.tolist() == second.spelling.tolist()


def test_a_damaged_file_is_reported_with_the_reason(tmp_path, lexicon):
    file, options = tmp_path / "lexicon.json", LexiconOptions()
    with pytest.raises(SpecError, match=r"does not hold a saved model: lexicon.json cannot be read: No such file"):
        Lexicon.restore(tmp_path, options)
    lexicon.save(tmp_path, options)
    whole = json.loads(file.read_text())
    for broken, reason in (
        (file.read_text()[:40], "Invalid JSON"),
        ("{}", "tokenizer: Field required"),
        (json.dumps(whole | {"types": ["a", "a"]}), "types: Value error, a type is listed twice"),
        (json.dumps(whole | {"types": ["\n"]}), "types: Value error, a type is listed twice"),
        (json.dumps(whole | {"tokenizer": "sylables"}), "unknown tokenizer 'sylables'"),
        (json.dumps(whole | {"tokenizer": "bpe:300", "tokenizer_state": "{"}), "EOF while parsing"),
    ):
        file.write_text(broken)
        message = f"^{tmp_path} does not hold a saved model: lexicon.json cannot be read: {reason}"
        with pytest.raises(SpecError, match=message):
            Lexicon.restore(tmp_path, options)
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(SpecError, match="not a regular file"):
        Lexicon.restore(tmp_path, options)
    file.unlink()
    lexicon.save(tmp_path, options)
    with pytest.raises(SpecError, match="holds a model with min_count=2, not 3"):
        Lexicon.restore(tmp_path, LexiconOptions(min_count=3))


def test_a_file_from_before_an_option_has_its_default(lexicon, tmp_path):
    class Newer(LexiconOptions):
        segments: str = "fixed"

    lexicon.save(tmp_path, LexiconOptions())
    assert Lexicon.restore(tmp_path, Newer()).types == lexicon.types
    with pytest.raises(SpecError, match="holds a model with segments=fixed, not pairs"):
        Lexicon.restore(tmp_path, Newer(segments="pairs"))


def test_an_empty_document_has_no_events(lexicon):
    [score] = lexicon.score([""], lambda lines: [])
    assert len(score.check("").ends) == 0


@pytest.mark.parametrize(("tokenized", "tokenizer"), [(True, "words"), (False, "pieces")])
def test_the_automatic_tokenizer_depends_on_the_text(tokenized, tokenizer):
    data = TrainingText(Split(("a b\n",)), Split(()), tokenized)
    assert Lexicon.learn(data, LexiconOptions()).tokenizer.name == tokenizer


def test_only_rounding_errors_are_clipped_to_0(lexicon):
    """A model that returns surprisals instead of log-probabilities is not hidden."""
    [score] = lexicon.score(["a\n"], lambda lines: [np.full(len(line), 2.0) for line in lines])
    with pytest.raises(ScoreError, match="above 0"):
        score.check("a\n")
    [score] = lexicon.score(["a\n"], lambda lines: [np.full(len(line), 1e-8) for line in lines])
    assert score.check("a\n").logprobs.tolist() == [0, 0]


def test_types_are_displayed_in_one_line_for_every_tokenizer():
    data = TrainingText(Split(("the é\n", "the é\tthe\n")), Split(()))
    for tokenizer, expected in (("pieces", "␣é"), ("bytes", "\\xc3"), ("bpe:300", "␣"), ("words", "é")):
        lexicon = Lexicon.learn(data, LexiconOptions(tokenizer=tokenizer, min_count=1))
        shown = [lexicon.display(type_id) for type_id in range(len(lexicon))]
        assert shown[:2] == ["<unk>", "\\n"]
        assert any(expected in text for text in shown)
        assert all(text.isprintable() and " " not in text for text in shown)


@pytest.mark.parametrize("tokenizer", ["words", "pieces", "bytes"])
def test_documents_scored_together_score_as_they_do_alone(tokenizer):
    documents = ["a b\n", "", "no end", "é 汉\n\n", "\n", "  odd\t b\r\n", "😀 a", "c"]
    lexicon = Lexicon.learn(TrainingText(Split(("a b a b é\n",)), Split(())), LexiconOptions(tokenizer=tokenizer))

    def score_ids(ids, starts):
        at = np.arange(len(ids)) - np.maximum.accumulate(np.where(starts, np.arange(len(ids)), 0))
        return -1.0 - ids - at / 8

    together = lexicon.score_as_one_text(documents, score_ids)
    for document, score in zip(documents, together, strict=True):
        [alone] = lexicon.score_as_one_text([document], score_ids)
        for name in ("ends", "logprobs", "spelling"):
            assert getattr(score, name).tolist() == getattr(alone, name).tolist()
        score.check(document)
        assert np.diff(score.ends, prepend=0).tolist() == list(map(len, event_bytes(lexicon.tokenizer, document)))


def test_learning_encodes_the_training_text():
    data = TrainingText(Split(("a b a\n", "b rare")), Split(()), tokenized=True)
    lexicon, ids = Lexicon.learn_and_encode(data, LexiconOptions())
    assert ids.tolist() == np.concatenate(lexicon.lines(data.train.documents)).tolist()
    assert lexicon.types == Lexicon.learn(data, LexiconOptions()).types


def test_a_restricted_lexicon_spells_the_types_that_it_lost(lexicon):
    smaller = lexicon.restrict(np.array([True, True, True, False, True]))
    assert smaller.types == ("<unk>", "\n", "a", "b")
    assert smaller.encode("<unk>\n").spelling[0] < 0
