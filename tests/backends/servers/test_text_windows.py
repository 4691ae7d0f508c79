from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmbench.backends.servers.text_windows import (
    SHORTEST_OVERLAP,
    ScoredTokens,
    TextWindow,
    join_windows,
    largest_stride,
    text_windows,
)
from lmbench.errors import ScoreError

TEXTS = st.builds(str.__mul__, st.text(alphabet="ab é中🙂\n", max_size=30), st.integers(0, 200))
CONTEXTS = st.integers(512, 900)


def _windows(text: str, context: int, stride: int) -> list[TextWindow]:
    return list(text_windows(text.encode(), context, stride))


@given(TEXTS, CONTEXTS, st.data())
def test_windows_cover_a_text_with_whole_characters(text, context, data) -> None:
    stride = data.draw(st.integers(64, largest_stride(context)))
    windows = _windows(text, context, stride)
    encoded = text.encode()
    for window in windows:
        assert 0 < window.stop - window.start <= context
        encoded[window.start : window.stop].decode()
    for one, other in pairwise(windows):
        assert one.start < other.start <= one.seam - SHORTEST_OVERLAP
        assert one.seam < one.stop
        assert other.start <= one.seam - (context - stride - 128)  # and that is the shortest history of an event
    assert not text or (windows[0].start, windows[-1].stop, windows[-1].seam) == (0, len(encoded), len(encoded))


@given(TEXTS, st.integers(0, 3000))
def test_windows_before_a_place_do_not_depend_on_the_text_after_it(text, cut) -> None:
    whole, beginning = _windows(text, 512, 200), _windows(text[:cut], 512, 200)
    for one, other in zip(whole, beginning[:-1], strict=False):
        assert (one.start, one.seam) == (other.start, other.seam)
    if beginning:
        assert whole[len(beginning) - 1].start == beginning[-1].start


def test_a_window_begins_with_a_word() -> None:
    text = "word " * 400
    assert all(text[window.start] == " " for window in _windows(text, 512, 256)[1:])


def test_no_text_has_no_window() -> None:
    assert _windows("", 512, 256) == []


def _scored(ends, logprobs) -> ScoredTokens:
    return ScoredTokens(np.array(ends), np.array(logprobs, dtype=float))


def test_windows_are_joined_at_the_last_common_end_before_the_seam() -> None:
    windows = [TextWindow(0, 12, 8), TextWindow(3, 20, 20)]
    joined = join_windows(
        windows,
        [
            _scored([2, 5, 7, 10, 12], [-1, -2, -3, -4, -5]),
            _scored([5, 6, 7, 10, 15, 20], [np.nan, -20, -30, -40, -50, -60]),
        ],
    )
    assert joined.ends.tolist() == [2, 5, 7, 10, 15, 20]
    assert joined.logprobs.tolist() == [-1, -2, -3, -40, -50, -60]


def test_the_first_token_of_a_later_window_is_never_scored() -> None:
    windows = [TextWindow(0, 12, 8), TextWindow(3, 20, 20)]
    joined = join_windows(windows, [_scored([5, 12], [-1, -2]), _scored([5, 20], [np.nan, -3])])
    assert joined.logprobs.tolist() == [-1, -3]


def test_tokens_without_bytes_of_their_own_stay_together() -> None:
    windows = [TextWindow(0, 9, 6), TextWindow(2, 12, 12)]
    joined = join_windows(
        windows, [_scored([3, 6, 6, 9, 9], [-1, -2, -3, -4, -5]), _scored([6, 6, 9, 9, 12], [np.nan, -8, -4, -5, -6])]
    )
    assert joined.logprobs.tolist() == [-1, -2, -3, -4, -5, -6]


def test_windows_whose_tokens_never_meet_are_refused() -> None:
    windows = [TextWindow(0, 12, 8), TextWindow(3, 20, 20)]
    with pytest.raises(ScoreError, match="no token ends at the same place"):
        join_windows(windows, [_scored([5, 12], [-1, -2]), _scored([6, 20], [np.nan, -3])])
