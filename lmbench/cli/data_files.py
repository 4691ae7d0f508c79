"""Files with a data frame: CSV, TSV, JSON lines and Parquet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lmbench.errors import ResultsError

if TYPE_CHECKING:
    import pandas as pd

_SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet")


def check_suffix(path: Path) -> None:
    """Check that a file can hold a data frame.

    Raises:
        ResultsError: Its suffix is none of the formats.
    """
    if path.suffix.lower() not in _SUFFIXES:
        raise ResultsError(f"{path} does not end in {', '.join(_SUFFIXES[:-1])} or {_SUFFIXES[-1]}")


def encode(table: pd.DataFrame, out: Path) -> bytes:
    """Return the bytes of a file with the table.

    Args:
        table: The table.
        out: The path of the file, whose suffix says the format: .csv, .tsv, .jsonl or .parquet.

    Raises:
        ResultsError: The format cannot hold a column, such as one of numbers and texts in Parquet.
    """
    from pyarrow import ArrowException

    try:
        return _encode(table, out.suffix.lower())
    except (ValueError, OverflowError, ArrowException) as error:
        reason = " ".join(map(str, error.args))
        raise ResultsError(f"{out} cannot hold the columns of the items; write .csv instead: {reason}") from None


def _encode(table: pd.DataFrame, suffix: str) -> bytes:
    if suffix == ".parquet":
        return bytes(table.to_parquet(index=False))
    if suffix == ".jsonl":
        lines: str = table.to_json(orient="records", lines=True, force_ascii=False, double_precision=15)
        return lines.encode()
    return table.to_csv(index=False, sep="\t" if suffix == ".tsv" else ",").encode()
