"""Checks of fitting, saving and describing a model."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from lmbench.checks.subject import Subject
from lmbench.checks.texts import EDGE_TEXTS, SAMPLE_TEXTS
from lmbench.checks.verdicts import NotApplicable, require
from lmbench.model import LanguageModel, Saveable, plain_traits
from lmbench.score import plain_scores
from lmbench.signature import Signature


def check_declaration(subject: Subject) -> None:
    """The model can be built, and declares that its scores are probabilities.

    If this fails, no other check runs.
    """
    require(
        plain_traits(subject.make().traits).normalized,
        "the model declares that its scores are not probabilities; it is never ranked with models whose are",
    )


def check_fit(subject: Subject) -> None:
    """The model can be fitted, or its weights loaded, and it then returns no scores for no documents.

    The suite runs this check first; if it fails, no other one can run.
    """
    model = subject.model
    require(isinstance(model, LanguageModel), f"{model!r} is not a LanguageModel")
    plain_scores(model.score(()), ())


def check_determinism(subject: Subject) -> None:
    """Fitting again with the same options gives the same scores.

    Catches unseeded initialization.
    """
    if subject.model.traits.pretrained:
        raise NotApplicable("the model is pretrained")
    again = subject.prepare(subject.corpus.training)
    for text, first, second in zip(
        SAMPLE_TEXTS, subject.score(*SAMPLE_TEXTS), plain_scores(again.score(SAMPLE_TEXTS), SAMPLE_TEXTS), strict=True
    ):
        subject.require_same(first, second, f"{text[:30]!r} by a model that was fitted again")


def check_save(subject: Subject) -> None:
    """A model that was saved and restored has the same scores and the same signature.

    Catches files that lack a part of what was learned, such as the vocabulary or the tokenizer.
    """
    saved, restored = subject.model, subject.make()
    if not (isinstance(saved, Saveable) and isinstance(restored, Saveable)):
        raise NotApplicable("the model cannot be saved")
    with TemporaryDirectory(prefix="lmbench-") as folder:
        saved.save(Path(folder))
        restored.restore(Path(folder))
    texts = (*SAMPLE_TEXTS, *EDGE_TEXTS.values())
    for text, first, second in zip(
        texts, subject.score(*texts), plain_scores(restored.score(texts), texts), strict=True
    ):
        subject.require_same(first, second, f"{text[:30]!r} by the saved model and by the restored one")
    before, after = str(subject.model.signature()), str(restored.signature())
    require(before == after, f"the signature {before} becomes {after}")


def check_signature(subject: Subject) -> None:
    """The model has a signature, and scoring does not change it.

    Catches a signature that raises, is empty, or is not a Signature.
    """
    before = subject.model.signature()
    require(isinstance(before, Signature), f"the signature is {before!r}, which is not a Signature")
    require(bool(before.parts), "the signature is empty")
    subject.score(*SAMPLE_TEXTS)
    after = subject.model.signature()
    require(before == after, f"the signature {before} is {after} after scoring")
