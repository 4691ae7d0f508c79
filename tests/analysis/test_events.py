"""The events of stored cells, with their documents."""

import numpy as np
import pytest

from lmbench.analysis.alignment import read_aligned
from lmbench.analysis.events import read_events
from lmbench.backends.uniform import Uniform
from lmbench.corpus import Corpus, Split
from lmbench.errors import ResultsError
from lmbench.runs.cell_files import SCORES, ScoresFile, read_documents, write_cell
from lmbench.score import Score, join_groups
from tests.report.cells import broken_cell, cell, store_scores, text
from tests.storing import TEXTS, new_directory

CORPUS = Corpus("c", Split(()), Split(()), Split(tuple(TEXTS)), provenance="")


def store_events(directory, made, scores=None):
    """Store a cell with its events, by default those of the uniform model."""
    return store_scores(directory, made, TEXTS, scores or Uniform().score(TEXTS))


def test_events_come_with_their_documents(tmp_path):
    directory = new_directory(tmp_path, (text(),))
    first, second = read_events(directory, store_events(directory, cell("uniform")), CORPUS)
    assert (first.number, second.number) == (0, 1)
    assert (first.text, second.text) == ("ab\n", "中\n")
    assert first.ends.tolist() == [1, 2, 3]
    assert second.ends.tolist() == [1, 2, 3, 4]
    assert second.starts.tolist() == [0, 1, 2, 3]
    assert np.concatenate([first.bits, second.bits]).tolist() == [8.0] * 7
    assert second.spelling_bits.tolist() == [0.0] * 4


def test_stored_events_sum_to_the_bits_of_the_cell(tmp_path):
    directory = new_directory(tmp_path, (text(),))
    rng = np.random.default_rng(0)
    scores = [
        Score(score.ends, -rng.gamma(2, 3, len(score.ends)), 0 * score.logprobs) for score in Uniform().score(TEXTS)
    ]
    made = store_events(directory, cell("random"), scores)
    aligned = read_aligned(directory, [made, store_events(directory, cell("uniform"))], CORPUS)
    assert aligned.totals[0] == pytest.approx(read_documents(directory.folder(made.row))["bits"].sum(), rel=1e-6)
    assert aligned.totals[1] == 56
    assert aligned.models == ("random", "uniform")


def test_a_part_of_a_character_is_shown_as_a_replacement(tmp_path):
    directory = new_directory(tmp_path, (text(),))
    _, second = read_events(directory, store_events(directory, cell("uniform")), CORPUS)
    assert second.cut(np.array([[0, 3], [0, 2], [3, 4]])) == ["中", "�", "\n"]


def test_events_that_are_not_stored_are_named(tmp_path):
    directory = new_directory(tmp_path, (text(),))
    with pytest.raises(ResultsError, match="the events of uniform on c are not stored"):
        next(read_events(directory, cell("uniform"), CORPUS))


def test_a_cell_that_failed_amid_its_events_is_named(tmp_path):
    directory = new_directory(tmp_path, (text(),))
    folder = directory.new_work_folder()
    with ScoresFile(folder / SCORES, 4) as file:
        file.add(*join_groups(Uniform().score(TEXTS), TEXTS, range(1)))
    failed = write_cell(folder, broken_cell("uniform"), ())
    assert SCORES in failed.files
    with pytest.raises(ResultsError, match="the events of uniform on c are not stored"):
        next(read_events(directory, failed, CORPUS))
