"""The ppm model: prediction by partial matching, as PPM compressors do it, over bytes.

It is written as a plugin would be: it imports only the public names of lmbench.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from lmbench import (
    SILENT,
    Exhibit,
    Fitted,
    Footprint,
    LanguageModel,
    ModelOptions,
    ModelState,
    NextEvents,
    Progress,
    Saveable,
    Score,
    Signature,
    TrainingText,
    Traits,
    open_saved,
    write_saved,
)

Row = dict[int, int]
"""The bytes seen after one context, and their counts."""

_MAX_ORDER = 7  # with the byte after them, 7 bytes of context fill the 64 bits of a gram
_SHOWN_CONTEXTS = 8  # of each order
_SHOWN_BYTES = 5


class PpmOptions(ModelOptions):
    """Options of the ppm model."""

    order: int = Field(7, ge=0, le=_MAX_ORDER, description="bytes of the longest context")
    escape: Literal["c", "d"] = Field("d", description="escape method: c (Moffat 1990) or d (Howard 1993)")
    adaptive: bool = Field(True, description="learn each byte after scoring it, and forget it after its document")


@dataclass(frozen=True, slots=True)
class FittedPpm:
    """The counts of the training text, with a table for each order from 0 up."""

    tables: tuple[_Table, ...]


class Ppm(LanguageModel, Saveable):
    """Prediction by partial matching over bytes, with full exclusions and update exclusion.

    A byte is predicted in the longest context that has been seen. If it is new in that context, the model pays for an
    escape to the next shorter one, which excludes the bytes that it escaped from. Below the empty context, all
    remaining bytes are equally likely. Let c(x) be the count of x in a context, and d the number of distinct bytes seen
    there, excluded ones included. In method C, w(x) = c(x) and e = d (Moffat 1990); in method D, w(x) = c(x) - 1/2 and
    e = d/2 (Howard 1993). With W the sum of w over the bytes that are seen and not excluded,

        P(x | context) = w(x) / (W + e)        P(escape | context) = e / (W + e).

    A byte is counted in the longest context that predicted it and in all longer ones, but not in shorter ones (update
    exclusion: Bell, Cleary and Witten 1990). The history is the document from its first byte, across lines, so that
    contexts are shorter at its beginning. An adaptive model learns each byte of a document after scoring it.
    """

    Options: ClassVar[type[ModelOptions]] = PpmOptions
    traits = Traits(threads=1, grid=(("order", ("2", "3", "4", "5", "6", "7")),))
    options: PpmOptions
    _fitted = Fitted[FittedPpm]()

    def fit(self, data: TrainingText, progress: Progress = SILENT) -> None:
        texts = [document.encode() for document in data.train.documents]
        self._fitted = FittedPpm(tuple(_count(texts, self.options.order, progress)))

    def score(self, documents: Sequence[str]) -> list[Score]:
        return [self._score(document.encode()) for document in documents]

    def measure_continuations(self, pairs: Sequence[tuple[str, str]]) -> list[tuple[float, int]]:
        """Return log P(continuation | context), in nats, and the bytes of the continuation, of each pair.

        Each context is read once for all of its continuations.
        """
        measured: dict[tuple[str, str], tuple[float, int]] = {}
        for context, alike in groupby(sorted(set(pairs)), key=itemgetter(0)):
            state = self.state_after(context)
            for pair in alike:
                logprobs = state.fork().read(pair[1].encode())
                measured[pair] = float(logprobs.sum()), len(logprobs)
        return [measured[pair] for pair in pairs]

    def state_after(self, text: str) -> _PpmState:
        state = self._initial_state()
        for byte in text.encode():
            state.advance(byte)
        return state

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

    def save(self, folder: Path) -> None:
        arrays: dict[str, NDArray[Any]] = {}
        for order, table in enumerate(self._fitted.tables):
            arrays |= {f"grams{order}": np.asarray(table.grams), f"counts{order}": np.asarray(table.counts)}
        write_saved(folder, self, arrays)

    def restore(self, folder: Path) -> None:
        with open_saved(folder, self) as saved:
            tables = [
                _Table.of(saved.array(f"grams{order}", np.uint64), saved.array(f"counts{order}", np.int64))
                for order in range(self.options.order + 1)
            ]
        self._fitted = FittedPpm(tuple(tables))

    def footprint(self) -> Footprint:
        tables = self._fitted.tables
        return Footprint(
            parameters=sum(len(table.counts) for table in tables),
            disk_bytes=sum(table.grams.nbytes + table.counts.nbytes for table in tables),
        )

    def exhibits(self) -> tuple[Exhibit, ...]:
        """Return how many contexts there are, and which of the longest ones occur most often."""
        discount = 0.5 if self.options.escape == "d" else 0.0
        tables = self._fitted.tables
        contexts = list(map(_Contexts.of, tables))
        return _show_orders(tables, contexts, discount), _show_contexts(tables, contexts)

    def _score(self, text: bytes) -> Score:
        return Score(np.arange(1, len(text) + 1), self._initial_state().read(text), np.zeros(len(text)))

    def _initial_state(self) -> _PpmState:
        discount = 0.5 if self.options.escape == "d" else 0.0
        return _PpmState(self._fitted.tables, discount, self.options.adaptive)


@dataclass(frozen=True, slots=True)
class _Table:
    """The training text's counts of one order.

    Attributes:
        grams: (grams,) uint64, ascending.
        counts: (grams,) int64.
    """

    grams: memoryview
    counts: memoryview

    @classmethod
    def of(cls, grams: NDArray[np.uint64], counts: NDArray[np.int64]) -> _Table:
        """Return the table of these arrays. The elements of a memoryview are int, and quicker to read one by one."""
        return cls(grams.data, counts.data)

    def row(self, context: bytes) -> Row:
        """Return a new row with the counts after this context; an empty one if the context was not seen."""
        first = int.from_bytes(context, "big") << 8
        start = bisect_left(self.grams, first)
        end = bisect_left(self.grams, first + 256, start)
        return {gram & 255: count for gram, count in zip(self.grams[start:end], self.counts[start:end], strict=True)}


def _count(texts: Sequence[bytes], order: int, progress: Progress) -> list[_Table]:
    """Count the grams of orders 0 to `order` with update exclusion.

    A gram shorter than the longest is counted once for each distinct byte before it, since only then was its last byte
    new in the longer context, and once for each text that begins with it.
    """
    tables = []
    longer = [_pack(text[1:], order + 1) for text in texts]
    for length in range(order + 1, 0, -1):
        progress(f"counting runs of {length} bytes", 1 - length / (order + 1))
        initial = [int.from_bytes(text[:length], "big") for text in texts if len(text) >= length]
        grams, counts = np.unique(np.concatenate([np.array(initial, dtype=np.uint64), *longer]), return_counts=True)
        tables.append(_Table.of(grams, counts))
        longer = [grams & np.uint64((1 << 8 * (length - 1)) - 1)]
    return tables[::-1]


def _pack(text: bytes, length: int) -> NDArray[np.uint64]:
    """Return every run of `length` bytes of a text as a gram.

    A gram is a context and the byte after it. Its first byte is the highest.
    """
    data = np.frombuffer(text, dtype=np.uint8)
    grams = np.zeros(max(0, len(text) - length + 1), dtype=np.uint64)
    for i in range(length):
        grams = grams << np.uint64(8) | data[i : i + len(grams)]
    return grams


class _PpmState(ModelState):
    """The state within one document: rows, copied from the tables on first use, which then keep learning."""

    def __init__(self, tables: Sequence[_Table], discount: float, adaptive: bool) -> None:
        self._tables = tables
        self._discount = discount
        self._adaptive = adaptive
        self._history = b""
        self._copies: dict[bytes, Row] = {}

    def fork(self) -> _PpmState:
        """Return a copy, which advances and learns on its own."""
        other = copy(self)
        other._copies = {context: row.copy() for context, row in self._copies.items()}
        return other

    def read(self, text: bytes) -> NDArray[np.float64]:
        """Read a text, and return the log-probability of each of its bytes, in nats."""
        logprobs = np.zeros(len(text))
        for i, byte in enumerate(text):
            logprobs[i] = self.logprob(byte)
            self.advance(byte)
        return logprobs

    def logprob(self, byte: int) -> float:
        """Return log P(byte | everything read so far), in nats."""
        probability = 1.0
        excluded: Row = {}
        for row in filter(None, self._rows()):
            total, escape = self._weigh(row, excluded)
            if byte in row:
                return math.log(probability * (row[byte] - self._discount) / total)
            probability *= escape / total
            excluded = row
        return _log_of_unseen(probability, excluded)

    def next_events(self) -> NextEvents:
        """Return the distribution that `logprob` takes one number from, in one pass through the rows."""
        logprobs: dict[int, float] = {}
        probability = 1.0
        excluded: Row = {}
        for row in filter(None, self._rows()):
            total, escape = self._weigh(row, excluded)
            for byte in row.keys() - excluded.keys():
                logprobs[byte] = math.log(probability * (row[byte] - self._discount) / total)
            probability *= escape / total
            excluded = row
        unseen = _log_of_unseen(probability, excluded)
        return NextEvents.of_bytes(np.array([logprobs.get(byte, unseen) for byte in range(256)]))

    def _weigh(self, row: Row, excluded: Row) -> tuple[float, float]:
        """Return the weight of all bytes of a row and of the escape from it, and that of the escape."""
        # Whatever was seen after a context was also seen after shorter ones, so `row` has all excluded bytes.
        counts = sum(row.values()) - sum(map(row.__getitem__, excluded))
        escape = (1 - self._discount) * len(row)
        return counts - self._discount * (len(row) - len(excluded)) + escape, escape

    def advance(self, event: int) -> None:
        if self._adaptive:
            _learn(self._rows(), event)
        history = self._history + bytes((event,))
        self._history = history[max(0, len(history) - len(self._tables) + 1) :]

    def _rows(self) -> Iterator[Row]:
        """Yield the counts after each context, the longest first."""
        for start in range(len(self._history) + 1):
            context = self._history[start:]
            row = self._copies.get(context)
            if row is None:
                row = self._copies[context] = self._tables[len(context)].row(context)
            yield row


def _log_of_unseen(probability: float, excluded: Row) -> float:
    """Return the log-probability of each byte that was seen in no context, in nats."""
    return math.log(probability / (256 - len(excluded)))  # UTF-8 never uses 13 of the 256 bytes, so some always remain


def _learn(rows: Iterable[Row], byte: int) -> None:
    """Count the byte in the rows down to the first that has it (update exclusion)."""
    for row in rows:
        known = byte in row
        row[byte] = row.get(byte, 0) + 1
        if known:
            return


@dataclass(frozen=True, slots=True)
class _Contexts:
    """The contexts of one order.

    Attributes:
        counts: (contexts,) how often a byte was counted after each.
        distinct: (contexts,) how many distinct bytes were.
        packed: (contexts,) uint64, the bytes of each, the first byte highest.
    """

    counts: NDArray[np.int64]
    distinct: NDArray[np.int64]
    packed: NDArray[np.uint64]

    @classmethod
    def of(cls, table: _Table) -> _Contexts:
        packed = np.asarray(table.grams) >> np.uint64(8)
        first = np.flatnonzero(np.diff(packed, prepend=packed[:1] + np.uint64(1)))
        counts = np.add.reduceat(np.asarray(table.counts), first) if len(first) else first
        return cls(counts, np.diff(first, append=len(packed)), packed[first])

    def most_frequent(self, number: int) -> list[int]:
        """Return the contexts with the largest counts, the largest first; of equal ones, the first."""
        number = min(number, len(self.counts))
        if not number:
            return []
        candidates = np.flatnonzero(self.counts >= np.partition(self.counts, -number)[-number])
        return sorted(candidates.tolist(), key=lambda context: -int(self.counts[context]))[:number]


def _show_orders(tables: Sequence[_Table], found: Sequence[_Contexts], discount: float) -> Exhibit:
    rows = []
    for order, (table, contexts) in enumerate(zip(tables, found, strict=True)):
        escape = (1 - discount) * contexts.distinct / (contexts.counts + (1 - 2 * discount) * contexts.distinct)
        share = float(np.average(escape, weights=contexts.counts)) if len(escape) else None
        rows.append((order, len(contexts.packed), len(table.grams), share))
    return Exhibit(
        title="Orders",
        shows="the contexts of each length in bytes, the bytes that were counted after them, and the mean probability "
        "of an escape from them to the next shorter one, weighted by their counts",
        kind="table",
        columns=("order", "contexts", "contexts with a byte", "P(escape)"),
        rows=tuple(rows),
    )


def _show_contexts(tables: Sequence[_Table], found: Sequence[_Contexts]) -> Exhibit:
    rows = []
    for order in sorted({0, 1, 2, len(tables) // 2, len(tables) - 1} & set(range(len(tables)))):
        contexts = found[order]
        for index in contexts.most_frequent(_SHOWN_CONTEXTS):
            context = int(contexts.packed[index]).to_bytes(order, "big")
            rows.append((_show(context), int(contexts.counts[index]), _show_row(tables[order].row(context))))
    return Exhibit(
        title="Contexts",
        shows="the contexts after which most bytes were counted, and these bytes with their counts. A byte is counted "
        "only in contexts at least as long as the one that predicted it",
        kind="table",
        columns=("context", "count", "bytes after it"),
        rows=tuple(rows),
    )


def _show_row(row: Row) -> str:
    most = sorted(row, key=lambda byte: (-row[byte], byte))[:_SHOWN_BYTES]
    return ", ".join(f"{_show(bytes((byte,)))} {row[byte]:,}" for byte in most)


def _show(text: bytes) -> str:
    """Return bytes in human-readable form: ``␣`` for a space, escapes for what is not a character."""
    return text.decode(errors="backslashreplace").replace(" ", "␣")
