"""The documents of a user's file, or of standard input."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO

from lmbench.compression import READ_ERRORS, ExpansionError, decompress, is_compressed, open_regular
from lmbench.corpora.encoding import decode, decode_pieces
from lmbench.corpora.formats import AUTO, Layout, TextFormat, find_layout
from lmbench.corpora.memory import check_fits, format_size
from lmbench.corpora.on_disk import StoredDocuments, is_large
from lmbench.corpora.shape import INSPECTED, Shape, recognize_shape
from lmbench.corpus import Split
from lmbench.errors import CorpusError
from lmbench.printable import printable
from lmbench.progress import SILENT, Progress

NAMES = {"-": "stdin"}
"""The names of what is not a file."""

_BYTE_ORDER_MARK = "\ufeff"
_MOST_BYTES = 4  # of a character
_FEWEST = 3  # documents of a unit that suits a text


@dataclass(frozen=True, slots=True)
class OwnText:
    """All documents of a user's text.

    Attributes:
        split: The documents, with their tags if they have any.
        provenance: How the bytes became documents.
        unit: The unit of documents that the look of the text decided; None if the user or the layout did.
        padded: Whether most lines end in a space, and the user has not said whether to strip them.
    """

    split: Split
    provenance: str
    unit: str | None = None
    padded: bool = False


@dataclass(frozen=True, slots=True)
class _Source:
    """A file whose layout is known.

    Attributes:
        name: Human-readable name.
        layout: How it holds its documents.
        shape: What its beginning looks like.
        pieces: Its bytes, decompressed.
        size: Number of bytes before decompression; 0 if it is unknown.
        progress: Receives a line that says how it was read.
    """

    name: str
    layout: Layout
    shape: Shape
    pieces: Iterator[bytes]
    size: int
    progress: Progress

    def read_text(self) -> str:
        check_fits(self.size, self.name)
        encoding = self.layout.text_format.encoding
        pieces = _check_size(self.pieces, self.name)
        if encoding == AUTO.encoding:
            text = "".join(decode_pieces(pieces, self.name))
        else:
            text = decode(b"".join(pieces), self.name, encoding)
        return text.removeprefix(_BYTE_ORDER_MARK)

    def cut(self, cut: Callable[[Layout], Split]) -> OwnText:
        """Return the documents. The look of the text decides on their unit, unless the user has.

        Args:
            cut: Returns the documents of a layout that has a unit.
        """
        units = self.shape.units if self.layout.lacks_unit else ()
        for layout in map(self.layout.with_unit, units) if units else (self.layout,):
            split = cut(layout)
            if len(split.documents) >= _FEWEST:
                break
        padded = self.shape.padded and self.layout.name == "text" and self.layout.text_format.strip is None
        return OwnText(split, layout.provenance, layout.text_format.unit if units else None, padded)

    def parse(self, layout: Layout, text: str) -> Split:
        """Return the documents, and say how they were read unless the user has chosen it or they are plain text."""
        advice = "--format text reads it as plain text"
        try:
            split = layout.parse(text, self.name)
        except CorpusError as error:
            if not layout.guessed:
                raise
            raise CorpusError(f"{error}; {advice}") from None
        line = f"{self.name}: read as {layout}"
        if layout.guessed:
            self.progress.notice(f"{line}, because of its content; {advice}")
        elif layout.name != "text" and not layout.text_format.layout:
            self.progress(line, 0.0)
        return split


def read_file(path: Path, text_format: TextFormat = AUTO, progress: Progress = SILENT) -> OwnText:
    """Read the documents of a regular file. Plain UTF-8 text of more than 64 MiB stays on disk.

    Args:
        path: The file. It may be compressed, and may begin with a byte-order mark.
        text_format: How to read its bytes.
        progress: Receives a line that says how the file is read, unless it is plain text.

    Raises:
        CorpusError: The file cannot be read, is empty, malformed, or does not fit in memory.
    """
    with _open_source(path, text_format, progress) as source:
        if source.layout.is_plain and is_large(path.stat().st_size) and not is_compressed(path):
            return source.cut(lambda layout: Split(StoredDocuments.of_file(path, layout.text_format.unit or "line")))
        return _read(source)


def read_standard_input(text_format: TextFormat = AUTO, progress: Progress = SILENT) -> OwnText:
    """Read the documents of standard input, as `read_file` reads those of a file."""
    with _open_source(None, text_format, progress) as source:
        return _read(source)


def read_in_memory(path: Path | None, text_format: TextFormat = AUTO, progress: Progress = SILENT) -> OwnText:
    """Read the documents of a file, which may be blank, into memory.

    Args:
        path: The file; None for standard input.
        text_format: How to read its bytes.
        progress: Receives a line that says how the file is read, unless it is plain text.

    Raises:
        CorpusError: The file cannot be read, is malformed, or does not fit in memory.
    """
    with _open_source(path, text_format, progress) as source:
        text = source.read_text()
        return source.cut(lambda layout: source.parse(layout, text))


def announce(name: str, texts: Sequence[OwnText], progress: Progress) -> None:
    """Announce the documents that the look of a text has decided on, and spaces that a user may want to strip.

    Args:
        name: The name of the file or folder.
        texts: What was read, all with the same unit of documents.
        progress: Receives a line on the documents, unless there is only one, and a notice of the spaces.
    """
    found = [text.split.documents for text in texts if text.unit]
    count = sum(map(len, found))
    if count > 1:
        [unit, *_] = [text.unit for text in texts if text.unit]
        in_memory = [documents for documents in found if not isinstance(documents, StoredDocuments)]
        blank = sum(map(str.isspace, chain.from_iterable(in_memory)))  # files that stay on disk are not read for this
        empty = f", {blank:,} empty" if blank else ""
        progress(f"{name}: {count:,} documents ({unit}s{empty}){_advise(unit, blank)}", 0.0)
    if any(text.padded for text in texts):
        progress.notice(
            f"{name}: most lines end in a space; --strip removes the spaces at both ends of lines, and --no-strip "
            "keeps them without this notice"
        )


def _advise(unit: str, blank: int) -> str:
    """Return which other unit a user may want."""
    if unit == "block":
        return "; --documents line for lines"
    return "; --documents block for paragraphs" if unit == "article" or blank else ""


def _read(source: _Source) -> OwnText:
    text = source.read_text()
    if not text.strip():
        raise CorpusError(f"{source.name} is empty: there is nothing to score")
    return source.cut(lambda layout: source.parse(layout, text))


@contextmanager
def _open_source(path: Path | None, text_format: TextFormat, progress: Progress) -> Iterator[_Source]:
    """Open a file, or standard input, and recognize its layout. Errors while it is read become CorpusErrors."""
    name = _name(path)
    try:
        with open_regular(path) if path else nullcontext(_standard_input()) as file:
            yield _inspect(file, path, text_format, progress)
    except MemoryError:
        size = f" ({format_size(path.stat().st_size)})" if path else ""
        raise CorpusError(f"{name}{size} does not fit in memory; divide it into smaller files") from None
    except ExpansionError as error:
        raise CorpusError(f"{name} is refused: {error}") from error
    except READ_ERRORS as error:
        if isinstance(error, OSError) and error.strerror:
            raise CorpusError(f"cannot read {name}: {error.strerror}") from error
        raise CorpusError(f"{name} is truncated or corrupt: {error}") from error


def _name(path: Path | None) -> str:
    return printable(str(path)) if path else "standard input"


def _standard_input() -> IO[bytes]:
    if sys.stdin is None:
        raise CorpusError("standard input is closed")
    return sys.stdin.buffer


def _inspect(file: IO[bytes], path: Path | None, text_format: TextFormat, progress: Progress) -> _Source:
    name = _name(path)
    pieces = decompress(file, name, progress)
    start = _take(pieces, _MOST_BYTES * INSPECTED)
    text = _decode_start(start, text_format.encoding)[:INSPECTED]
    layout = find_layout(path.name if path else "", text, text_format)
    size = path.stat().st_size if path else 0
    return _Source(name, layout, recognize_shape(text), chain([start], pieces), size, progress)


def _take(pieces: Iterable[bytes], size: int) -> bytes:
    """Return the first pieces, joined, that have `size` bytes together, or all."""
    taken = bytearray()
    for piece in pieces:
        taken += piece
        if len(taken) >= size:
            break
    return bytes(taken)


def _decode_start(start: bytes, encoding: str) -> str:
    """Return the beginning of a text; decoding all of it reports what is wrong with it."""
    try:
        return start.decode(encoding, "ignore").removeprefix(_BYTE_ORDER_MARK)
    except (LookupError, ValueError):
        return ""


def _check_size(pieces: Iterable[bytes], name: str) -> Iterator[bytes]:
    """Yield the pieces, unless all of them together do not fit in memory."""
    size = 0
    for piece in pieces:
        size += len(piece)
        check_fits(size, name)
        yield piece
