"""Items: the texts whose words are scored, one document each, with the other columns of their table."""

from __future__ import annotations

import json
import os.path
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from lmbench.arrays import Ints
from lmbench.compression import READ_ERRORS, open_decompressed
from lmbench.corpora.encoding import check_text, decode
from lmbench.corpora.formats import TextFormat, find_layout
from lmbench.corpora.records import parse_table
from lmbench.errors import CorpusError, kind_of
from lmbench.words.spans import region_spans, word_spans

if TYPE_CHECKING:
    import pandas as pd

Source: TypeAlias = "str | Path | pd.DataFrame | Iterable[str]"
"""The path of a file, ``-`` for standard input, a data frame, or texts."""

_BYTE_ORDER_MARK = "\ufeff"
_PUNCTUATED = re.compile(r"\w+(?:[,;!?]+(?:\s|$)|\.+$)")
_TEXT_COLUMNS = ("sentence", "text")


@dataclass(frozen=True)
class Items:
    """Texts, each one document, and what their words are.

    Attributes:
        texts: The texts.
        spans: For each text, the byte offsets at which its words start and end, (words, 2).
        kept: (texts,) the other columns of the table, without those of the texts and the regions.
    """

    texts: tuple[str, ...]
    spans: tuple[Ints, ...]
    kept: pd.DataFrame

    def find_punctuated(self) -> str:
        """Return the first word that punctuation follows without a space; "" if there is none."""
        found = next(filter(None, map(_PUNCTUATED.search, self.texts)), None)
        return found[0].rstrip() if found else ""


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns hold the items, and what their words are.

    Attributes:
        text: The column of the texts; None for "sentence" or "text", or the only column.
        regions: The column that divides each text into regions, which replace its words: a list of strings, or a
            string in which ``|`` separates them.
        spaced: Whether white space separates words. If not, they are those of jieba.
    """

    text: str | None = None
    regions: str | None = None
    spaced: bool = True


def read_items(source: Source, columns: Columns, text_format: TextFormat) -> Items:
    """Read items.

    Args:
        source: A file (CSV, TSV, JSON, JSON lines, Parquet, or plain text with an item a line), standard input, a data
            frame, or texts, such as a list or a column of a data frame.
        columns: Which columns hold them.
        text_format: The layout and the encoding of a file.

    Raises:
        CorpusError: The file or an item cannot be used; the message names the item, counted from 1.
        UnavailableError: jieba is needed, but not installed.
    """
    table = _read_table(source, text_format)
    if table.empty:
        raise CorpusError("the table is empty")
    if (repeated := table.columns[table.columns.duplicated()]).size:
        raise CorpusError(f"the items have several columns '{repeated[0]}'; rename or drop all but one")
    column = _find_column(table, columns)
    texts = tuple(_check_item(text, number) for number, text in enumerate(table[column], start=1))
    if columns.regions is None:
        spans = tuple(word_spans(text, columns.spaced) for text in texts)
    else:
        cells = table[_require(table, columns.regions)]
        spans = tuple(_divide(text, cell, n) for n, (text, cell) in enumerate(zip(texts, cells, strict=True), start=1))
    for number, found in enumerate(spans, start=1):
        if not len(found):
            raise CorpusError(f"item {number} does not have a word")
    return Items(texts, spans, table.drop(columns=list({column, columns.regions or column})))


def _read_table(source: Source, text_format: TextFormat) -> pd.DataFrame:
    """Return the table of a source; texts alone are its column "text". The rows are numbered from 0."""
    import pandas as pd

    if isinstance(source, pd.DataFrame):
        return source.reset_index(drop=True)
    if isinstance(source, str | Path):
        return _read_file(str(source), text_format)
    if isinstance(source, Mapping | bytes) or not isinstance(source, Iterable):
        raise CorpusError(f"{kind_of(source)} does not hold items; give a file, a data frame, or a list of texts")
    return pd.DataFrame({"text": list(source)}, dtype=object)


def _read_file(name: str, text_format: TextFormat) -> pd.DataFrame:
    import pandas as pd

    path = Path(name)
    if path.suffix.lower() == ".parquet" and text_format.layout is None:
        return _read_parquet(path)
    shown = "standard input" if name == "-" else name
    text = decode(_read_bytes(name), shown, text_format.encoding).removeprefix(_BYTE_ORDER_MARK)
    layout = find_layout(path.name, text, text_format).name
    if layout in ("csv", "tsv"):
        table = parse_table(text, shown, layout)
        return pd.DataFrame(list(table.rows), columns=list(table.columns), dtype=object)
    if layout in ("jsonl", "json"):
        return pd.DataFrame(_parse_records(text, shown, layout), dtype=object)
    return pd.DataFrame({"text": [line.removesuffix("\r") for line in text.split("\n") if line.strip()]}, dtype=object)


def _read_parquet(path: Path) -> pd.DataFrame:
    import pandas as pd
    from pyarrow import ArrowException

    try:
        return pd.read_parquet(path).reset_index(drop=True)
    except (OSError, ArrowException) as error:
        raise CorpusError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from None


def _read_bytes(name: str) -> bytes:
    if name == "-":
        return sys.stdin.buffer.read()
    if not os.path.exists(name):  # noqa: PTH110  (a text may be too long for a path, for which Path.exists raises)
        shown = shorten(name, 60, placeholder="…")
        raise CorpusError(f"the file '{shown}' does not exist; items are a file, or a list of texts in Python")
    try:
        with open_decompressed(Path(name)) as file:
            return file.read()
    except READ_ERRORS as error:
        raise CorpusError(f"cannot read {name}: {getattr(error, 'strerror', None) or error}") from None


def _parse_records(text: str, name: str, layout: str) -> list[dict[str, Any]]:
    try:
        found = (
            json.loads(text) if layout == "json" else [json.loads(line) for line in text.split("\n") if line.strip()]
        )
        json.dumps(found, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise CorpusError(f"{name} has half of a surrogate pair, which is not text") from None
    except (ValueError, RecursionError) as error:
        raise CorpusError(f"{name} is not JSON: {error}") from None
    records = found if isinstance(found, list) else [found]
    if not all(isinstance(record, dict) for record in records):
        raise CorpusError(f"{name} holds something other than JSON objects")
    return records


def _find_column(table: pd.DataFrame, columns: Columns) -> str:
    """Return the name of the column with the texts.

    Raises:
        CorpusError: It is missing, or not named.
    """
    if columns.text is not None:
        return _require(table, columns.text)
    names = [name for name in table.columns if name != columns.regions]
    usual = [name for name in _TEXT_COLUMNS if name in names]
    if not usual and len(names) != 1:
        raise CorpusError(f"several columns may hold the text; name one of: {', '.join(map(str, names))}")
    return usual[0] if usual else names[0]


def _require(table: pd.DataFrame, column: str) -> str:
    if column not in list(table.columns):
        raise CorpusError(f"the items do not have a column '{column}'; they have: {', '.join(map(str, table.columns))}")
    return column


def _check_item(text: object, number: int) -> str:
    if not isinstance(text, str):
        raise CorpusError(f"item {number} is {kind_of(text)} instead of text")
    return check_text(text, f"item {number}")


def _divide(text: str, cell: object, number: int) -> Ints:
    """Return the spans of the regions that a cell gives for a text."""
    regions = cell.split("|") if isinstance(cell, str) else cell
    if not isinstance(regions, Sequence) and not hasattr(regions, "tolist"):
        raise CorpusError(f"item {number} has {kind_of(cell)} instead of regions")
    try:
        return region_spans(text, [str(region) for region in cast(Iterable[object], regions)])
    except ValueError as error:
        raise CorpusError(f"item {number}: {error}") from None
