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


def test_a_model_is_fitted_on_the_same_text_twice():
    subject = Subject(OnRawText)
    assert (subject.model.raw, subject.raw_model.raw) == (False, True)
    assert subject.corpus.training.train == subject.raw.corpus.training.train


def test_a_pretrained_model_is_examined_once():
    class Loaded(Bigram):
        traits = Traits(weights="pretrained")

        def load(self, progress):
            super().fit(Subject(Bigram).corpus.training)

    subject = Subject(Loaded)
    assert subject.raw is subject
    assert subject.raw_model is subject.model
