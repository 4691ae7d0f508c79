"""Windows: their properties, and cases written out by hand."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmbench.backends.neural.windows import (
    UNSCORED,
    Window,
    last_window,
    pair_segments,
    score_sequences,
    segments,
    strided_windows,
)

SIZES = st.integers(1, 40).flatmap(lambda context: st.tuples(st.just(context), st.integers(1, context)))


def strided(context, stride):
    return lambda inputs: strided_windows(len(inputs), context, stride)


def test_ten_events_by_hand():
    assert list(strided_windows(10, context=4, stride=3)) == [Window(0, 4, 0), Window(3, 7, 4), Window(6, 10, 7)]
    assert list(strided_windows(0, context=4, stride=3)) == []
    assert list(strided_windows(4, context=4, stride=1)) == [Window(0, 4, 0)]


@settings(deadline=None)
@given(st.integers(0, 300), SIZES)
def test_every_event_is_scored_exactly_once_and_in_order(length, sizes):
    scored = [event for window in strided_windows(length, *sizes) for event in range(window.first, window.end)]
    assert scored == list(range(length))


@settings(deadline=None)
@given(st.integers(0, 300), SIZES)
def test_no_window_is_longer_than_the_context(length, sizes):
    assert all(0 < window.end - window.start <= sizes[0] for window in strided_windows(length, *sizes))


@settings(deadline=None)
@given(st.integers(0, 300), SIZES)
def test_every_event_has_its_history(length, sizes):
    context, stride = sizes
    for window in strided_windows(length, context, stride):
        for event in range(window.first, window.end):
            assert event - window.start >= min(event, context - stride)


@settings(deadline=None)
@given(st.integers(0, 200), st.integers(0, 200), SIZES)
def test_a_longer_text_changes_no_window_start(length, more, sizes):
    def starts(events):
        windows = strided_windows(events, *sizes)
        return [window.start for window in windows for _ in range(window.first, window.end)]

    assert starts(length + more)[:length] == starts(length)


@pytest.mark.parametrize("stride", [0, 5])
def test_a_stride_outside_the_context_is_refused(stride):
    with pytest.raises(ValueError, match="not between 1 and the context of 4"):
        list(strided_windows(10, context=4, stride=stride))


@settings(deadline=None)
@given(st.integers(1, 300), SIZES)
def test_the_last_window_is_the_one_that_scores_the_next_event(length, sizes):
    *_, scoring = strided_windows(length, *sizes)
    ids, scored = last_window(np.arange(length), strided(*sizes))
    assert np.array_equal(ids, np.arange(scoring.start, length))
    assert scored == scoring.end - scoring.first


def test_segments_by_hand():
    assert list(segments(7, 3)) == [Window(0, 3, 0), Window(0, 6, 3), Window(3, 7, 6)]
    assert list(segments(0, 3)) == []


@settings(deadline=None)
@given(st.integers(0, 300), st.integers(1, 40))
def test_segments_score_each_event_once_and_see_the_segment_before(length, size):
    windows = list(segments(length, size))
    assert [event for window in windows for event in range(window.first, window.end)] == list(range(length))
    assert all(window.first - window.start == min(window.first, size) for window in windows)


def test_the_segments_of_a_pair_by_hand():
    """The source, with its mark 7 8, is read in segments of 3; another segment begins with the mark's last id."""
    inputs = np.array([9, 1, 2, 7, 8, 5, 6, 7, 8])
    assert list(pair_segments(inputs, [7, 8], 3)) == [
        Window(0, 3, 0), Window(0, 4, 3), Window(1, 7, 4), Window(4, 9, 7)
    ]  # fmt: skip
    assert list(pair_segments(inputs, [7, 8], 9)) == [Window(0, 4, 0), Window(0, 9, 4)]
    for mark in ([], [8, 7], [7, 8, 5, 6, 7, 8, 0], [0] * 20):
        assert list(pair_segments(inputs, mark, 4)) == list(segments(9, 4))
    assert list(pair_segments(inputs[:0], [7], 4)) == []


@settings(deadline=None)
@given(st.lists(st.integers(0, 2), max_size=60), st.lists(st.integers(0, 2), max_size=3), st.integers(1, 9))
def test_the_segment_of_an_event_depends_on_the_ids_before_it(inputs, mark, size):
    def what_each_event_reads(inputs):
        windows = list(pair_segments(np.array(inputs, dtype=np.int64), mark, size))
        assert all(window.length <= 2 * size for window in windows)
        return [(event, window.start, window.first) for window in windows for event in range(window.first, window.end)]

    whole = what_each_event_reads(inputs)
    assert [event for event, *_ in whole] == list(range(len(inputs)))
    for length in range(len(inputs)):
        assert what_each_event_reads(inputs[:length]) == whole[:length]


@settings(deadline=None)
@given(st.lists(st.integers(1, 60), max_size=8), SIZES, st.booleans(), st.integers(1, 100))
def test_each_score_is_returned_for_its_event(lengths, sizes, whole_segments, batch_tokens):
    sequences = [np.arange(1000 * number + 1, 1000 * number + 1 + length) for number, length in enumerate(lengths)]
    windowing = partial(pair_segments, mark=[3, 4], size=sizes[0]) if whole_segments else strided(*sizes)

    def score_batch(inputs, targets):
        assert inputs.shape == targets.shape
        assert inputs.size <= max(batch_tokens, inputs.shape[1])
        scored = targets != UNSCORED
        assert (targets[scored] == inputs[scored] + 1).all()
        assert len(set(scored.argmax(axis=1))) == 1  # all have equally many context events
        for row, ends in zip(inputs, scored.sum(axis=1) + scored.argmax(axis=1), strict=True):
            assert (np.diff(row[:ends]) == 1).all()
            assert not row[ends:].any()
        return -targets[scored].astype(float)

    for sequence, scores in zip(
        sequences, score_sequences(sequences, windowing, batch_tokens, score_batch), strict=True
    ):
        assert np.array_equal(scores, -sequence[1:])


def test_little_of_a_batch_is_padding():
    """Sequences of 40 lengths: windows of one shape alone would rarely fill a batch."""
    sequences = [np.arange(5 + i % 40) for i in range(400)]
    shapes = []

    def score_batch(inputs, targets):
        shapes.append(inputs.shape)
        return np.zeros((targets != UNSCORED).sum())

    score_sequences(sequences, strided(64, 32), 512, score_batch)
    assert sum(rows * time for rows, time in shapes) < 1.1 * sum(len(sequence) - 1 for sequence in sequences)
    assert len(shapes) < 30
