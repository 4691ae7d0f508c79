"""Strided windows: properties, and the numbers of a case written out by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmbench.backends.neural.windows import Window, last_window, score_packed, segments, windows


def cutter(context, stride):
    return lambda length: windows(length, context, stride)


CUTS = st.integers(1, 40).flatmap(lambda context: st.tuples(st.just(context), st.integers(1, context)))


def test_ten_events_by_hand():
    assert list(windows(10, context=4, stride=3)) == [Window(0, 4, 0), Window(3, 7, 4), Window(6, 10, 7)]
    assert list(windows(0, context=4, stride=3)) == []
    assert list(windows(4, context=4, stride=1)) == [Window(0, 4, 0)]


@settings(deadline=None)
@given(st.integers(0, 300), CUTS)
def test_every_event_is_scored_exactly_once_and_in_order(length, cut):
    scored = [event for window in windows(length, *cut) for event in range(window.first, window.end)]
    assert scored == list(range(length))


@settings(deadline=None)
@given(st.integers(0, 300), CUTS)
def test_no_window_is_longer_than_the_context(length, cut):
    assert all(0 < window.end - window.start <= cut[0] for window in windows(length, *cut))


@settings(deadline=None)
@given(st.integers(0, 300), CUTS)
def test_every_event_has_its_history(length, cut):
    context, stride = cut
    for window in windows(length, context, stride):
        for event in range(window.first, window.end):
            assert event - window.start >= min(event, context - stride)


@settings(deadline=None)
@given(st.integers(0, 200), st.integers(0, 200), CUTS)
def test_what_follows_changes_no_window_start(length, more, cut):
    def starts(n):
        return [window.start for window in windows(n, *cut) for _ in range(window.first, window.end)]

    assert starts(length + more)[:length] == starts(length)


@pytest.mark.parametrize("stride", [0, 5])
def test_a_stride_outside_the_context_is_refused(stride):
    with pytest.raises(ValueError, match="not between 1 and the context of 4"):
        list(windows(10, context=4, stride=stride))


@settings(deadline=None)
@given(st.integers(1, 300), CUTS)
def test_the_last_window_is_the_one_that_scores_the_next_event(length, cut):
    *_, scoring = windows(length, *cut)
    ids, scored = last_window(np.arange(length), cutter(*cut))
    assert np.array_equal(ids, np.arange(scoring.start, length))
    assert scored == scoring.end - scoring.first


def test_segments_by_hand():
    assert list(segments(7, 3)) == [Window(0, 3, 0), Window(0, 6, 3), Window(3, 7, 6)]
    assert list(segments(0, 3)) == []


@settings(deadline=None)
@given(st.integers(0, 300), st.integers(1, 40))
def test_segments_score_each_event_once_and_see_the_segment_before(length, size):
    cut = list(segments(length, size))
    assert [event for window in cut for event in range(window.first, window.end)] == list(range(length))
    assert all(window.first - window.start == min(window.first, size) for window in cut)


@settings(deadline=None)
@given(st.lists(st.integers(1, 60), max_size=8), CUTS, st.booleans(), st.integers(1, 100))
def test_each_score_comes_back_to_its_event(lengths, cut, whole_segments, batch_tokens):
    sequences = [np.arange(1000 * number + 1, 1000 * number + 1 + length) for number, length in enumerate(lengths)]
    cut = (lambda length: segments(length, size)) if whole_segments and (size := cut[0]) else cutter(*cut)

    def score_batch(inputs, targets):
        assert inputs.shape == targets.shape
        assert inputs.size <= max(batch_tokens, inputs.shape[1])
        scored = targets >= 0
        assert (targets[scored] == inputs[scored] + 1).all()
        assert len(set(scored.argmax(axis=1))) == 1  # all look back equally far
        for row, ends in zip(inputs, scored.sum(axis=1) + scored.argmax(axis=1), strict=True):
            assert (np.diff(row[:ends]) == 1).all()
            assert not row[ends:].any()
        return -targets[scored].astype(float)

    for sequence, scores in zip(sequences, score_packed(sequences, cut, batch_tokens, score_batch), strict=True):
        assert np.array_equal(scores, -sequence[1:])


def test_packing_wastes_little():
    """Lines of 40 lengths: windows of one shape alone would fill a batch of 64 ids hardly ever."""
    sequences = [np.arange(5 + i % 40) for i in range(400)]
    shapes = []
    score_packed(sequences, cutter(64, 32), 512, lambda i, t: shapes.append(i.shape) or np.zeros((t >= 0).sum()))
    assert sum(rows * time for rows, time in shapes) < 1.1 * sum(len(sequence) - 1 for sequence in sequences)
    assert len(shapes) < 30
