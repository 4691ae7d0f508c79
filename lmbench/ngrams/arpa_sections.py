"""Read the n-grams of an ARPA file, one order after another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from lmbench.arrays import Floats, Ids, Ints
from lmbench.errors import UnavailableError
from lmbench.ngrams.arpa_lines import WHITE_SPACE, ArpaLines, quote
from lmbench.progress import Progress

if TYPE_CHECKING:
    import pyarrow as pa

_IS_WHITE = np.isin(np.arange(256), list(WHITE_SPACE))
_LARGEST = 300.0  # log10 of a weight

WordFinder = Callable[["pa.Array", Ints], Ids]
"""Returns the ids of words, (words,), given the words and the numbers of their lines, (lines,)."""


@dataclass(frozen=True, slots=True)
class ArpaSection:
    """N-grams of one order, in the file's order.

    Attributes:
        ids: (n-grams, order) ids of their words.
        logs: (n-grams,) log10 of their probabilities.
        backoffs: (n-grams,) log10 of their back-off weights; nan if the file does not give one.
        numbers: (n-grams,) numbers of their lines.
    """

    ids: Ids
    logs: Floats
    backoffs: Floats
    numbers: Ints

    @classmethod
    def join(cls, order: int, parts: Sequence[ArpaSection]) -> Self:
        return cls(
            np.concatenate([np.zeros((0, order), dtype=np.int32), *(part.ids for part in parts)]),
            np.concatenate([np.zeros(0), *(part.logs for part in parts)]),
            np.concatenate([np.zeros(0), *(part.backoffs for part in parts)]),
            np.concatenate([np.zeros(0, dtype=np.int64), *(part.numbers for part in parts)]),
        )


class SectionReader:
    """Reads the n-grams of one order after another."""

    def __init__(self, lines: ArpaLines, counts: Sequence[int], progress: Progress) -> None:
        self._lines, self._counts, self._progress = lines, counts, progress

    def read(self, order: int, heading: bytes, find_words: WordFinder) -> tuple[ArpaSection, bytes]:
        """Read the n-grams of one order.

        Args:
            order: The length of the n-grams.
            heading: The line before them.
            find_words: Returns the ids of the words.

        Returns:
            The n-grams, and the heading after them.
        """
        self._lines.expect(b"\\%d-grams:" % order, heading)
        section = ArpaSection.join(order, list(self._parts(order, find_words)))
        heading = self._lines.next()
        if not heading:
            raise self._lines.error(f"the file ends within the {order}-grams, without '\\end\\'")
        found, promised = len(section.ids), self._counts[order - 1]
        if found != promised:
            raise self._lines.error(f"the {order}-grams end after {found:,}, but the header promises {promised:,}")
        return section, heading

    def _parts(self, order: int, find_words: WordFinder) -> Iterator[ArpaSection]:
        read, total = sum(self._counts[: order - 1]), max(sum(self._counts), 1)
        first = self._lines.number + 1
        while block := self._lines.entries():
            entries = _Entries.of(self._lines, block, first)
            yield entries.section(order, find_words)
            first = self._lines.number + 1
            read += len(entries.sizes)
            self._progress(f"reading {order}-grams", read / total)


@dataclass(frozen=True, slots=True)
class _Entries:
    """Lines that are not blank, cut into fields at white space.

    Attributes:
        file: The file that contains them, for errors.
        fields: (fields,) the text between the white space.
        first: (lines,) index of the line's first field in `fields`.
        sizes: (lines,) number of fields of the line.
        numbers: (lines,) number of the line in the file.
    """

    file: ArpaLines
    fields: pa.Array
    first: Ints
    sizes: Ints
    numbers: Ints

    @classmethod
    def of(cls, file: ArpaLines, block: bytes, number: int) -> Self:
        """Cut the lines of a block into fields. `number` is the number of its first line."""
        data = np.frombuffer(block, dtype=np.uint8)
        white = _IS_WHITE[data]
        edges = np.flatnonzero(np.diff(white, prepend=True, append=True))
        starts, ends = edges[::2], edges[1::2]  # every second edge ends a field
        line_starts = np.append(0, np.flatnonzero(data == ord("\n")))
        first = np.searchsorted(starts, line_starts)
        sizes = np.diff(first, append=len(starts))
        filled = np.flatnonzero(sizes)
        fields = _arrow_fields(data[~white], ends - starts)
        return cls(file, fields, first[filled], sizes[filled], number + filled)

    def section(self, order: int, find_words: WordFinder) -> ArpaSection:
        """Return the n-grams of these lines.

        Raises:
            UnavailableError: A line does not hold an n-gram of this order.
        """
        self._check_sizes(order)
        logs, backoffs = self._log_probs(), self._log_backoffs(order)
        words = self._take((self.first[:, None] + np.arange(1, order + 1)).reshape(-1))
        ids = find_words(words, self.numbers).reshape(-1, order)
        return ArpaSection(ids, logs, backoffs, self.numbers)

    def _check_sizes(self, order: int) -> None:
        wrong = (self.sizes != order + 1) & (self.sizes != order + 2)
        if wrong.any():
            line = int(np.argmax(wrong))
            found = b" ".join(self.fields.slice(int(self.first[line]), int(self.sizes[line])).to_pylist())
            expected = f"a probability, {order} word{'s' * (order > 1)} and at most a back-off"
            raise self._error(f"expected {expected}, found {quote(found)}", line)

    def _log_probs(self) -> Floats:
        logs = self._floats(np.arange(len(self.first)), self.first, "probability")
        if (logs > 0).any():
            line = int(np.argmax(logs > 0))
            raise self._error(f"the log10 probability {logs[line]:g} is above 0", line)
        return logs

    def _log_backoffs(self, order: int) -> Floats:
        """Return log10 of the back-off weights, (lines,); nan for a line without one."""
        backoffs = np.full(len(self.first), np.nan)
        weighted = np.flatnonzero(self.sizes == order + 2)
        backoffs[weighted] = self._floats(weighted, self.first[weighted] + order + 1, "back-off")
        if (backoffs > _LARGEST).any():
            line = int(np.argmax(backoffs > _LARGEST))
            raise self._error(f"the log10 back-off {backoffs[line]:g} is above {_LARGEST:g}", line)
        return backoffs

    def _floats(self, lines: Ints, indices: Ints, noun: str) -> Floats:
        """Return the numbers in some fields, (indices,). `lines` are the lines that they are in."""
        import pyarrow as pa

        chosen = self._take(indices)
        try:
            values: Floats = chosen.cast(pa.string()).cast(pa.float64()).to_numpy(zero_copy_only=False)
        except pa.ArrowInvalid:  # a field is not a number, or only Python can read it
            pairs = zip(lines.tolist(), chosen.to_pylist(), strict=True)
            values = np.array([self._float(line, field, noun) for line, field in pairs])
        wrong = np.isnan(values) | (values == np.inf)
        if wrong.any():
            first = int(np.argmax(wrong))
            raise self._error(f"the {noun} {quote(chosen[first].as_py())} is not a finite number", int(lines[first]))
        return values

    def _float(self, line: int, field: bytes, noun: str) -> float:
        try:
            return float(field.replace(b"_", b"?"))  # Python would ignore an underscore
        except ValueError:
            raise self._error(f"the {noun} {quote(field)} is not a number", line) from None

    def _take(self, indices: Ints) -> pa.Array:
        import pyarrow as pa

        return self.fields.take(pa.array(indices))

    def _error(self, reason: str, line: int) -> UnavailableError:
        return self.file.error(reason, int(self.numbers[line]))


def _arrow_fields(letters: NDArray[np.uint8], lengths: Ints) -> pa.Array:
    """Return an Arrow array of the fields whose bytes, one field after another, are `letters`."""
    import pyarrow as pa

    offsets = np.append(0, np.cumsum(lengths)).astype(np.int32)
    return pa.BinaryArray.from_buffers(pa.binary(), len(lengths), [None, pa.py_buffer(offsets), pa.py_buffer(letters)])
