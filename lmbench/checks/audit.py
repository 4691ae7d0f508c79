"""Audit a fitted model on the text that it has scored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from lmbench.model import LanguageModel
from lmbench.score import Score


class Audit(BaseModel):
    """The results of an audit.

    Attributes:
        documents: The documents that were scored again, each alone.
        prefixes: The prefixes of documents that were scored, alone and before another ending.
        positions: The events whose distribution was examined.
        spellings: The unknown words whose spelling cost was compared with the letter model's.
        largest_difference: Nats by which two scores of the same event differ at most.
        largest_sum_error: The largest distance of a distribution's sum from 1.
        failure: What failed first and where, in one line; empty if the audit found nothing wrong.
        seconds: How long the audit took.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    documents: int = 0
    prefixes: int = 0
    positions: int = 0
    spellings: int = 0
    largest_difference: float = 0.0
    largest_sum_error: float = 0.0
    failure: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class AuditSample:
    """The documents of an audit, and the scores that the model gave them.

    Attributes:
        numbers: The numbers of the documents in the test split.
        documents: Their texts.
        scores: Their scores.
        seed: Seed of the random positions.
    """

    numbers: tuple[int, ...]
    documents: tuple[str, ...]
    scores: tuple[Score, ...]
    seed: str


def choose_documents(sizes: Sequence[int], seed: str) -> tuple[int, ...]:
    """Return the numbers of the documents to audit: the last one, and some others drawn in proportion to their size.

    Args:
        sizes: The size of each document of the test split.
        seed: Seed of the choice.
    """
    raise NotImplementedError


def audit(model: LanguageModel, sample: AuditSample) -> Audit:
    """Audit a fitted model."""
    raise NotImplementedError
