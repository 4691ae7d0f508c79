"""The audit finds, on a text of its own choice, scores that the suite does not see."""

import math
import re

import numpy as np
import pytest

from lmbench import LanguageModel, NextEvents, Score, Split, TrainingText, Traits
from lmbench.checks.audit import audit
from lmbench.checks.sample import AuditSample
from lmbench.score import checked_scores
from tests.mutants import Bigram, Unigram

DOCUMENTS = tuple(f"The {word} sat on {number} mats, and Zoë's 汉字 cat saw {word}.\n" * 6
                  for number, word in enumerate(("dog", "owl", "hen", "newt"), start=1998))  # fmt: skip


def audited(kind, documents=DOCUMENTS, seed="0"):
    model = kind()
    model.prepare(TrainingText(Split(DOCUMENTS[:3]), Split(DOCUMENTS[:1])))
    scores = checked_scores(model.score(documents), documents)
    return audit(model, AuditSample(tuple(range(10, 10 + len(documents))), documents, tuple(scores), seed))


@pytest.mark.parametrize("kind", [Bigram, Unigram])
@pytest.mark.parametrize("seed", ["0", "1", "2"])
def test_correct_models_pass(kind, seed):
    found = audited(kind, seed=seed)
    assert found.failure == ""
    assert (found.documents, found.prefixes) == (4, 8)
    assert found.positions >= 30
    assert found.largest_difference < 1e-9
    assert found.largest_sum_error < 1e-9
    assert (found.spellings > 0) == (kind is Unigram)
    assert found.seconds > 0


def test_no_documents_and_empty_documents_pass():
    assert audited(Bigram, ()).failure == ""
    assert audited(Bigram, ("", "a\n", "")).failure == ""


class CheaperTheSecondTime(Bigram):
    """A document that was seen before costs half."""

    def __init__(self, options=None):
        super().__init__(options)
        self.seen = set()

    def costs(self, document):
        known = document in self.seen
        self.seen.add(document)
        return super().costs(document) * (0.5 if known else 1.0)


class PeeksAtOwls(Bigram):
    """Every event is cheaper if an owl comes later."""

    def costs(self, document):
        return super().costs(document) * (0.9 if "saw owl" in document else 1.0)


class FreeYears(Bigram):
    """Bytes of numbers above 1000 cost nothing; the distribution does not say so."""

    def costs(self, document):
        digits = np.array([byte in b"12089" for byte in document.encode()])
        return np.where(digits, 0.0, super().costs(document))


class HeavyNewts(Bigram):
    """The distribution sums to 1.5 after a newt, and the scores agree with it."""

    def costs(self, document):
        data, costs = document.encode(), super().costs(document).copy()
        for i in range(len(data)):
            costs[i] += math.log(1.5) * (b"newt" in data[:i])
        return np.minimum(costs, 0.0)

    def next_events(self, text):
        nexts = super().next_events(text)
        return NextEvents.of_bytes(np.minimum(nexts.logprobs + math.log(1.5) * ("newt" in text), 0.0))


class CheapSpelling(Unigram):
    """Spelling costs a tenth less than the letter model says."""

    def score(self, documents):
        return [Score(s.ends, s.logprobs - 0.1 * s.spelling, 0.9 * s.spelling) for s in super().score(documents)]


class Broken(Bigram):
    def next_events(self, text):
        raise ZeroDivisionError("no\nway")


class Unbounded(Bigram):
    score_tolerance = 1e9


@pytest.mark.parametrize(
    ("kind", "failure"),
    [
        (CheaperTheSecondTime, r"document \d+, scored in the run and alone: event 0 \(to byte 1\) is scored"),
        (
            PeeksAtOwls,
            r"document 1\d, cut at byte \d+, scored in the run and (as a prefix|before another ending): event 0",
        ),
        (FreeYears, r"document \d+, event \d+: after b'.*' the event b'\d' is scored 0\.000000"),
        (HeavyNewts, r"document 13, event \d+: the next events sum to 1\.[1-5]\d+"),
        (CheapSpelling, r"the spelling of b'.+' is charged -\d+\.\d+, but costs -\d+\.\d+ in the letter model"),
        (Broken, r"document \d+, event \d+: ZeroDivisionError: no way"),
        (Unbounded, "score_tolerance is 1000000000.0"),
    ],
)
def test_the_place_of_the_first_failure_is_named(kind, failure):
    found = audited(kind)
    assert re.search(failure, found.failure), found.failure
    assert "\n" not in found.failure


def test_a_model_without_a_distribution_is_audited_by_its_scores():
    class Closed(Bigram):
        next_events = LanguageModel.next_events

    class ClosedPeeks(PeeksAtOwls):
        next_events = LanguageModel.next_events

    assert (audited(Closed).failure, audited(Closed).positions) == ("", 0)
    assert "cut at byte" in audited(ClosedPeeks).failure


class HalfPriceLate(Bigram):
    """Every event after byte 32,768 costs half, as an overflow of a narrow integer might make it."""

    def costs(self, document):
        costs = super().costs(document)
        return np.where(np.arange(len(costs)) > 32_768, costs / 2, costs)


def test_long_documents_are_audited_as_far_as_they_go():
    document = DOCUMENTS[0] * 500
    assert audited(Bigram, (document,)).failure == ""
    for seed in map(str, range(5)):
        assert re.search(r"document 10, event \d{5,6}: after", audited(HalfPriceLate, (document,), seed).failure)


@pytest.mark.parametrize("batch_characters", [1, 400])
def test_a_model_that_wants_small_batches_is_audited(batch_characters):
    class Small(Bigram):
        traits = Traits(batch_characters=batch_characters)

        def score(self, documents):
            texts.extend(documents)
            return super().score(documents)

    texts, document = [], DOCUMENTS[0] * 50
    found = audited(Small, (document,))
    assert (found.failure, found.documents) == ("", 0)
    assert found.prefixes >= 3
    assert len([text for text in texts if len(text) <= 2_000 + 550]) >= 6  # near the beginning


def test_a_slow_model_is_audited_at_few_places(monkeypatch):
    """Known events are among them, and unknown ones."""
    import lmbench.checks.audit as module

    monkeypatch.setattr(module, "_SECONDS", 0.0)
    found = [audited(Unigram, seed=str(seed)) for seed in range(10)]
    assert {audit.documents + audit.prefixes for audit in found} == {4}
    assert {audit.positions for audit in found} == {10}
    assert 0 < sum(audit.spellings for audit in found) < 80


def test_a_score_that_hides_its_events_from_comparison_fails():
    """The last event of each text is split in two, so that no prefix has the events of the text."""

    class Splits(Bigram):
        def score(self, documents):
            scores = [self.split(score) for score in super().score(documents)]
            return [Score(s.ends, np.where(s.ends > 8, s.logprobs / 2, s.logprobs), s.spelling) for s in scores]

        def split(self, score):
            if not len(score.ends):
                return score
            return Score(
                np.append(score.ends, score.ends[-1]), np.append(score.logprobs, 0.0), np.append(score.spelling, 0.0)
            )

    assert re.search("of .* events cannot be compared", audited(Splits).failure)
