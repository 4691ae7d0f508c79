"""Calibration: whether a model's probabilities are the frequencies with which its events come true.

A distribution is **reliable** if, of all events to which the model ever gives about the probability p, the share p
occurs (Murphy, "A new vector partition of the probability score", Journal of Applied Meteorology 12, 1973). Classes of
p are powers of 2, and each event of each distribution counts, not only the one that the text has. Its **entropy is
right** if the surprisal of the text's events is, on average, the entropy of the distributions that predicted them
(Braverman et al., "Calibration, entropy rates, and memory in language models", ICML 2020). A model whose surprisal is
higher is overconfident. The source of a synthetic text is reliable by definition, up to chance, and so it is the oracle
against which to see how much chance there is (`source_predictions`).

The events are those of the model's distributions, in which all unknown words are one event; what their spelling costs
is left out. Both frames have a row for each class:

- ``class``: the largest probability of the class, or the least entropy in bits.
- ``events``: how many events of distributions, or how many distributions, are in the class.
- ``predicted``: their mean probability, or their mean entropy in bits.
- ``observed``: the share of them that occurred, or the mean surprisal in bits of the events that did.
- ``low``, ``high``: the 95 % interval of ``observed``, over documents.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lmbench.arrays import Floats
from lmbench.chart import Axis, Chart, Line, Points
from lmbench.corpora.synthetic.base import SyntheticSource
from lmbench.metrics import bits
from lmbench.prediction import Prediction
from lmbench.state import NextEvents
from lmbench.statistics import estimate_sums

if TYPE_CHECKING:
    import pandas as pd

_CLASSES = 40
"""Powers of 2; the last class has all smaller probabilities. Of entropies, whole bits."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Sums over the events of each document, in classes. Every array is (documents, classes).

    Attributes:
        events: How many events of distributions, or how many distributions.
        predicted: The sum of their probabilities, or of their entropies in bits.
        observed: How many of them occurred, or the sum of the surprisals in bits of those that did.
    """

    events: Floats
    predicted: Floats
    observed: Floats

    def describe(self, classes: Sequence[float]) -> pd.DataFrame:
        """Return the frame; classes without events are left out."""
        import pandas as pd

        rows = []
        for number in np.flatnonzero(self.events.sum(axis=0)).tolist():
            counts = self.events[:, number]
            [estimate] = estimate_sums(self.observed[None, :, number], counts)
            rows.append(
                {
                    "class": classes[number],
                    "events": int(counts.sum()),
                    "predicted": self.predicted[:, number].sum() / counts.sum(),
                    "observed": estimate.value,
                    "low": estimate.low,
                    "high": estimate.high,
                }
            )
        return pd.DataFrame(rows).astype({"low": float, "high": float})


def measure_calibration(documents: Iterable[Iterable[Prediction]]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the reliability of probabilities, and surprisals against entropies.

    Args:
        documents: The distributions over the events of each document, and the events, as `predict` yields them.
    """
    sums = [_sum_document(document) for document in documents]
    reliability, entropy = (Calibration(*np.stack(parts, axis=1)) for parts in zip(*sums, strict=True))
    return reliability.describe([2.0**-number for number in range(_CLASSES)]), entropy.describe(range(_CLASSES))


def draw_reliability(frame: pd.DataFrame, model: str) -> Chart:
    """Return the chart of the reliability of probabilities."""
    return _draw(
        frame,
        f"Reliability of {model}",
        "How often events occur to which the model gives about the same probability. The dashed line is perfect.",
        Axis("predicted", "probability", scale="log"),
        Axis("observed", "share", scale="log"),
    )


def draw_entropies(frame: pd.DataFrame, model: str) -> Chart:
    """Return the chart of surprisals against entropies."""
    return _draw(
        frame,
        f"Surprisal and entropy of {model}",
        "The mean surprisal of the text's events, by the entropy of the distributions that predicted them. The dashed "
        "line is perfect; a model above it is overconfident.",
        Axis("predicted entropy", "bits"),
        Axis("surprisal", "bits"),
    )


def source_predictions(source: SyntheticSource, document: str) -> Iterator[Prediction]:
    """Yield the distributions of a source over the symbols of one of its lines.

    Args:
        source: The source.
        document: The line, with its line end.
    """
    symbols, names = source.symbols(document), (*source.words, "\n")
    for place, (symbol, end) in enumerate(zip(symbols.tolist(), source.score(document).ends.tolist(), strict=True)):
        prefixes = [np.append(symbols[:place], other) for other in range(len(names))]
        logprobs = np.array([source.logprobs(prefix)[-1] for prefix in prefixes])
        yield Prediction(NextEvents(names, logprobs), symbol, end)


def _sum_document(predictions: Iterable[Prediction]) -> tuple[Floats, Floats]:
    """Return the sums of a document: both (3, classes), events, predicted and observed."""
    reliability, entropies = np.zeros((3, _CLASSES)), np.zeros((3, _CLASSES))
    for prediction in predictions:
        logprobs = prediction.following.logprobs
        possible = logprobs > -np.inf
        surprisals = bits(logprobs)
        classes = np.minimum(surprisals[possible], _CLASSES - 1).astype(np.int64)
        probabilities = np.exp2(-surprisals[possible])
        reliability[0] += np.bincount(classes, minlength=_CLASSES)
        reliability[1] += np.bincount(classes, probabilities, _CLASSES)
        surprisal = float(surprisals[prediction.event])
        reliability[2, min(int(surprisal), _CLASSES - 1)] += 1
        entropy = float(probabilities @ surprisals[possible])
        entropies[:, min(int(entropy), _CLASSES - 1)] += 1, entropy, surprisal
    return reliability, entropies


def _draw(frame: pd.DataFrame, title: str, description: str, x: Axis, y: Axis) -> Chart:
    ends = (float(frame["predicted"].min()), float(frame["predicted"].max()))
    columns = {name: tuple(frame[name]) for name in ("low", "high")}
    return Chart(
        title=title,
        description=description,
        x=x,
        y=y,
        series=(
            Line("perfect", ends, ends, is_dashed=True),
            Points("observed", tuple(frame["predicted"]), tuple(frame["observed"]), **columns),
        ),
    )
