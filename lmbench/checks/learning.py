"""Checks of what a model has learned from."""

from __future__ import annotations

from lmbench.checks.subject import Subject
from lmbench.checks.texts import random_words
from lmbench.checks.verdicts import NotApplicable, require


def check_test_split(subject: Subject) -> None:
    """The words of the test split, which no model can have seen, cost as much as similar words.

    Catches models that find a way to read the test split while they are fitted.
    """
    if subject.model.traits.pretrained:
        raise NotApplicable("the model is pretrained")
    generator = subject.generator("test-split")
    similar = [" ".join(random_words(generator, 6)) + "\n" for _ in subject.corpus.test.documents]
    test = -sum(float(score.logprobs.sum()) for score in subject.score(*subject.corpus.test.documents))
    control = -sum(float(score.logprobs.sum()) for score in subject.score(*similar))
    require(test > 0.8 * control, f"the test split costs {test:.0f} nats, but similar words cost {control:.0f}")
