"""The passages on which two models differ most, and their words with the bits of both.

A passage is a stretch of words of one document on which the first model needs clearly more bits than the second one.
The score of a word is the difference of its bits less a threshold for each of its bytes, and passages are the maximal
segments of these scores: those that have a higher sum than each of their parts, and are not in a longer one that does
(Ruzzo and Tompa, "A linear time algorithm for finding all maximal scoring subsequences", ISMB 1999). They are disjoint,
hold all words with a score above 0, and each beginning and each end of one has a sum above 0. The default threshold is
half a bit per byte above the difference on the whole text, so that a model that is worse everywhere does not have one
passage as long as the text. For passages on which the second model needs more, swap the two.

The frame has a row for each passage, the one with the highest score first, and a last row for the rest of the text, so
that the bits sum to those of the cell:

- ``document``, ``start``, ``end``: the document, and the byte offsets in it; −1 for the rest.
- ``words``, ``bytes``: how many, white space before words included in the bytes.
- ``bits``, ``other_bits``: the bits of the first model and of the second one.
- ``score``: bits above the threshold.
- ``text``: the words; empty for the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from lmbench.analysis.words import WordRows
from lmbench.arrays import Floats, Ints
from lmbench.chart import Axis, Bars, Chart

if TYPE_CHECKING:
    import pandas as pd

ABOVE = 0.5
"""Bits per byte by which the difference on a passage exceeds that on the whole text, at least."""

_LONGEST_LABEL = 40  # characters


def find_passages(rows: WordRows, model: str, other: str, above: float = ABOVE) -> pd.DataFrame:
    """Return the passages on which a model needs more bits than another one.

    Args:
        rows: The words of the text under both models.
        model: The label of the model that needs more bits.
        other: The label of the other one.
        above: Bits per byte above the difference on the whole text.
    """
    import pandas as pd

    text = rows.text
    bits, others = (text.bits[text.models.index(label)] for label in (model, other))
    sizes = text.ends - text.starts
    scores = bits - others - ((bits - others).sum() / sizes.sum() + above) * sizes
    borders = np.array(list(_find_segments(scores, text.documents)), dtype=np.int64).reshape(-1, 2)
    columns = {"words": rows.counts, "bytes": sizes, "bits": bits, "other_bits": others, "score": scores}
    sums = {name: _sum_within(values, borders) for name, values in columns.items()}
    spans = np.stack([rows.spans[borders[:, 0], 0], rows.spans[borders[:, 1] - 1, 1]], axis=1)
    places = {"document": text.documents[borders[:, 0]], "start": spans[:, 0], "end": spans[:, 1]}
    frame = pd.DataFrame(places | sums | {"text": list(text.cut(places["document"], spans))})
    frame = frame.sort_values("score", ascending=False, kind="stable")
    rest = {name: values.sum() - sums[name].sum() for name, values in columns.items()}
    return pd.concat(
        [frame, pd.DataFrame([{"document": -1, "start": -1, "end": -1, **rest, "text": ""}])], ignore_index=True
    )


def tabulate_passage(rows: WordRows, document: int, start: int, end: int) -> pd.DataFrame:
    """Return the words of a passage, with a column of bits for each model.

    Args:
        rows: The words of the text.
        document: The number of the document.
        start: The byte offset at which the first word starts.
        end: The byte offset at which the last one ends.
    """
    import pandas as pd

    spans = rows.spans
    chosen = np.flatnonzero((rows.text.documents == document) & (spans[:, 0] >= start) & (spans[:, 1] <= end))
    words = list(rows.text.cut(rows.text.documents[chosen], spans[chosen]))
    bits = dict(zip(rows.text.models, rows.text.bits[:, chosen], strict=True))
    return pd.DataFrame({"word": words, "start": spans[chosen, 0], "end": spans[chosen, 1], **bits})


def draw_passages(frame: pd.DataFrame, model: str, other: str, most: int = 10) -> Chart:
    """Return the chart of the passages with the highest scores.

    Args:
        frame: The frame of `find_passages`.
        model: The label of the model that needs more bits.
        other: The label of the other one.
        most: How many passages are shown.
    """
    part = frame[frame["document"] >= 0].head(most)
    texts = enumerate(part["text"], start=1)
    names = tuple(f"{number}. {_shorten(text)}" for number, text in texts)  # numbers make equal texts differ
    return Chart(
        title=f"Where {model} loses most to {other}",
        description=f"The bits of both models for the passages on which {model} exceeds {other} most.",
        x=Axis("surprisal", "bits"),
        y=Axis("passage", scale="categories", categories=names),
        series=(Bars(model, tuple(part["bits"]), names), Bars(other, tuple(part["other_bits"]), names)),
    )


def find_maximal_segments(scores: Iterable[float]) -> list[tuple[int, int]]:
    """Return the places at which the maximal segments of some scores start and end.

    This is the algorithm of Ruzzo and Tompa: candidates are kept in order, each with the sum before it and the sum up
    to its end, and with the number of the last candidate before it whose sum before is lower.
    """
    candidates: list[tuple[int, int, float, float, int]] = []  # start, end, sum before, sum up to the end, lower one
    total = 0.0
    for place, score in enumerate(scores):
        before, total = total, total + score
        if score <= 0:
            continue
        start, lower = place, len(candidates) - 1
        while True:
            while lower >= 0 and candidates[lower][2] >= before:
                lower = candidates[lower][4]
            if lower < 0 or candidates[lower][3] >= total:
                break
            start, _, before, _, next_lower = candidates[lower]
            del candidates[lower:]
            lower = next_lower
        candidates.append((start, place + 1, before, total, lower))
    return [(start, end) for start, end, *_ in candidates]


def _find_segments(scores: Floats, documents: Ints) -> Iterator[tuple[int, int]]:
    """Yield the maximal segments of each document, as numbers of rows."""
    firsts = np.flatnonzero(np.diff(documents, prepend=-1)).tolist()
    for first, last in zip(firsts, [*firsts[1:], len(scores)], strict=True):
        for start, end in find_maximal_segments(scores[first:last].tolist()):
            yield first + start, first + end


def _sum_within(values: Floats | Ints, borders: Ints) -> Floats | Ints:
    """Return the sums of values between borders, (segments,)."""
    sums = np.concatenate([np.zeros(1, dtype=values.dtype), np.cumsum(values)])
    within: Floats | Ints = sums[borders[:, 1]] - sums[borders[:, 0]]
    return within


def _shorten(text: str) -> str:
    shown = " ".join(text.split())
    return shown if len(shown) <= _LONGEST_LABEL else f"{shown[: _LONGEST_LABEL - 1]}…"
