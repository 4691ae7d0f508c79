"""Reading ARPA text strictly and fast: what is wrong with a file, and in which line; else its n-grams as sorted arrays.

The format is Doug Paul's, as SRILM's manual page ngram-format(5) has it: any text, ``\\data\\`` with the number of
n-grams of each order, the n-grams of each, ``\\end\\``. Of the order 1 too, and of any order up. A table in which an
n-gram's probability would be found otherwise than its author meant is refused: n-grams that stand twice, whose history
has no entry, or lacks the back-off weight that keeps what follows it from summing to more than 1.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from lmbench.compression import READ_ERRORS, open_decompressed
from lmbench.errors import UnavailableError
from lmbench.ngrams.arpa_writer import SENTENCE_END, SENTENCE_START, UNKNOWN_WORD
from lmbench.ngrams.backoff import Order
from lmbench.ngrams.counts import Ints
from lmbench.ngrams.history_sums import history_sums, ngram_words
from lmbench.printable import printable
from lmbench.progress import SILENT, Progress

if TYPE_CHECKING:
    import pyarrow as pa

_COUNT = re.compile(rb"ngram +(\d{1,18}) *= *(\d{1,18})")
_WHITE = b" \t\r\n"
_IS_WHITE = np.isin(np.arange(256), list(_WHITE))
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_UNKNOWN_WORDS = (b"<unk>", b"<UNK>")  # as KenLM has it: in one case or the other
_ABSENT = -100.0  # log10: what KenLM gives <unk> where the file does not
_BLOCK = 1 << 23  # bytes that are read at once
_SHOWN = 40
_LARGEST = 300.0  # log10 of a weight
_LEEWAY = 1e-2  # of a sum of probabilities that are written with as few as two digits


@dataclass(frozen=True, slots=True)
class ArpaText:
    """The n-grams of an ARPA file.

    words   of the unigrams: ``<unk>``, ``</s>``, the others as they stand in the file, ``<s>``
    orders  from unigrams up
    counts  how many n-grams of each order the file has; of the unigrams one or two fewer than there are here, where it
            lacks ``<unk>`` or ``<s>``: these are added, as KenLM does
    opens   whether the file has ``<s>``
    """

    words: list[str]
    orders: list[Order]
    counts: list[int]
    opens: bool


def read_arpa(path: Path, progress: Progress = SILENT) -> ArpaText:
    """The n-grams of an ARPA file, plain or compressed. Raises UnavailableError with the line and what is wrong."""
    with open_decompressed(path) as file:
        lines = _Lines(file, path)
        try:
            return _read(lines, progress)
        except READ_ERRORS as error:
            raise lines.wrong(f"the compressed file cannot be read on: {error}", _readable(path)) from error


def _readable(path: Path) -> int:
    """The number of the last line that can be decompressed, or 1."""
    number = 0
    with open_decompressed(path) as file, suppress(*READ_ERRORS):
        for _ in file:
            number += 1
    return max(number, 1)


class _Lines:
    """A file's text, line by line or block by block, with the numbers of its lines for errors."""

    def __init__(self, file: IO[bytes], path: Path) -> None:
        self._file, self._path = file, path
        self._block, self._place = b"", 0
        self.number = 0
        """Of the line that was read last."""

    def next(self) -> bytes:
        """The next line that is not blank, without the white space around it; empty where the file ends."""
        while line := self._line():
            self.number += 1
            if self.number == 1:
                line = line.removeprefix(_BYTE_ORDER_MARK)
            if stripped := line.strip(_WHITE):
                return stripped
        return b""

    def block(self) -> bytes:
        """Many further lines, whole; empty where the file ends."""
        block, self._block, self._place = self._block[self._place :], b"", 0
        return block or self._file.read(_BLOCK) + self._file.readline()

    def give_back(self, rest: bytes) -> None:
        """Lines of a block that are to be read again."""
        self._block, self._place = rest, 0

    def wrong(self, reason: str, number: int | None = None) -> UnavailableError:
        """Args: number, of the line; without it, the line that was read last."""
        return UnavailableError(f"'{self._path}', line {self.number if number is None else number}: {reason}")

    def no_data(self) -> UnavailableError:
        """The file has ended before its data."""
        if not self.number:
            return UnavailableError(f"'{self._path}' is empty")
        return self.wrong("the file ends, and no line of it is '\\data\\', so it is no ARPA file")

    def _line(self) -> bytes:
        if self._place == len(self._block):
            self.give_back(self.block())
        end = self._block.find(b"\n", self._place) + 1 or len(self._block)
        line, self._place = self._block[self._place : end], end
        return line


