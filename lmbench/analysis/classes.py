"""Classes of words, and the bits that each model needs for the words of each class.

The frame has a row for each class and model:

- ``words``: words of the class in the test text, line ends included; a row that joins several words counts each.
- ``bits``: the bits of these words, with the white space before them. The classes sum to the bits of the cell.
- ``share``: their share of all bits of the model.
- ``bits_per_byte``: their bits over the bytes of the *whole* text, so that the classes sum to the bits per byte.
- ``bits_per_word``, ``low``, ``high``: bits / words with its 95 % interval, over documents or blocks of them.
- ``difference``, ``difference_low``, ``difference_high``: bits per word less those of the first model, paired.

Words that are one row because an event joins them have their class if all of them have the same one. If not, their
class is ``several``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import numpy as np

from lmbench.analysis.words import WordRows
from lmbench.arrays import Flags, Floats, Ints
from lmbench.chart import Axis, Chart, Line, Points, Series
from lmbench.statistics import estimate_sums

if TYPE_CHECKING:
    import pandas as pd

LINE_ENDS = "line end"
"""The class of line ends."""

UNKNOWN = "<unk>"
"""The word with which some corpora replace rare words, and its class."""

SEVERAL = "several"
"""The class of rows with words of different classes."""

_SEVERAL = " 'several' are words of different classes that an event of some model joins."
_ENDS = ("low", "high", "difference_low", "difference_high")


@dataclass(frozen=True, slots=True)
class Classes:
    """A class for each word.

    Attributes:
        names: The names of the classes, in the order of a table.
        numbers: (words,) the number of each word's class.
    """

    names: tuple[str, ...]
    numbers: Ints

    @classmethod
    def of_names(cls, names: Sequence[str]) -> Classes:
        """Return the classes with these names, (words,): the most frequent one first, and line ends last."""
        counts = Counter(names)
        order = sorted(counts, key=lambda name: (name == LINE_ENDS, -counts[name], name))
        places = {name: place for place, name in enumerate(order)}
        return cls(tuple(order), np.array([places[name] for name in names], dtype=np.int64))

    @classmethod
    def of_steps(cls, values: Ints, steps: Sequence[int], special: Mapping[str, Flags]) -> Classes:
        """Return the classes of words by a count, such as 0, 1, 2–5, 6–20, over 20.

        Args:
            values: (words,) the count of each word; none is below the first step.
            steps: The largest count of each class but the last.
            special: Names of classes for which the count does not matter, each with whether a word belongs to it,
                (words,).
        """
        numbers = np.searchsorted(steps, values)
        for place, chosen in enumerate(special.values()):
            numbers[chosen] = len(steps) + 1 + place
        return cls((*_name_steps(steps), *special), numbers)


@dataclass(frozen=True, slots=True)
class ClassPicture:
    """How classes are drawn.

    Attributes:
        title: A few words.
        description: One sentence about the chart.
        noun: A name for the classes, such as "part of speech".
        apart: If the classes are steps of a scale, which lines connect: those that are not. None if none are steps.
        scale: The scale of bits per word.
    """

    title: str
    description: str
    noun: str
    apart: tuple[str, ...] | None = None
    scale: Literal["linear", "log"] = "log"


def sum_classes(rows: WordRows, classes: Classes) -> pd.DataFrame:
    """Return the bits of each class under each model; classes without words are left out."""
    import pandas as pd

    names, numbers = (*classes.names, SEVERAL), _classify_rows(rows, classes)
    bits = _sum_each(rows.text.bits, rows, numbers, len(names))
    words = _sum_each(rows.counts, rows, numbers, len(names))
    entries = [
        {"class": name} | entry
        for place, name in enumerate(names)
        if words[place].any()
        for entry in _estimate_class(rows, bits[:, place], words[place])
    ]
    return pd.DataFrame(entries).astype(dict.fromkeys(_ENDS, float))  # None becomes NaN


def draw_classes(frame: pd.DataFrame, picture: ClassPicture) -> Chart:
    """Return the chart of bits per word in each class that `sum_classes` found.

    Intervals that reach below 0 are not drawn: they say nothing, and would leave no room for the others.
    """
    frame = frame.assign(**frame[["low", "high"]].where(frame["low"] > 0))
    return Chart(
        title=picture.title,
        description=picture.description + _SEVERAL * (SEVERAL in set(frame["class"])),
        x=Axis(picture.noun, scale="categories", categories=tuple(frame["class"].unique())),
        y=Axis("surprisal", "bits per word", scale=picture.scale),
        series=tuple(_make_series(frame, picture)),
    )


def _make_series(frame: pd.DataFrame, picture: ClassPicture) -> Iterator[Series]:
    """Yield a line for the steps of each model, and points for its other classes."""
    rows = list(zip(*(frame[name] for name in ("model", "class", "bits_per_word", "low", "high")), strict=True))
    apart = None if picture.apart is None else {*picture.apart, SEVERAL}
    for model in dict.fromkeys(row[0] for row in rows):
        for kind, are_steps in ((Line, True), (Points, False)):
            found = [row[1:] for row in rows if row[0] == model and _is_step(row[1], apart) == are_steps]
            if found:
                classes, values, low, high = zip(*found, strict=True)
                yield kind(model, classes, values, low, high)


def _is_step(name: str, apart: Set[str] | None) -> bool:
    return apart is not None and name not in apart


def _classify_rows(rows: WordRows, classes: Classes) -> Ints:
    """Return the number of each row's class, (rows,)."""
    firsts = rows.borders[:-1]
    lowest, highest = (reduce.reduceat(classes.numbers, firsts) for reduce in (np.minimum, np.maximum))
    return np.where(lowest == highest, lowest, len(classes.names))


def _sum_each(values: Floats | Ints, rows: WordRows, numbers: Ints, classes: int) -> Floats:
    """Return the sums of values over the rows of each class in each unit, (…, classes, units).

    Args:
        values: (…, rows).
        rows: The rows.
        numbers: (rows,) the number of each row's class.
        classes: How many classes there are.
    """
    text, documents = rows.text, len(rows.text.corpus.test.documents)
    places = numbers * documents + text.documents
    sums = [
        text.units.sum(np.bincount(places, row, classes * documents).reshape(classes, documents))
        for row in values.reshape(-1, len(text))
    ]
    return np.stack(sums).reshape(*values.shape[:-1], classes, -1)


def _estimate_class(rows: WordRows, bits: Floats, words: Floats) -> Iterator[dict[str, object]]:
    """Yield the numbers of each model for a class, whose bits in each unit are (models, units) and words (units,)."""
    text = rows.text
    estimates = estimate_sums(np.vstack([bits, bits - bits[0]]), words)
    for number, (model, total) in enumerate(zip(text.models, text.totals.tolist(), strict=True)):
        own, paired, sum_of_bits = estimates[number], estimates[number + len(bits)], float(bits[number].sum())
        yield {
            "model": model,
            "words": int(words.sum()),
            "bits": sum_of_bits,
            "share": sum_of_bits / total,
            "bits_per_byte": sum_of_bits / text.units.sizes.sum(),
            "bits_per_word": own.value,
            "low": own.low,
            "high": own.high,
            "difference": paired.value,
            "difference_low": paired.low,
            "difference_high": paired.high,
        }


def _name_steps(steps: Sequence[int]) -> Iterator[str]:
    yield f"{steps[0]:,}"
    for step, last in pairwise(steps):
        yield f"{last:,}" if last == step + 1 else f"{step + 1:,}–{last:,}"
    yield f"over {steps[-1]:,}"
