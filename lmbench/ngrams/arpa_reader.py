"""Read ARPA text strictly and fast: either its n-grams as sorted arrays, or what is wrong with it, and in which line.

The format is Doug Paul's, as SRILM's manual page ngram-format(5) describes it: any text; ``\\data\\`` with the number
of n-grams of each order; the n-grams of each order; ``\\end\\``. Files of any order are read, from order 1 up. A file
is refused if a probability would be looked up otherwise than its author meant: an n-gram is listed twice, the history
of an n-gram is not listed, or it lacks the back-off weight without which the probabilities after it sum to more than 1.

Some toolkits count n-grams across lines, such as ``</s> <s> the``. They are left out, since every line begins with an
empty history.
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

from lmbench.arrays import Flags, Floats, Ids, Ints
from lmbench.compression import READ_ERRORS, open_decompressed
from lmbench.errors import UnavailableError
from lmbench.ngrams.arpa_writer import SENTENCE_END, SENTENCE_START, UNKNOWN_WORD
from lmbench.ngrams.backoff import Order
from lmbench.ngrams.history_sums import history_sums, ngram_words
from lmbench.ngrams.ids import LINE_END_ID
from lmbench.printable import printable
from lmbench.progress import SILENT, Progress

if TYPE_CHECKING:
    import pyarrow as pa

_COUNT = re.compile(rb"ngram[ \t]+(\d{1,18})[ \t]*=[ \t]*(\d{1,18})")  # IRSTLM writes a tab after the sign
_WHITE = b" \t\r\n"
_IS_WHITE = np.isin(np.arange(256), list(_WHITE))
_FIRST_LINE_IS_HEADING = re.compile(rb"[ \t\r]*\\")
_HEADING = re.compile(rb"\n[ \t\r]*\\")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_UNKNOWN_WORDS = ("<unk>", "<UNK>")  # KenLM knows these two spellings
_NOT_BACK_OFF = (b"iARPA", b"\\interpolated")  # IRSTLM and VariKN announce interpolated probabilities in this way
_ABSENT = -100.0  # log10 probability that KenLM gives <unk> if the file does not
_BLOCK = 1 << 23  # bytes to read at a time
_SHOWN = 40  # characters of the file in an error
_LARGEST = 300.0  # log10 of a weight
_LEEWAY = 1e-2  # error of a sum of probabilities that are written with only two digits

_WordFinder = Callable[["pa.Array", Ints], Ids]
"""Returns the ids of words, (words,), given the words and the numbers of their lines, (lines,)."""


@dataclass(frozen=True, slots=True)
class ArpaText:
    """The n-grams of an ARPA file.

    Attributes:
        words: Those of the unigrams: ``<unk>``, ``</s>``, the others in the file's order, ``<s>``.
        orders: From unigrams up. ``<unk>`` and ``<s>`` are added if the file lacks them, as in KenLM. N-grams with
            ``<s>`` after the first place or ``</s>`` before the last one are left out.
        counts: The number of n-grams of each order in the file.
        opens: Whether the file has ``<s>``.
    """

    words: list[str]
    orders: list[Order]
    counts: list[int]
    opens: bool


def read_arpa(path: Path, progress: Progress = SILENT) -> ArpaText:
    """Read the n-grams of an ARPA file, plain or compressed.

    Raises:
        UnavailableError: The file is malformed; the message gives the line and the reason.
    """
    with open_decompressed(path) as file:
        lines = _Lines(file, path)
        try:
            return _read(lines, progress)
        except READ_ERRORS as error:
            raise lines.error(f"the compressed file cannot be read any further: {error}", _readable(path)) from error


def _readable(path: Path) -> int:
    """Return the number of the last line that can be decompressed, or 1."""
    number = 0
    with open_decompressed(path) as file, suppress(*READ_ERRORS):
        for _ in file:
            number += 1
    return max(number, 1)


class _Lines:
    """A file's text, read line by line or block by block.

    Attributes:
        path: The file.
        number: The number of the last line that was read, for errors.
    """

    def __init__(self, file: IO[bytes], path: Path) -> None:
        self._file, self.path = file, path
        self._block, self._place = b"", 0
        self.number = 0

    def next(self) -> bytes:
        """Return the next line that is not blank, without the white space around it; empty at the end of the file."""
        while line := self._next_line():
            self.number += 1
            if self.number == 1:
                line = line.removeprefix(_BYTE_ORDER_MARK)
            if stripped := line.strip(_WHITE):
                return stripped
        return b""

    def entries(self) -> bytes:
        """Return many whole lines up to the next line that begins with a backslash; empty if that line is next."""
        block, rest = _cut_at_heading(self._next_block())
        self._block, self._place = rest, 0
        last_is_open = bool(block) and not rest and not block.endswith(b"\n")
        self.number += block.count(b"\n") + last_is_open
        return block

    def error(self, reason: str, number: int | None = None) -> UnavailableError:
        """Return an error in line `number`; by default, in the last line that was read."""
        return UnavailableError(f"'{self.path}', line {self.number if number is None else number}: {reason}")

    def no_data(self) -> UnavailableError:
        """Return an error for a file that ends before its data."""
        if not self.number:
            return UnavailableError(f"'{self.path}' is empty")
        return self.error("the file ends without a line '\\data\\', so it is not an ARPA file")

    def _next_line(self) -> bytes:
        if self._place == len(self._block):
            self._block, self._place = self._next_block(), 0
        end = self._block.find(b"\n", self._place) + 1 or len(self._block)
        line, self._place = self._block[self._place : end], end
        return line

    def _next_block(self) -> bytes:
        block, self._block, self._place = self._block[self._place :], b"", 0
        return block or self._file.read(_BLOCK) + self._file.readline()


def _cut_at_heading(block: bytes) -> tuple[bytes, bytes]:
    """Cut whole lines in two before the first backslash that begins a line."""
    found = _FIRST_LINE_IS_HEADING.match(block) or _HEADING.search(block)
    end = found.end() - 1 if found else len(block)
    return block[:end], block[end:]


def _read(lines: _Lines, progress: Progress) -> ArpaText:
    counts, heading = _read_header(lines)
    vocabulary, orders = _read_ngrams(lines, counts, heading, progress)
    orders = _without_empty(_within_lines(orders, start=len(vocabulary.words) - 1))
    return ArpaText(vocabulary.words, orders, counts, vocabulary.opens)


def _read_ngrams(
    lines: _Lines, counts: Sequence[int], heading: bytes, progress: Progress
) -> tuple[_Vocabulary, list[Order]]:
    """Read and check all n-grams, up to the end of the file. `heading` is the line before them."""
    sections = _SectionReader(lines, counts, progress)
    word_list = _WordList(lines, progress)
    unigrams, heading = sections.read(1, heading, word_list.add)
    vocabulary = word_list.finish()
    tables = [_sort(lines, vocabulary.complete(unigrams), vocabulary.words, below=[])]
    for order in range(2, len(counts) + 1):
        section, heading = sections.read(order, heading, vocabulary.find)
        tables.append(_sort(lines, section, vocabulary.words, [table.order for table in tables]))
        _check_backoffs(lines, tables, vocabulary.words)
    _check_highest_backoffs(lines, tables[-1])
    _expect(lines, b"\\end\\", heading)
    if after := lines.next():
        raise lines.error(f"expected nothing after '\\end\\', found {_shown(after)}")
    return vocabulary, [table.order for table in tables]


def _read_header(lines: _Lines) -> tuple[list[int], bytes]:
    """Return the number of n-grams of each order, and the heading after them."""
    while (line := lines.next()) != b"\\data\\":
        if not line:
            raise lines.no_data()
        if line in _NOT_BACK_OFF:
            raise lines.error(f"{_shown(line)} marks interpolated probabilities; convert the file to plain ARPA")
    counts: list[int] = []
    while line := lines.next():
        if counts and line.startswith(b"\\"):
            return counts, line
        found = _COUNT.fullmatch(line)
        if not found or int(found[1]) != len(counts) + 1:
            expected = f"'ngram {len(counts) + 1}=…'" + (" or '\\1-grams:'" if counts else "")
            raise lines.error(f"expected {expected}, found {_shown(line)}")
        counts.append(int(found[2]))
    raise lines.error("the file ends within its header")


def _expect(lines: _Lines, expected: bytes, heading: bytes) -> None:
    if heading != expected:
        raise lines.error(f"expected '{expected.decode()}', found {_shown(heading)}")


@dataclass(frozen=True, slots=True)
class _Section:
    """N-grams of one order, in the file's order.

    Attributes:
        ids: (n-grams, order) those of their words.
        logs: (n-grams,) log10 of their probabilities.
        backoffs: (n-grams,) log10 of their back-off weights; nan if the file does not give one.
        numbers: (n-grams,) those of their lines.
    """

    ids: Ids
    logs: Floats
    backoffs: Floats
    numbers: Ints

    @classmethod
    def join(cls, order: int, parts: Sequence[_Section]) -> Self:
        return cls(
            np.concatenate([np.zeros((0, order), dtype=np.int32), *(part.ids for part in parts)]),
            np.concatenate([np.zeros(0), *(part.logs for part in parts)]),
            np.concatenate([np.zeros(0), *(part.backoffs for part in parts)]),
            np.concatenate([np.zeros(0, dtype=np.int64), *(part.numbers for part in parts)]),
        )


class _WordList:
    """Gives ids to the words of the unigrams, in the file's order, as they are read."""

    def __init__(self, lines: _Lines, progress: Progress) -> None:
        self._lines, self._progress = lines, progress
        self._found: dict[str, int] = {}

    def add(self, words: pa.Array, numbers: Ints) -> Ids:
        """Add words and return their ids, (words,).

        Raises:
            UnavailableError: A word is listed twice or is not UTF-8.
        """
        before = len(self._found)
        for number, field in zip(numbers.tolist(), words.to_pylist(), strict=True):
            try:
                word = self._named(field.decode())
            except UnicodeDecodeError:
                raise self._lines.error(f"the word {_shown(field)} is not UTF-8", number) from None
            if word in self._found:
                raise self._lines.error(f"the n-gram {_shown(field)} is listed twice", number)
            self._found[word] = len(self._found)
        return np.arange(before, len(self._found), dtype=np.int32)

    def _named(self, word: str) -> str:
        """Return ``<unk>`` for each of the spellings that KenLM takes for it. Announce unusual ones."""
        if word.lower() != UNKNOWN_WORD or word == UNKNOWN_WORD:
            return word
        if word in _UNKNOWN_WORDS:
            self._progress.notice(f"'{self._lines.path}' lists {word}, which is read as {UNKNOWN_WORD}, as KenLM does")
            return UNKNOWN_WORD
        self._progress.notice(f"'{self._lines.path}' lists {word}, which is an ordinary word, as it is for KenLM")
        return word

    def finish(self) -> _Vocabulary:
        """Return the vocabulary of all words.

        Raises:
            UnavailableError: ``</s>`` is not among them.
        """
        if SENTENCE_END not in self._found:
            raise self._lines.error(f"the unigram '{SENTENCE_END}' is missing, so that no line could end")
        return _Vocabulary(self._lines, self._found)


