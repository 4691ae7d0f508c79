"""Checks that a network computes numbers: weights may be damaged, and half precisions overflow."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from lmbench.errors import ScoreError
from lmbench.printable import printable
from lmbench.score import Score


def check_logits(logits: torch.Tensor, model: Any) -> None:
    """Check that no logit is NaN or infinite; minus infinity is allowed, since some models exclude tokens with it.

    Raises:
        ScoreError: One is.
    """
    if bool(torch.isnan(logits).any() or torch.isposinf(logits).any()):
        raise ScoreError(_describe(model))


def check_finite(score: Score, document: str, model: Any) -> Score:
    """Return the score of a document if every log-probability is finite.

    Raises:
        ScoreError: One is not. The message names the event.
    """
    wrong = ~np.isfinite(score.logprobs)
    if not wrong.any():
        return score
    event = int(np.argmax(wrong))
    start, end = (int(score.ends[event - 1]) if event else 0), int(score.ends[event])
    text = document.encode()[start:end].decode(errors="replace")
    problem = _describe(model)
    if np.isneginf(score.logprobs[event]) and model.dtype == torch.float32:
        problem = f"'{printable(model.name_or_path)}' gives the event no probability"
    raise ScoreError(f"event {event} ({text!r}, byte {start}): {problem}")


def _describe(model: Any) -> str:
    half = model.dtype != torch.float32
    remedy = "try dtype=float32" if half else "its weights are damaged, or the network overflows"
    return f"the logits of '{printable(model.name_or_path)}' are not finite; {remedy}"
