"""Checks that scores are probabilities: they sum to at most 1, and agree with the model's distributions."""

from __future__ import annotations

import numpy as np

from lmbench.checks.comparison import SUM_TOLERANCE
from lmbench.checks.events import require_own_distribution
from lmbench.checks.subject import Subject, SuspectsHistories, next_events, on_raw_text_too
from lmbench.checks.texts import HISTORIES, MIXED_TEXT
from lmbench.checks.verdicts import require


@on_raw_text_too
def check_normalization(subject: Subject) -> None:
    """The next-event distribution sums to 1 after seen, unseen and empty histories.

    Catches unnormalized back-off, `<s>` that keeps probability, and padding in a softmax. The check includes the
    histories that a model itself suspects, as `arpa` does with the worst ones of its file.
    """
    model = subject.model
    suspects = model.suspect_histories() if isinstance(model, SuspectsHistories) else ()
    for history in (*HISTORIES, *suspects):
        total = float(np.exp(next_events(model, history).logprobs).sum())
        require(abs(total - 1) <= SUM_TOLERANCE, f"after {history!r} the next events sum to {total:.7f}")


@on_raw_text_too
def check_chain_rule(subject: Subject) -> None:
    """Every event, apart from its spelling, is scored as the distribution after the text before it says, in nats.

    Catches log10 or log2 in one of the two, events scored from another history, and text that costs nothing: white
    space, digits, case.
    """
    require_own_distribution(subject.model, MIXED_TEXT)
