"""Checks that examine the model fitted on raw text as well."""

import numpy as np
import pytest

from lmbench import SILENT, NextEvents, Traits
from lmbench.checks import Subject
from tests.checks.outcomes import outcome_of
from tests.mutants import Bigram


class OnRawText(Bigram):
    """A bigram model with another bug in its raw path in each test."""

    raw = False

    def fit(self, data, progress=SILENT):
        self.raw = not data.tokenized
        super().fit(data)


class Unnormalized(OnRawText):
    def next_events(self, text):
        nexts = super().next_events(text)
        return NextEvents(nexts.names, nexts.logprobs - self.raw, nexts.spellings)


class HalfTheCosts(OnRawText):
    def costs(self, document):
        return super().costs(document) / (1 + self.raw)


class PeeksOnRawText(OnRawText):
    def costs(self, document):
        following = np.append(list(document.encode())[1:], 0)[: len(document.encode())]
        return super().costs(document) * np.where(self.raw & (following > 96), 0.5, 1.0)


class CountsPadding(OnRawText):
    def score(self, documents):
        scores, longest = super().score(documents), max(map(len, documents), default=0)
        for score, document in zip(scores, documents, strict=True):
            score.logprobs[-1:] -= self.raw * 0.1 * (longest - len(document))
        return scores


@pytest.mark.parametrize(
    ("model", "check"),
    [
        (Unnormalized, "normalization"),
        (HalfTheCosts, "chain-rule"),
        (HalfTheCosts, "step-by-step"),
        (PeeksOnRawText, "causality"),
        (CountsPadding, "batches"),
    ],
)
def test_a_mistake_in_raw_text_alone_is_caught(model, check):
    assert outcome_of(check, model).detail.startswith("fitted on raw text: ")


class Crashes(OnRawText):
    def next_events(self, text):
        return super().next_events(text) if not self.raw else {}["raw"]


def test_a_crash_on_raw_text_alone_says_so():
    crash = outcome_of("normalization", Crashes)
    assert (crash.status, crash.detail, crash.crashed) == ("fail", "fitted on raw text: KeyError: 'raw'", True)


@pytest.mark.parametrize("message", ["no distribution", ""])
def test_each_half_of_a_check_runs_even_if_the_other_one_does_not_apply(message):
    class OnlyOne(OnRawText):
        raw_has_one = False

        def next_events(self, text):
            if self.raw is not self.raw_has_one:
                raise NotImplementedError(message)
            return super().next_events(text)

    class OnlyWrongOnRawText(Unnormalized, OnlyOne):
        raw_has_one = True

    only_tokenized = outcome_of("normalization", OnlyOne)
    assert (only_tokenized.status, only_tokenized.detail) == ("n/a", f"fitted on raw text: {message}")
    assert outcome_of("normalization", OnlyWrongOnRawText).status == "fail"
    OnlyOne.raw_has_one = True
    only_raw = outcome_of("normalization", OnlyOne)
    assert (only_raw.status, only_raw.detail) == ("n/a", message)


def test_a_model_is_fitted_on_the_same_text_twice():
    subject = Subject(OnRawText)
    assert (subject.model.raw, subject.raw.model.raw) == (False, True)
    assert subject.corpus.training.train == subject.raw.corpus.training.train


def test_a_pretrained_model_is_examined_once():
    class Loaded(Bigram):
        traits = Traits(weights="pretrained")

        def load(self, progress):
            super().fit(Subject(Bigram).corpus.training)

    subject = Subject(Loaded)
    assert subject.raw is subject