class _Vocabulary:
    """The words of an ARPA file.

    Attributes:
        words: In the order of ArpaText.
        opens: Whether the file has ``<s>``.
    """

    def __init__(self, lines: _Lines, found: dict[str, int]) -> None:
        """`found` has each word's place in the file."""
        self._lines, self._found = lines, found
        own = (UNKNOWN_WORD, SENTENCE_END, SENTENCE_START)
        self.words = [UNKNOWN_WORD, SENTENCE_END, *(word for word in found if word not in own), SENTENCE_START]
        self.opens = SENTENCE_START in found

    def complete(self, unigrams: _Section) -> _Section:
        """Return the unigrams in the order of `words`. ``<unk>`` and ``<s>`` are added if they are missing."""
        place = np.array([self._found.get(word, len(self._found)) for word in self.words])
        return _Section(
            np.arange(len(self.words), dtype=np.int32)[:, None],
            np.append(unigrams.logs, _ABSENT)[place],
            np.append(unigrams.backoffs, 0.0)[place],
            np.append(unigrams.numbers, 0)[place],
        )

    def find(self, words: pa.Array, numbers: Ints) -> Ids:
        """Return the ids of words, (words,).

        Raises:
            UnavailableError: A word is not among the unigrams.
        """
        import pyarrow.compute as pc

        known, id_of_known = self._index
        found = pc.fill_null(pc.index_in(words, value_set=known), -1)
        ids: Ids = id_of_known[found.to_numpy(zero_copy_only=False)]
        if (ids < 0).any():
            place = int(np.argmax(ids < 0))
            number = int(numbers[place * len(numbers) // len(ids)])
            raise self._lines.error(f"the word {_shown(words[place].as_py())} is not a unigram", number)
        return ids

    @cached_property
    def _index(self) -> tuple[pa.Array, Ids]:
        """The words as the file may write them, and their ids; the last id, -1, is that of any other word."""
        import pyarrow as pa

        names = [(word.encode(), i) for i, word in enumerate(self.words) if word in self._found]
        names += [(word.encode(), 0) for word in _UNKNOWN_WORDS[1:] if UNKNOWN_WORD in self._found]
        return pa.array([word for word, _ in names], pa.binary()), np.array([*(i for _, i in names), -1], np.int32)


class _SectionReader:
    """Reads the n-grams of one order after another."""

    def __init__(self, lines: _Lines, counts: Sequence[int], progress: Progress) -> None:
        self._lines, self._counts, self._progress = lines, counts, progress

    def read(self, order: int, heading: bytes, find_words: _WordFinder) -> tuple[_Section, bytes]:
        """Read the n-grams of one order.

        Args:
            order: Their length.
            heading: The line before them.
            find_words: Returns the ids of their words.

        Returns:
            The n-grams, and the heading after them.
        """
        _expect(self._lines, b"\\%d-grams:" % order, heading)
        section = _Section.join(order, list(self._parts(order, find_words)))
        heading = self._lines.next()
        if not heading:
            raise self._lines.error(f"the file ends within the {order}-grams, without '\\end\\'")
        found, promised = len(section.ids), self._counts[order - 1]
        if found != promised:
            raise self._lines.error(f"the {order}-grams end after {found:,}, but the header promises {promised:,}")
        return section, heading

    def _parts(self, order: int, find_words: _WordFinder) -> Iterator[_Section]:
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
        file: The file that they are from, for errors.
        fields: (fields,) the text between the white space.
        first: (lines,) place of the line's first field in `fields`.
        sizes: (lines,) number of fields of the line.
        numbers: (lines,) number of the line in the file.
    """

    file: _Lines
    fields: pa.Array
    first: Ints
    sizes: Ints
    numbers: Ints

    @classmethod
    def of(cls, file: _Lines, block: bytes, number: int) -> Self:
        """Cut the lines of a block into fields. `number` is that of its first line."""
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

    def section(self, order: int, find_words: _WordFinder) -> _Section:
        """Return the n-grams of these lines.

        Raises:
            UnavailableError: A line does not hold an n-gram of this order.
        """
        self._check_sizes(order)
        logs, backoffs = self._log_probs(), self._log_backoffs(order)
        words = self._take((self.first[:, None] + np.arange(1, order + 1)).reshape(-1))
        ids = find_words(words, self.numbers).reshape(-1, order)
        return _Section(ids, logs, backoffs, self.numbers)

    def _check_sizes(self, order: int) -> None:
        wrong = (self.sizes != order + 1) & (self.sizes != order + 2)
        if wrong.any():
            line = int(np.argmax(wrong))
            found = b" ".join(self.fields.slice(int(self.first[line]), int(self.sizes[line])).to_pylist())
            expected = f"a probability, {order} word{'s' * (order > 1)} and at most a back-off"
            raise self._error(f"expected {expected}, found {_shown(found)}", line)

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

    def _floats(self, lines: Ints, places: Ints, noun: str) -> Floats:
        """Return the numbers in some fields, (places,). `lines` are those of the fields."""
        import pyarrow as pa

        chosen = self._take(places)
        try:
            values: Floats = chosen.cast(pa.string()).cast(pa.float64()).to_numpy(zero_copy_only=False)
        except pa.ArrowInvalid:  # a field is not a number, or only Python can read it
            pairs = zip(lines.tolist(), chosen.to_pylist(), strict=True)
            values = np.array([self._float(line, field, noun) for line, field in pairs])
        wrong = np.isnan(values) | (values == np.inf)
        if wrong.any():
            place = int(np.argmax(wrong))
            raise self._error(f"the {noun} {_shown(chosen[place].as_py())} is not a finite number", int(lines[place]))
        return values

    def _float(self, line: int, field: bytes, noun: str) -> float:
        try:
            return float(field.replace(b"_", b"?"))  # Python would ignore an underscore
        except ValueError:
            raise self._error(f"the {noun} {_shown(field)} is not a number", line) from None

    def _take(self, places: Ints) -> pa.Array:
        import pyarrow as pa

        return self.fields.take(pa.array(places))

    def _error(self, reason: str, line: int) -> UnavailableError:
        return self.file.error(reason, int(self.numbers[line]))


def _arrow_fields(letters: NDArray[np.uint8], lengths: Ints) -> pa.Array:
    """Return an Arrow array of the fields whose bytes, one field after another, are `letters`."""
    import pyarrow as pa

    offsets = np.append(0, np.cumsum(lengths)).astype(np.int32)
    return pa.BinaryArray.from_buffers(pa.binary(), len(lengths), [None, pa.py_buffer(offsets), pa.py_buffer(letters)])


@dataclass(frozen=True, slots=True)
class _SortedSection:
    """The n-grams of one order, sorted.

    Attributes:
        order: The n-grams.
        bare: (n-grams,) whether the file does not give a back-off.
        numbers: (n-grams,) numbers of their lines.
    """

    order: Order
    bare: Flags
    numbers: Ints


def _sort(lines: _Lines, section: _Section, words: Sequence[str], below: Sequence[Order]) -> _SortedSection:
    """Sort the n-grams of one order.

    Raises:
        UnavailableError: An n-gram is listed twice, or its history is not listed.
    """
    bits = len(words).bit_length()
    keys = _find_histories(lines, section, words, below) << bits | section.ids[:, -1]
    by_key = np.argsort(keys, kind="stable")
    keys = keys[by_key]
    if (same := keys[1:] == keys[:-1]).any():
        place = int(by_key[1:][same].min())
        ngram = _shown_words(section.ids[place], words)
        raise lines.error(f"the n-gram {ngram} is listed twice", int(section.numbers[place]))
    backoffs = section.backoffs[by_key]
    order = Order(keys, bits, 10.0 ** section.logs[by_key], 10.0 ** np.nan_to_num(backoffs, neginf=-np.inf))
    return _SortedSection(order, np.isnan(backoffs), section.numbers[by_key])


def _find_histories(lines: _Lines, section: _Section, words: Sequence[str], below: Sequence[Order]) -> Ints:
    """Return the row of each n-gram's history in the order below, (n-grams,); 0 for unigrams."""
    if not below:
        return np.zeros(len(section.ids), dtype=np.int64)
    history = section.ids[:, 0].astype(np.int64)
    for k, order in enumerate(below[1:], start=1):
        history = _sorted_rows(order, history, section.ids[:, k])
    if (history < 0).any():
        place = int(np.argmax(history < 0))
        missing = _shown_words(section.ids[place, :-1], words)
        reason = f"{missing}, with which this n-gram begins, is not a {len(below)}-gram"
        raise lines.error(reason, int(section.numbers[place]))
    return history


def _sorted_rows(order: Order, histories: Ints, words: Ids) -> Ints:
    """Look up n-grams; -1 for one that is not listed. They are sorted first, which is several times as fast."""
    by_key = np.argsort(histories << order.bits | words)
    rows = np.empty(len(histories), dtype=np.int64)
    rows[by_key] = order.rows(histories[by_key], words[by_key])
    return rows


def _check_backoffs(lines: _Lines, tables: Sequence[_SortedSection], words: Sequence[str]) -> None:
    """Check the histories of the highest order that lack a back-off weight.

    The format demands one for each. Every reader takes a missing one as 1, and some writers mean that. If the sum of
    probabilities is then below 1, as in a test file of KenLM, this is the model's loss, and `lmbench check` reports it.

    Raises:
        UnavailableError: The probabilities after such a history, which a line may have, sum to more than 1.
    """
    *_, lower, highest = tables
    if not lower.bare[highest.order.history].any():
        return
    orders = [table.order for table in tables]
    histories, sums = history_sums(orders)
    wrong = np.flatnonzero(lower.bare[histories] & (sums > 1 + _LEEWAY))
    ids = ngram_words(orders[:-1], histories[wrong])
    wrong = wrong[(ids != LINE_END_ID).all(axis=1) & (ids[:, 1:] != len(words) - 1).all(axis=1)]
    if wrong.size:
        first = wrong[np.argmin(lower.numbers[histories[wrong]])]
        row = histories[first]
        [ids] = ngram_words(orders[:-1], np.array([row]))
        history = f"{_shown_words(ids, words)} begins {len(tables)}-grams and lacks a back-off"
        raise lines.error(f"{history}: the probabilities after it sum to {sums[first]:.4g}", int(lower.numbers[row]))


def _check_highest_backoffs(lines: _Lines, highest: _SortedSection) -> None:
    """Check that the back-off weights of the highest order, if the file gives any, are 1.

    Raises:
        UnavailableError: One is not.
    """
    weighted = highest.numbers[highest.order.backoffs != 1]
    if weighted.size:
        reason = "an n-gram of the highest order has a back-off, but only shorter ones may"
        raise lines.error(reason, int(weighted.min()))


def _within_lines(orders: Sequence[Order], start: int) -> list[Order]:
    """Leave out n-grams with ``<s>``, whose id is `start`, after the first place or ``</s>`` before the last one."""
    within = [orders[0]]
    rows = np.arange(len(orders[0].keys))  # of each n-gram in what is left; -1 for one that no line has as a history
    rows[LINE_END_ID] = -1
    for order in orders[1:]:
        histories, words = rows[order.history], order.word
        kept = (histories >= 0) & (words != start)
        within.append(_choose(order, kept, histories))
        rows = np.where(kept & (words != LINE_END_ID), np.cumsum(kept) - 1, -1)
    return within


def _choose(order: Order, kept: Flags, histories: Ints) -> Order:
    """Return the n-grams that are kept, whose histories have new rows. A copy is made only if something changes."""
    keys = histories << order.bits | order.word
    if kept.all() and np.array_equal(keys, order.keys):
        return order
    return Order(keys[kept], order.bits, order.probs[kept], order.backoffs[kept])


def _without_empty(orders: list[Order]) -> list[Order]:
    """Drop the highest orders if they are empty and the back-offs to them are 1. Drop the highest order's back-offs."""
    last = len(orders)
    while last > 1 and not len(orders[last - 1].keys) and (orders[last - 2].backoffs == 1).all():
        last -= 1
    return [*orders[: last - 1], replace(orders[last - 1], backoffs=np.zeros(0))]


def _shown_words(ids: Ids, words: Sequence[str]) -> str:
    return _shown(" ".join(words[i] for i in ids).encode())


def _shown(text: bytes) -> str:
    shown = text.decode(errors="replace")
    return f"'{printable(shown if len(shown) <= _SHOWN else f'{shown[:_SHOWN]}…')}'"
