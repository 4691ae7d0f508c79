import pickle
import tracemalloc
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from lmbench import SILENT, Score
from lmbench.backends.uniform import Uniform
from lmbench.errors import PluginError, ScoreError
from lmbench.metrics import TallyColumns, tally_joined
from lmbench.runs import scoring
from lmbench.runs.evaluation import TimedModel
from lmbench.runs.scoring import Batch, Events, Ready, Scored, Scoring, score_in_process
from tests.recording import Recorded

DOCUMENTS = ("ab\n", "", "中\n", "abcdefgh\n")


class DirectChannel:
    """Passes messages to a Scoring in the same process, pickled as between processes."""

    def __init__(self, receiver):
        self.receiver = receiver

    def ask(self, message):
        return self.receiver.receive(pickle.loads(pickle.dumps(message)))

    def send(self, message):
        self.ask(message)


class RecordingChannel(DirectChannel):
    """Also records the messages."""

    def __init__(self, receiver):
        super().__init__(receiver)
        self.messages = []

    def ask(self, message):
        self.messages.append(message)
        return super().ask(message)


class Collected:
    """Collects what is recorded: (number, document, ends, logprobs)."""

    def __init__(self):
        self.rows = []

    def __call__(self, numbers, documents, scores):
        borders = scores.borders.tolist()
        for row, (number, document) in enumerate(zip(numbers, documents, strict=True)):
            score = scores.score(borders[row], borders[row + 1])
            self.rows.append((number, document, score.ends.tolist(), score.logprobs.tolist()))


def scored(documents, numbers, model=None, **options):
    """Return what is recorded, and the channel, after a model has scored everything."""
    record = Collected()
    channel = RecordingChannel(Scoring(documents, numbers, record, SILENT, **options))
    score_in_process(TimedModel(model or Uniform()), channel)
    assert channel.receiver.is_done
    return record.rows, channel


def expected(documents, numbers):
    return [
        (number, document, score.ends.tolist(), score.logprobs.tolist())
        for number, document, score in zip(numbers, documents, Uniform().score(documents), strict=True)
    ]


@pytest.mark.parametrize("characters", [1, 4, 1 << 20])
def test_all_documents_get_their_scores(characters):
    rows, channel = scored(DOCUMENTS, range(4), batch_characters=characters)
    assert rows == expected(DOCUMENTS, range(4))
    batches = {1: 3, 4: 2, 1 << 20: 1}[characters]  # the empty document is scored with the next one
    assert sum(isinstance(message, Scored) for message in channel.messages) == batches


def test_documents_may_come_in_any_order():
    shuffled = [DOCUMENTS[number] for number in (2, 0, 3, 1)]
    assert scored(iter(shuffled), (2, 0, 3, 1))[0] == expected(shuffled, (2, 0, 3, 1))


def test_many_events_are_sent_in_parts(monkeypatch):
    monkeypatch.setattr(scoring, "_EVENTS_AT_ONCE", 4)
    rows, channel = scored(DOCUMENTS, range(4))
    assert rows == expected(DOCUMENTS, range(4))
    parts = [message for message in channel.messages if isinstance(message, Events)]
    assert [len(part.ends) for part in parts] == [4, 4, 4, 4]
    assert [part.counts is None for part in parts] == [True, True, True, False]


def test_progress_is_reported_before_each_batch():
    progress = Recorded()
    channel = DirectChannel(Scoring(DOCUMENTS, range(4), Collected(), progress, batch_characters=1))
    score_in_process(TimedModel(Uniform()), channel)
    assert progress.messages == [("score", 0.0), ("score", 0.25), ("score", 0.75)]


def test_a_model_gets_tuples():
    class Looks(Uniform):
        def score(self, documents):
            assert type(documents) is tuple
            return super().score(documents)

    scored(DOCUMENTS, range(4), Looks(), batch_characters=1)


def test_the_models_own_size_of_batches_is_kept():
    class Slow(Uniform):
        traits = Uniform.traits.__class__(batch_characters=1)

    assert sum(isinstance(message, Scored) for message in scored(DOCUMENTS, range(4), Slow())[1].messages) == 3


