"""Several models on one text: the spans at whose ends an event of each model ends.

Models cut a text into events of their own: words, pieces, tokens of BPE, bytes. The bits of one event do not compare
with those of another. The bits of a span do, if it begins and ends with events of all models, since they then spell the
same bytes. The spans tile each document, so that their bits sum to those of the text. They are exact for every
tokenizer, and the shortest ones that are: the last byte of a document always ends one. An event without bytes belongs
to the span after it, or to the last one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from lmbench.analysis.events import ScoredDocument, read_events
from lmbench.arrays import AnyFloats, Flags, Floats, Ints
from lmbench.corpora.on_disk import measure_sizes
from lmbench.corpus import Corpus
from lmbench.errors import ResultsError
from lmbench.runs.records import Cell
from lmbench.runs.store import RunDirectory
from lmbench.statistics import Units
from lmbench.words.spans import cut

_MOST_UNITS = 200


@dataclass(frozen=True)
class AlignedText:
    """A test text in rows that tile each document, with the bits of each model.

    Attributes:
        corpus: The corpus, whose test split the rows tile.
        models: The labels of the models.
        documents: (rows,) the number of each row's document; it never falls.
        starts: (rows,) the byte offset in the document at which each row starts.
        ends: (rows,) the byte offset at which it ends.
        bits: (models, rows).
    """

    corpus: Corpus
    models: tuple[str, ...]
    documents: Ints
    starts: Ints
    ends: Ints
    bits: Floats

    def __len__(self) -> int:
        return len(self.ends)

    @cached_property
    def totals(self) -> Floats:
        """The bits of each model, (models,)."""
        totals: Floats = self.bits.sum(axis=1)
        return totals

    def sum_documents(self, values: AnyFloats | Ints) -> Floats:
        """Return the sums over each document, (…, documents), of values of each row, (…, rows)."""
        count = len(self.corpus.test.documents)
        sums = [np.bincount(self.documents, row, count) for row in values.reshape(-1, len(self))]
        return np.stack(sums).reshape(*values.shape[:-1], count).astype(np.float64)

    @cached_property
    def units(self) -> Units:
        """What is resampled: documents, or blocks of them. Neighbors are joined to at most 200, to save time."""
        lines = np.array([document.count("\n") for document in self.corpus.test.documents])
        units = Units.choose(self.sum_documents(self.bits), measure_sizes(self.corpus.test.documents), lines)
        if len(units.starts) <= _MOST_UNITS:
            return units
        firsts = np.arange(_MOST_UNITS) * len(units.starts) // _MOST_UNITS
        return replace(units, starts=units.starts[firsts], sizes=np.add.reduceat(units.sizes, firsts))

    def cut(self, documents: Ints, spans: Ints) -> Iterator[str]:
        """Yield the texts between byte offsets, (spans, 2), of these documents, (spans,), whose numbers never fall."""
        firsts = np.flatnonzero(np.diff(documents, prepend=-1))
        for document, part in zip(documents[firsts].tolist(), np.split(spans, firsts[1:]), strict=False):
            yield from cut(self.corpus.test.documents[document], part)

    def merge(self, borders: Ints) -> AlignedText:
        """Return the text in fewer rows.

        Args:
            borders: (new rows + 1,) the number of rows before each new one, and in all. No new row is empty.
        """
        first, last = borders[:-1], borders[1:] - 1
        return replace(
            self,
            documents=self.documents[first],
            starts=self.starts[first],
            ends=self.ends[last],
            bits=np.add.reduceat(self.bits, first, axis=1) if len(first) else self.bits[:, :0],
        )


def read_aligned(directory: RunDirectory, cells: Sequence[Cell], corpus: Corpus) -> AlignedText:
    """Return the aligned events of some cells of a run.

    Args:
        directory: The run.
        cells: Cells of one corpus.
        corpus: The corpus.

    Raises:
        ResultsError: The events of a cell are not stored, or its scores are not probabilities.
    """
    for cell in cells:
        if cell.pseudo:
            raise ResultsError(f"the scores of {cell.label} are not probabilities of a text; leave it out")
    return align({cell.label: read_events(directory, cell, corpus) for cell in cells}, corpus)


def align(models: Mapping[str, Iterable[ScoredDocument]], corpus: Corpus) -> AlignedText:
    """Return the spans at whose ends an event of each model ends.

    Args:
        models: The documents of the test split with the events of each model, by label; at least one.
        corpus: The corpus.
    """
    sizes = measure_sizes(corpus.test.documents)
    firsts = np.cumsum(sizes + 1) - (sizes + 1)  # a position more than bytes, so that no two documents share one
    events = [_join(documents, firsts) for documents in models.values()]
    lasts = firsts + sizes
    shared = _find_shared([positions for positions, _ in events], firsts, lasts)
    numbers = np.searchsorted(lasts, shared)
    ends, is_last = shared - firsts[numbers], shared == lasts[numbers]
    return AlignedText(
        corpus=corpus,
        models=tuple(models),
        documents=numbers,
        starts=np.where(np.diff(numbers, prepend=-1) > 0, 0, np.append(0, ends[:-1])),
        ends=ends,
        bits=np.stack([_sum_between(*each, shared, is_last) for each in events]),
    )


def _join(documents: Iterable[ScoredDocument], firsts: Ints) -> tuple[Ints, Floats]:
    """Return the positions at which the events of all documents end, and their bits."""
    read = list(documents)
    positions = [scored.ends + first for scored, first in zip(read, firsts.tolist(), strict=True)]
    return np.concatenate(positions), np.concatenate([scored.bits for scored in read])


def _find_shared(models: Sequence[Ints], firsts: Ints, lasts: Ints) -> Ints:
    """Return the positions at which an event of each model ends, and the last one of each document."""
    shared = np.ones(lasts[-1] + 1, dtype=np.bool_)
    for positions in models:
        is_end = np.zeros_like(shared)
        is_end[positions] = True
        shared &= is_end
    shared[firsts], shared[lasts] = False, True
    return np.flatnonzero(shared)


def _sum_between(positions: Ints, bits: Floats, shared: Ints, is_last: Flags) -> Floats:
    """Return the bits of the events of each span, (spans,)."""
    first = np.searchsorted(positions, shared) + 1
    borders = np.where(is_last, np.searchsorted(positions, shared, side="right"), first)
    sums = np.append(0.0, np.cumsum(bits))[borders]
    return np.maximum(np.diff(sums, prepend=0.0), 0.0)  # rounding leaves some just below 0