def _read(lines: _Lines, progress: Progress) -> ArpaText:
    counts, header = _head(lines)
    vocabulary = _Vocabulary()
    tables: list[_Table] = []
    for order, count in enumerate(counts, start=1):

        def told(ngrams: int, order: int = order) -> None:
            progress(f"reading {order}-grams", (sum(counts[: order - 1]) + ngrams) / max(sum(counts), 1))

        if header != b"\\%d-grams:" % order:
            raise lines.wrong(f"'\\{order}-grams:' is due here, not {_shown(header)}")
        section = _Section.joined(order, list(_sections(lines, order, vocabulary, told)))
        header = lines.next()
        if not header:
            raise lines.wrong(f"the file ends within the {order}-grams, without '\\end\\'")
        if len(section.ids) != count:
            raise lines.wrong(f"the {order}-grams end here after {len(section.ids):,}, and the head promised {count:,}")
        if not tables:
            vocabulary.close(lines)
            section = vocabulary.complete(section)
        tables.append(_table(lines, section, vocabulary.words, [table.order for table in tables]))
        if order > 1:
            _require_backoffs(lines, tables, vocabulary.words)
    _refuse_backoffs(lines, tables[-1])
    if header != b"\\end\\":
        raise lines.wrong(f"'\\end\\' is due here, not {_shown(header)}")
    if after := lines.next():
        raise lines.wrong(f"nothing is due after '\\end\\', and here stands {_shown(after)}")
    return ArpaText(vocabulary.words, _without_empty([table.order for table in tables]), counts, vocabulary.opens)


def _head(lines: _Lines) -> tuple[list[int], bytes]:
    """The numbers of n-grams that the head names, and the line after it."""
    while (line := lines.next()) != b"\\data\\":
        if not line:
            raise lines.no_data()
    counts: list[int] = []
    while line := lines.next():
        if line.startswith(b"\\"):
            if not counts:
                raise lines.wrong("the head names no number of n-grams; 'ngram 1=…' is due")
            return counts, line
        found = _COUNT.fullmatch(line)
        if not found or int(found[1]) != len(counts) + 1:
            raise lines.wrong(f"'ngram {len(counts) + 1}=…' or '\\1-grams:' is due here, not {_shown(line)}")
        counts.append(int(found[2]))
    raise lines.wrong("the file ends within its head")


