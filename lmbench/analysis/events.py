"""The events of a model with the documents that they spell: those of a stored cell, or of a model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from lmbench.arrays import Floats, Ints
from lmbench.corpus import Corpus, batches
from lmbench.errors import ResultsError
from lmbench.metrics import bits
from lmbench.model import LanguageModel
from lmbench.runs.cell_files import DOCUMENTS, SCORES, read_documents, read_scores
from lmbench.runs.records import Cell
from lmbench.runs.store import RunDirectory
from lmbench.score import checked_scores
from lmbench.words.spans import cut


@dataclass(frozen=True, slots=True)
class ScoredDocument:
    """A document with the bits of its events.

    Attributes:
        number: The number of the document.
        text: The document.
        ends: (events,) byte offset at which each event's text ends.
        bits: (events,) bits of each event.
        spelling_bits: (events,) the part of them that spelled an unknown word.
    """

    number: int
    text: str
    ends: Ints
    bits: Floats
    spelling_bits: Floats

    @property
    def starts(self) -> Ints:
        """The byte offset at which each event's text starts, (events,)."""
        return np.concatenate([[0], self.ends])[: len(self.ends)]

    def cut(self, spans: Ints) -> list[str]:
        """Return the texts between byte offsets, (spans, 2). A part of a character becomes a replacement."""
        return cut(self.text, spans)


def are_stored(cell: Cell) -> bool:
    """Return whether the events of a cell are stored."""
    return {SCORES, DOCUMENTS} <= cell.files.keys()


def read_events(directory: RunDirectory, cell: Cell, corpus: Corpus) -> Iterator[ScoredDocument]:
    """Yield the documents of a cell with their events.

    Args:
        directory: The run.
        cell: The cell.
        corpus: Its corpus, whose test split was scored.

    Raises:
        ResultsError: The events are not stored, or not all of them, because the cell failed.
    """
    if not are_stored(cell):
        raise ResultsError(f"the events of {cell.label} on {cell.corpus} are not stored")
    folder = directory.folder(cell.row)
    scores, counts = read_scores(folder), read_documents(folder)["events"]
    borders = np.concatenate([[0], np.cumsum(counts)]).tolist()
    for number, text in enumerate(corpus.test.documents):
        rows = slice(borders[number], borders[number + 1])
        yield ScoredDocument(
            number=number,
            text=text,
            ends=np.cumsum(scores["bytes"][rows], dtype=np.int64),
            bits=scores["bits"][rows].astype(np.float64),
            spelling_bits=scores["spelling_bits"][rows].astype(np.float64),
        )


def score_documents(model: LanguageModel, corpus: Corpus) -> Iterator[ScoredDocument]:
    """Yield the documents of a test split with the events of a model that is ready to score.

    Raises:
        ScoreError: The model breaks the scoring contract.
    """
    number = 0
    for texts in batches(corpus.test.documents, model.traits.batch_characters):
        for text, score in zip(texts, checked_scores(model.score(texts), texts), strict=True):
            yield ScoredDocument(number, text, score.ends, bits(score.logprobs), bits(score.spelling))
            number += 1
