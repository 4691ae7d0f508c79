"""The audit finds, on a text of its own choice, scores that the suite does not see."""

import math

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
    import re

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


def test_long_documents_are_audited_by_their_prefixes():
    class Slow(Bigram):
        traits = Traits(batch_characters=400)  # of which the audit scores 100 characters at once

        def score(self, documents):
            texts.extend(documents)
            return super().score(documents)

    texts = []
    found = audited(Slow)
    assert found.failure == ""
    assert max(map(len, texts[len(DOCUMENTS) :])) <= 100 + 550
    assert found.documents == 0
    assert found.prefixes == 12


def test_a_slow_model_is_audited_at_few_places(monkeypatch):
    import lmbench.checks.audit as module

    monkeypatch.setattr(module, "_SECONDS", 0.0)
    found = audited(Bigram)
    assert found.documents + found.prefixes == 4
    assert 4 <= found.positions <= 8  # some of the 8 are inside characters
