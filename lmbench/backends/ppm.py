"""Prediction by partial matching: the model of the PPM compressors, over bytes.

Written as a plugin would be, with lmbench's public names alone.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from lmbench import (
    SILENT,
    Footprint,
    LanguageModel,
    ModelOptions,
    ModelState,
    NextEvents,
    Progress,
    Score,
    Signature,
    TrainingText,
)

Row = dict[int, int]  # the bytes seen after one context, and their counts
Grams = NDArray[np.uint64]

_LONGEST = 7  # bytes of context: with the byte after them they fill the 64 bits of a gram


class PpmOptions(ModelOptions):
    """Options of the ppm model."""

    order: int = Field(7, ge=0, le=_LONGEST, description="bytes of the longest context")
    escape: Literal["c", "d"] = Field("d", description="escape method: c (Moffat 1990) or d (Howard 1993)")
    adaptive: bool = Field(True, description="learn each byte once it is scored, and forget it after its document")


class Ppm(LanguageModel):
    """Prediction by partial matching over bytes, with full exclusions and update exclusion.

    A byte is predicted in the longest context that has been seen before; where it is new there, the model pays for an
    escape to the next shorter context, in which the bytes that it escaped from are excluded; below the empty context,
    all bytes that are left are equally likely. Let c(x) be the count of x in a context, and d the number of bytes seen
    there, the excluded ones too. In method C, w(x) = c(x) and e = d (Moffat 1990); in method D, w(x) = c(x) - 1/2 and
    e = d/2 (Howard 1993). With W the sum of w over the bytes seen and not excluded,

        P(x | context) = w(x) / (W + e)        P(escape | context) = e / (W + e).

    A byte is counted in the longest context that it was predicted in and in all longer ones, not in shorter ones
    (update exclusion: Bell, Cleary and Witten 1990). The history is the document from its first byte, across lines;
    contexts are shorter at its beginning. An adaptive model learns each byte of a document after scoring it.
    """

    Options: ClassVar[type[ModelOptions]] = PpmOptions
    options: PpmOptions

    def fit(self, data: TrainingText, progress: Progress = SILENT) -> None:
        texts = [document.encode() for document in data.train.documents]
        self._tables = _count(texts, self.options.order, progress)

    def score(self, documents: Sequence[str]) -> list[Score]:
        return [self._score(document.encode()) for document in documents]

    def _score(self, text: bytes) -> Score:
        reader = self._reader()
        logprobs = np.zeros(len(text))
        for i, byte in enumerate(text):
            logprobs[i] = reader.logprob(byte)
            reader.advance(byte)
        return Score(np.arange(1, len(text) + 1), logprobs, np.zeros(len(text)))

    def state_after(self, text: str) -> ModelState:
        reader = self._reader()
        for byte in text.encode():
            reader.advance(byte)
        return reader

    def signature(self) -> Signature:
        options = self.options
        return Signature.of(
            order=options.order,
            escape=options.escape,
            adaptive="document" if options.adaptive else "no",
            update="exclusion",
            bos="none",
            tok="bytes",
            vocab=256,
        )

    def footprint(self) -> Footprint:
        return Footprint(
            parameters=sum(len(table.counts) for table in self._tables),
            disk_bytes=sum(table.grams.nbytes + table.counts.nbytes for table in self._tables),
        )

    def _reader(self) -> _Reader:
        discount = 0.5 if self.options.escape == "d" else 0.0
        return _Reader(self._tables, discount, self.options.adaptive)


@dataclass(frozen=True, slots=True)
class _Table:
    """The trained counts of one order.

    grams   (grams,) uint64, rising: a context and the byte after it, the first byte highest
    counts  (grams,) int64
    """

    grams: memoryview
    counts: memoryview

    def row(self, context: bytes) -> Row:
        """A copy of the counts after this context; empty where it was never seen."""
        first = int.from_bytes(context, "big") << 8
        start = bisect_left(self.grams, first)
        end = bisect_left(self.grams, first + 256, start)
        return {gram & 255: count for gram, count in zip(self.grams[start:end], self.counts[start:end], strict=True)}


def _count(texts: Sequence[bytes], order: int, progress: Progress) -> list[_Table]:
    """The tables of orders 0 to `order`, counted with update exclusion.

    A run of bytes that is shorter than the longest is counted once for each byte that has stood before it, since only
    then was its last byte new in the longer context, and once for each text that begins with it.
    """
    tables = []
    longer = [_runs(text[1:], order + 1) for text in texts]
    for length in range(order + 1, 0, -1):
        progress(f"counting runs of {length} bytes", 1 - length / (order + 1))
        beginnings = [int.from_bytes(text[:length], "big") for text in texts if len(text) >= length]
        runs = np.concatenate([np.array(beginnings, dtype=np.uint64), *longer])
        grams, counts = np.unique(runs, return_counts=True)
        tables.append(_Table(grams.data, counts.data))
        longer = [grams & np.uint64((1 << 8 * (length - 1)) - 1)]
    return tables[::-1]


def _runs(text: bytes, length: int) -> Grams:
    """Every run of `length` bytes of a text, packed, the first byte highest."""
    data = np.frombuffer(text, dtype=np.uint8)
    runs = np.zeros(max(0, len(text) - length + 1), dtype=np.uint64)
    for i in range(length):
        runs = runs << np.uint64(8) | data[i : i + len(runs)]
    return runs


class _Reader(ModelState):
    """One document's reading: the trained rows, copied when they are first used, and what was learned since."""

    def __init__(self, tables: Sequence[_Table], discount: float, adaptive: bool) -> None:
        self._tables = tables
        self._discount = discount
        self._adaptive = adaptive
        self._history = b""
        self._copies: dict[bytes, Row] = {}

    def logprob(self, byte: int) -> float:
        """Nats: log P(byte | what was read)."""
        probability = 1.0
        excluded: Row = {}
        for row in filter(None, self._rows()):
            # what was seen after a context was seen after its shorter ones too: `row` has all excluded bytes
            counts = sum(row.values()) - sum(map(row.__getitem__, excluded))
            escape = (1 - self._discount) * len(row)
            total = counts - self._discount * (len(row) - len(excluded)) + escape
            if byte in row:
                return math.log(probability * (row[byte] - self._discount) / total)
            probability *= escape / total
            excluded = row
        # UTF-8 never uses 13 of the 256 bytes: some are always left
        return math.log(probability / (256 - len(excluded)))

    def next_events(self) -> NextEvents:
        return NextEvents.of_bytes(np.array([self.logprob(byte) for byte in range(256)]))

    def advance(self, event: int) -> None:
        """Go on by this byte, and learn it if the model is adaptive."""
        if self._adaptive:
            _learn(self._rows(), event)
        history = self._history + bytes((event,))
        self._history = history[max(0, len(history) - len(self._tables) + 1) :]

    def _rows(self) -> Iterator[Row]:
        """The counts after each context, the longest first."""
        for start in range(len(self._history) + 1):
            context = self._history[start:]
            row = self._copies.get(context)
            if row is None:
                row = self._copies[context] = self._tables[len(context)].row(context)
            yield row


def _learn(rows: Iterable[Row], byte: int) -> None:
    """Count the byte in the rows down to the first that knows it: update exclusion."""
    for row in rows:
        known = byte in row
        row[byte] = row.get(byte, 0) + 1
        if known:
            return