class _Vocabulary:
    """The words of the unigrams. ``<unk>`` may be in capitals.

    words  in the order of ArpaText, once `close` knows all
    opens  whether the file has ``<s>``
    """

    words: list[str]
    opens: bool

    def __init__(self) -> None:
        self._found: dict[str, int] = {}

    def number(self, lines: _Lines, words: pa.Array, numbers: Ints) -> NDArray[np.int32]:
        """The places of further words in the file. Args: numbers, of their lines. Raises UnavailableError."""
        before = len(self._found)
        for line, field in zip(numbers.tolist(), words.to_pylist(), strict=True):
            try:
                word = UNKNOWN_WORD if field in _UNKNOWN_WORDS else field.decode()
            except UnicodeDecodeError:
                raise lines.wrong(f"the word {_shown(field)} is not UTF-8", line) from None
            if word in self._found:
                raise lines.wrong(f"the n-gram {_shown(field)} stands twice", line)
            self._found[word] = len(self._found)
        return np.arange(before, len(self._found), dtype=np.int32)

    def close(self, lines: _Lines) -> None:
        """All words were numbered. Raises UnavailableError where ``</s>`` is not among them."""
        if SENTENCE_END not in self._found:
            raise lines.wrong(f"the file has no unigram '{SENTENCE_END}', so no line could end")
        own = (UNKNOWN_WORD, SENTENCE_END, SENTENCE_START)
        others = (word for word in self._found if word not in own)
        self.words = [UNKNOWN_WORD, SENTENCE_END, *others, SENTENCE_START]
        self.opens = SENTENCE_START in self._found

    def complete(self, unigrams: _Section) -> _Section:
        """The unigrams by id; ``<unk>`` and ``<s>`` are added where they are missing, as KenLM does."""
        place = np.array([self._found.get(word, len(self._found)) for word in self.words])
        return _Section(
            np.arange(len(self.words), dtype=np.int32)[:, None],
            np.append(unigrams.logs, _ABSENT)[place],
            np.append(unigrams.backoffs, 0.0)[place],
            np.append(unigrams.numbers, 0)[place],
        )

    def ids(self, words: pa.Array) -> NDArray[np.int32]:
        """The ids of words, -1 for one that is no unigram."""
        import pyarrow.compute as pc

        found = pc.fill_null(pc.index_in(words, value_set=self._known[0]), -1)
        ids: NDArray[np.int32] = self._known[1][found.to_numpy(zero_copy_only=False)]
        return ids

    @cached_property
    def _known(self) -> tuple[pa.Array, NDArray[np.int32]]:
        """What the file may call its words, and the id of each; the last is that of any other."""
        import pyarrow as pa

        names = [(word.encode(), i) for i, word in enumerate(self.words) if word in self._found]
        names += [(word, 0) for word in _UNKNOWN_WORDS[1:] if UNKNOWN_WORD in self._found]
        return pa.array([word for word, _ in names], pa.binary()), np.array([*(i for _, i in names), -1], np.int32)


@dataclass(frozen=True, slots=True)
class _Section:
    """N-grams of one order as they stand in the file.

    ids       (n-grams, order), of their words
    logs      (n-grams,) log10 of their probabilities
    backoffs  (n-grams,) log10 of their back-off weights, nan where there is none
    numbers   (n-grams,) of their lines
    """

    ids: NDArray[np.int32]
    logs: NDArray[np.float64]
    backoffs: NDArray[np.float64]
    numbers: Ints

    @classmethod
    def joined(cls, order: int, parts: Sequence[_Section]) -> Self:
        return cls(
            np.concatenate([np.zeros((0, order), dtype=np.int32), *(part.ids for part in parts)]),
            np.concatenate([np.zeros(0), *(part.logs for part in parts)]),
            np.concatenate([np.zeros(0), *(part.backoffs for part in parts)]),
            np.concatenate([np.zeros(0, dtype=np.int64), *(part.numbers for part in parts)]),
        )


def _sections(lines: _Lines, order: int, vocabulary: _Vocabulary, told: Callable[[int], None]) -> Iterator[_Section]:
    """The n-grams of one order, block by block, up to the next line that begins with a backslash."""
    read, ended = 0, False
    while not ended and (block := lines.block()):
        fields = _Fields.of(block, lines.number + 1)
        ended = fields.stop < len(block)
        lines.give_back(block[fields.stop :])
        lines.number += fields.lines
        section = _section(lines, fields, order, vocabulary)
        read += len(section.ids)
        told(read)
        yield section


@dataclass(frozen=True, slots=True)
class _Fields:
    """Lines cut at white space.

    text     (fields,) what stands between the white space
    first    (lines that are not blank,) number of each one's first field
    sizes    (lines that are not blank,) how many fields each has
    numbers  (lines that are not blank,) their numbers in the file
    stop     byte at which the first line begins that begins with a backslash
    lines    how many there are up to there
    """

    text: pa.Array
    first: Ints
    sizes: Ints
    numbers: Ints
    stop: int
    lines: int

    @classmethod
    def of(cls, block: bytes, number: int) -> Self:
        """The lines of a block. Args: number, of its first line."""
        import pyarrow as pa

        data = np.frombuffer(block, dtype=np.uint8)
        white = _IS_WHITE[data]
        edges = np.flatnonzero(np.diff(white, prepend=True, append=True))  # where white space ends and where it begins
        starts, ends = edges[::2], edges[1::2]
        newlines = np.flatnonzero(data == ord("\n"))
        first = np.searchsorted(starts, np.append(0, newlines))
        sizes = np.diff(first, append=len(starts))
        numbers = np.flatnonzero(sizes)
        first, sizes = first[numbers], sizes[numbers]
        heads = np.flatnonzero(data[starts[first]] == ord("\\"))
        stop, lines = len(block), len(newlines) + (not block.endswith(b"\n"))
        if len(heads):
            stop, lines = int(starts[first[heads[0]]]), int(numbers[heads[0]])
            starts, ends = starts[: first[heads[0]]], ends[: first[heads[0]]]
            first, sizes, numbers = (column[: heads[0]] for column in (first, sizes, numbers))
        offsets = np.append(0, np.cumsum(ends - starts)).astype(np.int32)
        buffers = [None, pa.py_buffer(offsets), pa.py_buffer(data[:stop][~white[:stop]])]
        text = pa.BinaryArray.from_buffers(pa.binary(), len(starts), buffers)
        return cls(text, first, sizes, number + numbers, stop, lines)

    def line(self, place: int) -> bytes:
        """The fields of one line."""
        return b" ".join(self.text.slice(int(self.first[place]), int(self.sizes[place])).to_pylist())