def events(counts, ends, **changes):
    arrays = {"ends": np.array(ends, dtype=int), "logprobs": np.zeros(len(ends)), "spelling": np.zeros(len(ends))}
    return Events(None if counts is None else np.array(counts), **(arrays | changes))


ONE = events([1, 0, 0, 0], [1])


@pytest.mark.parametrize(
    ("messages", "error"),
    [
        ([Scored()], "did not send one score for each document"),
        ([ONE], "did not send one score for each document"),
        ([Ready(0)], "did not send one score for each document"),
        ([Ready("1")], "did not send one score for each document"),
        ([Ready(9), Ready(9)], "did not send one score for each document"),
        ([Ready(99), Scored()], "did not send one score for each document"),
        ([Ready(99), events([1, 0, 0], [1]), Scored()], "did not send one score for each document"),
        ([Ready(99), ONE, ONE], "did not send one score for each document"),
        ([Ready(99), events([0, 0, 0, 0, 0], [])], "more scores than there are documents"),
        ([Ready(99), events(np.zeros(0, int), [])], "more scores than there are documents"),
        ([Ready(99), events([1], [1, 2])], "other events than it counted"),
        ([Ready(99), events([2], [1])], "other events than it counted"),
        ([Ready(99), events([2**62] * 4, [])], "other events than it counted"),
        ([Ready(99), events([-1, 2], [1])], "did not send one score"),
        ([Ready(99), events([1.0], [1])], "did not send one score"),
        ([Ready(99), replace(ONE, ends=np.array([1.0]))], "did not send one score"),
        ([Ready(99), events([1], [1], logprobs=np.zeros(2))], "did not send one score"),
        ([Ready(99), events([1], [1], logprobs=np.zeros((1, 1)))], "did not send one score"),
        ([Ready(99), events([1], [1], spelling=[0.0])], "did not send one score"),
    ],
)
def test_other_messages_are_refused(messages, error):
    asked = Scoring(DOCUMENTS, range(4), Collected(), SILENT)
    for message in messages[:-1]:
        asked.receive(message)
    with pytest.raises(PluginError, match=error):
        asked.receive(messages[-1])


def test_endless_events_are_refused():
    asked = Scoring(DOCUMENTS, range(4), Collected(), SILENT)
    assert asked.receive(Ready(99)) == Batch(range(4), DOCUMENTS)
    part = events(None, np.zeros(1 << 19, dtype=int))
    asked.receive(part)
    asked.receive(part)
    with pytest.raises(ScoreError, match="there are far more events than characters"):
        asked.receive(part)


def test_errors_name_the_document():
    class Wrong(Uniform):
        def score(self, documents):
            *others, last = super().score(documents)
            return [*others, Score(last.ends, last.logprobs.astype(str), last.spelling)]

    with pytest.raises(ScoreError, match="document 7: logprobs has the dtype"):
        scored(DOCUMENTS, (3, 9, 5, 7), Wrong())


class Lines(Sequence):
    """Documents that take up no memory."""

    def __init__(self, number):
        self.number = number

    def __len__(self):
        return self.number

    def __getitem__(self, index):
        return f"a line, the one with the number {range(self.number)[index]}\n"


def test_sums_of_many_documents_take_little_memory():
    """A document's row is at most 33 bytes, and nothing else of the document stays in memory."""

    def peak(number):
        def record(numbers, documents, scores):
            columns.add(tally_joined(documents, scores, numbers))

        tracemalloc.start()
        columns = TallyColumns(number)
        asked = Scoring(Lines(number), range(number), record, SILENT, batch_characters=1 << 16)
        score_in_process(TimedModel(Uniform()), DirectChannel(asked))
        taken = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return taken, columns.tally()

    (few, _), (many, counts) = peak(5_000), peak(10_000)
    assert counts.events[[0, -1]].tolist() == [len(Lines(10_000)[i]) for i in (0, -1)]
    assert many - few < 40 * 5_000
