from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmbench.errors import CorpusError
from lmbench.ngrams.counts import _argsort, count_ngrams, insert_starts, insert_starts_after, join_lines
from lmbench.ngrams.workspace import Workspace

LINES = st.lists(st.lists(st.integers(2, 6), max_size=8).map(lambda line: [*line, 1]), min_size=1, max_size=12)
START = 7


class Tiny(Workspace):
    """Blocks of only three places, so that every word has its own."""

    def __init__(self, memory=None):
        super().__init__(memory)
        self.rows = 3


def arrays(lines):
    return [np.array(line, dtype=np.int32) for line in lines]


@given(LINES, st.integers(1, 5), st.sampled_from([Workspace, Tiny, lambda: Tiny(1)]))
def test_every_ngram_is_counted_and_sorted(lines, order, workspace):
    padded = [(START, *line) for line in lines]
    grams = Counter(line[i : i + k] for line in padded for k in range(1, order + 1) for i in range(len(line) - k + 1))
    rows = []
    for k, counts in enumerate(count_ngrams(join_lines(arrays(lines), START), START, order, workspace()), start=1):
        if k == 1:
            rows.append([(word,) for word in range(START + 1)])
            assert counts.count.tolist() == [*(grams[word,] for word in range(START)), 0]
            continue
        names = [(*rows[-1][history], word) for history, word in zip(counts.history, counts.word, strict=True)]
        assert names == sorted(gram for gram in grams if len(gram) == k)
        assert counts.count.tolist() == [grams[gram] for gram in names]
        assert [rows[-1][row] for row in counts.suffix] == [gram[1:] for gram in names]
        assert [gram[0] == START for gram in names] == [row >= counts.opening for row in range(len(names))]
        rows.append(names)


@pytest.mark.parametrize("bits", [3, 30])
def test_ngrams_are_sorted_by_history_then_word(bits):
    rng = np.random.default_rng(0)
    rows, word = rng.integers(0, 1 << 31, 300) // 3 * 3, rng.integers(0, 8, 300).astype(np.int32)
    rows[100:200] = rows[0]
    assert _argsort(rows, word, bits).tolist() == np.lexsort((word, rows)).tolist()


def test_an_empty_text_is_refused():
    with pytest.raises(CorpusError, match="cannot count n-grams: the training split does not contain a line"):
        count_ngrams(np.zeros(0, dtype=np.int32), START, 3, Workspace())


@given(LINES)
def test_starts_are_inserted_as_lines_are_joined(lines):
    ids = np.concatenate(arrays(lines))
    begins = np.append(True, ids[:-1] == 1)
    text, places = insert_starts(ids, begins, START)
    assert text.tolist() == join_lines(arrays(lines), START).tolist()
    assert text[places].tolist() == ids.tolist()


def test_starts_are_inserted_slice_by_slice(monkeypatch):
    """Slices that end inside a line, at its end, and after one id."""
    ids = np.array([5, 6, 1, 1, 7, 1, 8, 9, 1], dtype=np.int32)
    for size in (1, 2, 3, 100):
        monkeypatch.setattr("lmbench.ngrams.counts._READ_AT_ONCE", size)
        assert insert_starts_after(ids, 1, START).tolist() == [START, 5, 6, 1, START, 1, START, 7, 1, START, 8, 9, 1]
    assert insert_starts_after(ids[:0], 1, START).tolist() == []


def test_texts_with_too_many_ids_are_refused(monkeypatch):
    monkeypatch.setattr("lmbench.ngrams.counts._MAX_IDS", 5)
    with pytest.raises(CorpusError, match="has 5 ids, and n-grams can be counted in fewer than 5; train on"):
        count_ngrams(np.array([START, 2, 3, 4, 1], dtype=np.int32), START, 2, Workspace())