def _section(lines: _Lines, fields: _Fields, order: int, vocabulary: _Vocabulary) -> _Section:
    """The n-grams that lines hold. Raises UnavailableError for the first line that holds none."""
    wrong = (fields.sizes != order + 1) & (fields.sizes != order + 2)
    if wrong.any():
        place = int(np.argmax(wrong))
        due = f"a probability, {order} word{'s' * (order > 1)} and, at most, a back-off are due"
        raise lines.wrong(f"{due}, not {_shown(fields.line(place))}", fields.numbers[place])
    logs = _floats(lines, fields, fields.first, fields.numbers, "probability")
    if (logs > 0).any():
        place = int(np.argmax(logs > 0))
        raise lines.wrong(f"the log10 probability {logs[place]:g} is above 0", fields.numbers[place])
    weighted = np.flatnonzero(fields.sizes == order + 2)
    backoffs = np.full(len(logs), np.nan)
    backoffs[weighted] = _floats(
        lines, fields, fields.first[weighted] + order + 1, fields.numbers[weighted], "back-off"
    )
    if (backoffs > _LARGEST).any():
        place = int(np.argmax(backoffs > _LARGEST))
        raise lines.wrong(f"the log10 back-off {backoffs[place]:g} is above {_LARGEST:g}", fields.numbers[place])
    words = fields.text.take(_arrow((fields.first[:, None] + np.arange(1, order + 1)).reshape(-1)))
    if order == 1:
        return _Section(vocabulary.number(lines, words, fields.numbers)[:, None], logs, backoffs, fields.numbers)
    ids = vocabulary.ids(words)
    if (ids < 0).any():
        place = int(np.argmax(ids < 0))
        raise lines.wrong(f"the word {_shown(words[place].as_py())} is no unigram", fields.numbers[place // order])
    return _Section(ids.reshape(-1, order), logs, backoffs, fields.numbers)


def _floats(lines: _Lines, fields: _Fields, places: Ints, numbers: Ints, what: str) -> NDArray[np.float64]:
    """The numbers that some fields hold. Args: numbers, of their lines; what, they are."""
    import pyarrow as pa

    chosen = fields.text.take(_arrow(places))
    try:
        values: NDArray[np.float64] = chosen.cast(pa.string()).cast(pa.float64()).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:  # one of them is no number, or is written as Python alone reads it
        pairs = zip(numbers.tolist(), chosen.to_pylist(), strict=True)
        values = np.array([_float(lines, number, field, what) for number, field in pairs])
    wrong = np.isnan(values) | (values == np.inf)
    if wrong.any():
        place = int(np.argmax(wrong))
        raise lines.wrong(f"the {what} {_shown(chosen[place].as_py())} is no finite number", numbers[place])
    return values


def _float(lines: _Lines, number: int, field: bytes, what: str) -> float:
    try:
        return float(field.replace(b"_", b"?"))  # which Python reads over
    except ValueError:
        raise lines.wrong(f"the {what} {_shown(field)} is no number", number) from None


@dataclass(frozen=True, slots=True)
class _Table:
    """Sorted n-grams of one order.

    bare     (n-grams,) whether the file gives no back-off
    numbers  (n-grams,) of their lines
    """

    order: Order
    bare: NDArray[np.bool_]
    numbers: Ints


def _table(lines: _Lines, section: _Section, words: Sequence[str], below: Sequence[Order]) -> _Table:
    """An order, sorted. Raises UnavailableError for an n-gram that stands twice, or whose history is not there."""
    bits = len(words).bit_length()
    history = section.ids[:, 0].astype(np.int64) if below else np.zeros(len(section.ids), dtype=np.int64)
    for k, order in enumerate(below[1:], start=1):
        history = _rows(order, history, section.ids[:, k])
    if (history < 0).any():
        place = int(np.argmax(history < 0))
        shown = _shown_words(section.ids[place, :-1], words)
        raise lines.wrong(f"{shown}, which this begins with, is no {len(below)}-gram", section.numbers[place])
    keys = history << bits | section.ids[:, -1]
    by_key = np.argsort(keys, kind="stable")
    keys = keys[by_key]
    if (same := keys[1:] == keys[:-1]).any():
        place = int(by_key[1:][same].min())
        raise lines.wrong(f"the n-gram {_shown_words(section.ids[place], words)} stands twice", section.numbers[place])
    backoffs = section.backoffs[by_key]
    order = Order(keys, bits, 10.0 ** section.logs[by_key], 10.0 ** np.nan_to_num(backoffs, neginf=-np.inf))
    return _Table(order, np.isnan(backoffs), section.numbers[by_key])


def _rows(order: Order, histories: Ints, words: NDArray[np.int32]) -> Ints:
    """The rows of n-grams, -1 where they are not there; sorted look-ups are several times as fast as others."""
    by_key = np.argsort(histories << order.bits | words)
    result = np.empty(len(histories), dtype=np.int64)
    result[by_key] = order.rows(histories[by_key], words[by_key])
    return result


def _require_backoffs(lines: _Lines, tables: Sequence[_Table], words: Sequence[str]) -> None:
    """Raises UnavailableError where a history of the highest order lacks its back-off weight, so that it sums above 1.

    The format wants it of each. Without it the weight is 1, as for every reader, and some writers mean that; what then
    sums to less, as in KenLM's own test file, costs the model, and `lmbench check` tells.
    """
    *_, lower, highest = tables
    if not lower.bare[highest.order.history].any():
        return
    histories, sums = history_sums([table.order for table in tables])
    wrong = lower.bare[histories] & (sums > 1 + _LEEWAY)
    if wrong.any():
        worst = np.flatnonzero(wrong)[np.argmin(lower.numbers[histories[wrong]])]
        row = histories[worst]
        [ids] = ngram_words([table.order for table in tables[:-1]], np.array([row]))
        shown = f"{_shown_words(ids, words)} begins {len(tables)}-grams and has no back-off"
        raise lines.wrong(f"{shown}, and what follows it sums to {sums[worst]:.4g}", lower.numbers[row])


def _refuse_backoffs(lines: _Lines, highest: _Table) -> None:
    """Raises UnavailableError where an n-gram that begins no longer one weighs what does not follow; 0 is no weight."""
    weighing = highest.numbers[highest.order.backoffs != 1]
    if weighing.size:
        raise lines.wrong("an n-gram of the highest order has a back-off, and nothing is longer", int(weighing.min()))


def _without_empty(orders: list[Order]) -> list[Order]:
    """Without the highest orders that have no n-grams, and to which nothing backs off; the last needs no back-offs."""
    last = len(orders)
    while last > 1 and not len(orders[last - 1].keys) and (orders[last - 2].backoffs == 1).all():
        last -= 1
    return [*orders[: last - 1], replace(orders[last - 1], backoffs=np.zeros(0))]


def _arrow(places: Ints) -> pa.Array:
    import pyarrow as pa

    return pa.array(places)


def _shown_words(ids: NDArray[np.int32], words: Sequence[str]) -> str:
    return _shown(" ".join(words[i] for i in ids).encode())


def _shown(text: bytes) -> str:
    shown = text.decode(errors="replace")
    return f"'{printable(shown if len(shown) <= _SHOWN else f'{shown[:_SHOWN]}…')}'"
