import numpy as np
import pytest

from lmbench import NextEvents
from lmbench.state import TextState

HALF = "é".encode()[:1]


def distribution(text):
    """Return a distribution over the end of the text, a letter, half a character and an unknown word."""
    return NextEvents((text, "a", "half", "<unk>"), np.log([0.1, 0.4, 0.3, 0.2]), (b"", b"a", HALF, None))


def test_bytes_are_events_with_spellings():
    nexts = NextEvents.of_bytes(np.full(256, -np.log(256)))
    assert nexts.names[65] == "A"
    assert nexts.spellings[65] == b"A"
    assert nexts.prefix_logprob(b"A") == pytest.approx(-np.log(256))


def test_a_prefix_has_the_probability_of_all_events_that_begin_with_it():
    nexts = NextEvents(("the", "then", "cat", "<unk>"), np.log([0.3, 0.2, 0.4, 0.1]), (b"the", b"then", b"cat", None))
    assert nexts.prefix_logprob(b"the") == pytest.approx(np.log(0.5))
    assert nexts.prefix_logprob(b"") == pytest.approx(np.log(0.9))
    assert nexts.prefix_logprob(b"x") == 0


def test_a_boundary_is_white_space_or_the_end_of_the_text():
    spellings = (b" the", b"\n", b"", b"the", None, b"\t", b"a b")
    nexts = NextEvents(tuple("abcdefg"), np.log([0.1, 0.2, 0.05, 0.15, 0.2, 0.25, 0.05]), spellings)
    assert np.exp(nexts.boundary_logprob()) == pytest.approx(0.1 + 0.2 + 0.05 + 0.25)
    assert NextEvents(("a",), np.zeros(1), (b"a",)).boundary_logprob() == -np.inf


def test_a_distribution_without_spellings_has_no_boundary():
    with pytest.raises(NotImplementedError, match="the texts of its events are not known"):
        NextEvents(("a",), np.zeros(1)).boundary_logprob()


def test_an_event_that_ends_inside_a_character_may_begin_with_a_space():
    state = TextState(lambda text: NextEvents(("a", "b"), np.log([0.3, 0.7]), (b" " + HALF, b"a")), "x")
    assert state.boundary_logprob() == pytest.approx(np.log(0.3))


def test_a_state_made_of_texts_asks_again_for_each_longer_text():
    state = TextState(distribution, "x")
    state.advance(1)
    state.advance(1)
    assert state.next_events().names[0] == "xaa"


def test_a_state_made_of_texts_hides_spellings_that_end_inside_a_character():
    state = TextState(distribution, "x")
    assert state.next_events().spellings == (b"", b"a", None, None)
    assert state.prefix_logprob(HALF) == pytest.approx(np.log(0.3))


def test_an_event_without_a_spelling_cannot_be_read():
    with pytest.raises(ValueError, match="event 3 does not have a spelling and cannot be read"):
        TextState(distribution, "").advance(3)
