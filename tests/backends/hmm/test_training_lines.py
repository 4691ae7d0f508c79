import numpy as np
import pytest

from lmbench import Split, TrainingText
from lmbench.backends.hmm.options import HmmOptions
from lmbench.backends.hmm.training_lines import TrainingLines, first_events
from lmbench.errors import CorpusError


def test_both_splits_are_encoded(english):
    lines = TrainingLines.read(english, HmmOptions())
    assert lines.symbols == len(lines.lexicon)
    assert lines.events == sum(map(len, lines.lexicon.lines(english.train.documents)))
    assert [line.tolist() for line in lines.scored] == [line.tolist() for line in lines.valid]


def test_an_empty_training_split_is_an_error():
    with pytest.raises(CorpusError, match="the training split is empty"):
        TrainingLines.read(TrainingText(Split(()), Split(())), HmmOptions())


def test_the_first_events():
    lines = [np.arange(4), np.arange(2), np.arange(9), np.arange(3)]
    assert [line.tolist() for line in first_events(lines, 7)] == [[0, 1, 2, 3], [0, 1], [0]]
    assert [len(line) for line in first_events(lines[:1], 7)] == [4]
    assert first_events([], 7) == []


def test_long_validation_splits_are_scored_in_part(english, monkeypatch):
    monkeypatch.setattr("lmbench.backends.hmm.training_lines._SCORED_EVENTS", 3)
    lines = TrainingLines.read(english, HmmOptions())
    assert sum(map(len, lines.scored)) == 3
    assert sum(map(len, lines.valid)) == 7
