"""Whole distributions of two models with the same events, compared event by event.

The measures are those that llama.cpp's perplexity tool prints with ``--kl-divergence``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lmbench.arrays import Flags, Floats
from lmbench.errors import LmbenchError
from lmbench.model import LanguageModel
from lmbench.prediction import Prediction, predict
from lmbench.progress import SILENT, Progress
from lmbench.state import NextEvents


@dataclass(frozen=True, slots=True)
class Divergence:
    """How far the distributions of a model are from those of a baseline, for each event of a text.

    Attributes:
        nats: (events,) the Kullback-Leibler divergence KL(baseline ‖ model), in nats; infinite if the model gives an
            event no probability that the baseline considers possible.
        changes: (events,) the probability of the text's event: the model's less the baseline's.
        agreements: (events,) whether both models consider the same event the most likely one.
    """

    nats: Floats
    changes: Floats
    agreements: Flags

    @property
    def root_mean_square(self) -> float:
        """The root of the mean square of the changes of probability."""
        return float(np.sqrt(np.mean(self.changes**2)))

    @property
    def agreement(self) -> float:
        """The share of events for which both models consider the same event the most likely one."""
        return float(np.mean(self.agreements))


def compare_distributions(
    model: LanguageModel, baseline: LanguageModel, documents: Sequence[str], progress: Progress = SILENT
) -> Divergence:
    """Compare two models that are ready to score, for each event of some documents.

    Raises:
        LmbenchError: The models do not have the same events, or do not offer distributions.
    """
    rows = []
    for number, document in enumerate(documents):
        progress(f"document {number + 1} of {len(documents)}", number / len(documents))
        pairs = zip(predict(model, document), predict(baseline, document), strict=False)
        rows += [_compare(*pair) for pair in _require_same_events(pairs)]
    if not rows:
        raise LmbenchError("the text is empty: there are no events to compare")
    nats, changes, agreements = zip(*rows, strict=True)
    return Divergence(np.array(nats), np.array(changes), np.array(agreements))


def _compare(model: Prediction, baseline: Prediction) -> tuple[float, float, bool]:
    """Return an event's divergence in nats, its change of probability, and whether the most likely events agree."""
    ours, theirs = model.following.logprobs, baseline.following.logprobs
    probabilities = np.exp(theirs)
    possible = probabilities > 0  # some finite logarithms are those of numbers too small for a float
    nats = float(np.sum(probabilities[possible] * (theirs[possible] - ours[possible])))
    change = float(np.exp(ours[model.event]) - np.exp(theirs[baseline.event]))
    return max(nats, 0.0), change, bool(np.argmax(ours) == np.argmax(theirs))  # rounding leaves some just below 0


def _require_same_events(pairs: Iterator[tuple[Prediction, Prediction]]) -> Iterator[tuple[Prediction, Prediction]]:
    """Yield pairs of predictions whose events are the same.

    Raises:
        LmbenchError: They differ.
    """
    compared: tuple[NextEvents, NextEvents] | None = None
    for model, baseline in pairs:
        events = model.following, baseline.following
        if compared is None or any(one.names is not other.names for one, other in zip(compared, events, strict=True)):
            _require_same_vocabulary(*events)
            compared = events
        if (model.event, model.end) != (baseline.event, baseline.end):
            raise LmbenchError(
                f"the models cut the text into different events: at byte {min(model.end, baseline.end)} only one "
                "of them ends"
            )
        yield model, baseline


def _require_same_vocabulary(model: NextEvents, baseline: NextEvents) -> None:
    sizes = len(model.names), len(baseline.names)
    if (model.names, model.spellings) != (baseline.names, baseline.spellings):
        differ = f"{sizes[0]:,} and {sizes[1]:,} events" if sizes[0] != sizes[1] else "other events"
        raise LmbenchError(f"the models have different vocabularies ({differ}), so their distributions do not compare")
