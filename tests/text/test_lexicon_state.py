import numpy as np
import pytest

from lmbench import Split, TrainingText
from lmbench.text.lexicon import Lexicon, LexiconOptions
from lmbench.text.lexicon_state import LexiconState

PROBS = np.array([0.1, 0.2, 0.3, 0.4])  # of <unk>, the line end, a and ab


@pytest.fixture
def lexicon():
    return Lexicon.learn(TrainingText(Split(("a a a ab ab\n",)), Split(()), tokenized=True), LexiconOptions())


class Histories(list):
    """A predictor that records the histories that it gets."""

    def __call__(self, history):
        self.append(history.tolist())
        return np.log(PROBS)


def test_the_history_of_a_line_model_ends_at_the_line(lexicon):
    asked = Histories()
    state = LexiconState(lexicon, "a ab\nab", asked)
    for event in (2, 1, 0):
        state.next_events()
        state.advance(event)
    state.next_events()
    assert asked == [[3], [3, 2], [], [0]]


def test_the_history_may_continue_across_lines(lexicon):
    asked = Histories()
    state = LexiconState(lexicon, "a ab\nab", asked, across_lines=True)
    for event in (2, 1):
        state.advance(event)
    state.next_events()
    assert asked == [[2, 3, 1, 3, 2, 1]]


def test_spellings_depend_on_the_event_before(lexicon):
    state = LexiconState(lexicon, "a", Histories())
    assert state.next_events().spellings == (None, b"\n", b" a", b" ab")
    state.advance(1)
    assert state.next_events().spellings == (None, b"\n", b"a", b"ab")


def test_extra_events_follow_the_types_and_have_no_spelling(lexicon):
    probs = np.append(PROBS * 0.5, 0.5)
    following = LexiconState(lexicon, "", lambda history: np.log(probs), extra_events=("<s>",)).next_events()
    assert following.names == ("<unk>", "\n", "a", "ab", "<s>")
    assert following.spellings[-1] is None
    assert np.exp(following.logprobs).tolist() == pytest.approx(probs.tolist())


@pytest.mark.parametrize(
    ("text", "prefix", "known"), [("", b"a", 0.7), ("", b"ab", 0.4), ("a", b" a", 0.7), ("", b"x", 0)]
)
def test_a_prefix_counts_known_and_unknown_words(lexicon, text, prefix, known):
    unknown = 0.1 * np.exp(lexicon.letter_model.prefix_logprob(prefix.strip()))
    state = LexiconState(lexicon, text, Histories())
    assert np.exp(state.prefix_logprob(prefix)) == pytest.approx(known + unknown)


def test_every_event_after_a_word_begins_with_white_space_if_spaces_separate_tokens(lexicon):
    assert LexiconState(lexicon, "a", Histories()).boundary_logprob() == 0


def test_a_boundary_counts_the_unknown_words_that_begin_with_white_space():
    text = TrainingText(Split(("a b, a b, c; d\te\na\n",)), Split(()))
    lexicon = Lexicon.learn(text, LexiconOptions(tokenizer="pieces"))
    known = ["a", " b", ","]  # " a" occurs once
    probs = dict(zip(["<unk>", "\n", *known], [0.4, 0.1, 0.1, 0.25, 0.15], strict=True))
    state = LexiconState(lexicon, "a", lambda history: np.log([probs[name] for name in lexicon.types]))
    letters = [np.exp(lexicon.letter_model.prefix_logprob(start)) for start in (b" ", b"\t", b"\r")]

    assert set(lexicon.types) == set(probs)
    assert np.exp(state.boundary_logprob()) == pytest.approx(0.1 + 0.25 + 0.4 * sum(letters))
    assert sum(letters) > 0.2


def test_the_distribution_is_computed_once_for_each_event(lexicon):
    asked = Histories()
    state = LexiconState(lexicon, "a", asked)
    state.next_events(), state.boundary_logprob(), state.prefix_logprob(b" ")
    assert asked == [[2]]
