"""Spans at whose ends an event of each model ends, against brute force."""

import numpy as np
import pytest

from lmbench.analysis.alignment import align, read_aligned
from lmbench.errors import ResultsError
from tests.analysis.scored import align_events, corpus, scored
from tests.report.cells import cell, text
from tests.storing import new_directory


def test_spans_end_where_all_models_have_an_event_end():
    # abcdef: the events end after 1, 3, 6 and after 2, 3, 5, 6 bytes
    aligned = align_events(
        corpus("abcdef"), one=[[(1, 1), (2, 2), (3, 4)]], other=[[(2, 8), (1, 16), (2, 32), (1, 64)]]
    )
    assert aligned.models == ("one", "other")
    assert aligned.starts.tolist() == [0, 3]
    assert aligned.ends.tolist() == [3, 6]
    assert aligned.bits.tolist() == [[3, 4], [24, 96]]


def test_no_span_crosses_the_border_of_documents():
    aligned = align_events(corpus("ab", "cd"), one=[[(2, 1)], [(1, 2), (1, 4)]], other=[[(1, 8), (1, 16)], [(2, 32)]])
    assert aligned.documents.tolist() == [0, 1]
    assert aligned.starts.tolist() == [0, 0]
    assert aligned.bits.tolist() == [[1, 6], [24, 32]]


def test_an_event_without_bytes_belongs_to_the_span_after_it_or_to_the_last_one():
    # such as the space before a text that SentencePiece adds
    events = [[(0, 1), (1, 2), (0, 4), (1, 8), (0, 16)], [(0, 32), (1, 64)]]
    aligned = align_events(corpus("ab", "c"), one=events)
    assert aligned.bits.tolist() == [[3, 28, 96]]


def test_an_empty_document_has_a_row_for_its_events():
    aligned = align_events(corpus("", "a", ""), one=[[], [(1, 2)], [(0, 4)]], other=[[], [(1, 1)], []])
    assert aligned.documents.tolist() == [0, 1, 2]
    assert aligned.bits.tolist() == [[0, 2, 4], [0, 1, 0]]


def find_by_force(documents, models):
    """Return the rows of each document: (number, start, end, bits of each model)."""
    rows = []
    for number, document in enumerate(documents):
        start = 0
        for end in range(1, len(document) + 1):
            if all(end in model[number].ends for model in models):
                bits = [sum(m.bits[(m.ends > start) & (m.ends <= end)]) for m in (model[number] for model in models)]
                rows.append((number, start, end, *bits))
                start = end
    return rows


def test_random_events_agree_with_brute_force():
    rng = np.random.default_rng(0)
    text = corpus(*("x" * size for size in rng.integers(1, 40, 30)))
    models = []
    for most in (2, 3, 5):
        events = [[(size, rng.integers(1, 100)) for size in cut(len(d), most, rng)] for d in text.test.documents]
        models.append(scored(text, events))
    aligned = align({str(number): model for number, model in enumerate(models)}, text)
    rows = zip(aligned.documents, aligned.starts, aligned.ends, *aligned.bits, strict=True)
    assert [tuple(map(int, row)) for row in rows] == find_by_force(text.test.documents, models)


def cut(size, most, rng):
    """Return the sizes of random events of up to this many bytes, which tile a text."""
    sizes = []
    while size:
        sizes.append(int(rng.integers(1, min(most, size) + 1)))
        size -= sizes[-1]
    return sizes


def test_the_bits_of_documents_and_of_merged_rows_sum_to_those_of_the_text():
    aligned = align_events(corpus("ab", "cde"), one=[[(1, 1), (1, 2)], [(1, 4), (1, 8), (1, 16)]])
    assert aligned.totals.tolist() == [31]
    assert aligned.sum_documents(aligned.bits).tolist() == [[3, 28]]
    merged = aligned.merge(np.array([0, 2, 3, 5]))
    assert merged.documents.tolist() == [0, 1, 1]
    assert (merged.starts.tolist(), merged.ends.tolist()) == ([0, 0, 1], [2, 1, 3])
    assert merged.bits.tolist() == [[3, 4, 24]]


def test_units_are_documents_of_which_neighbors_are_joined_if_there_are_many():
    aligned = align_events(corpus(*["ab"] * 30), one=[[(1, 1), (1, number % 7)] for number in range(30)])
    assert aligned.units.sizes.tolist() == [2] * 30
    many = align_events(corpus(*["ab"] * 500), one=[[(1, 1), (1, number % 7)] for number in range(500)])
    units = many.units
    assert len(units.sizes) == 200
    assert units.sizes.sum() == 1000
    assert units.sum(many.sum_documents(many.bits)).sum() == many.totals[0]


def test_scores_that_are_not_probabilities_are_refused(tmp_path):
    with pytest.raises(ResultsError, match="the scores of mlm are not probabilities"):
        read_aligned(new_directory(tmp_path, (text(),)), [cell("mlm", pseudo=True)], corpus("a"))
