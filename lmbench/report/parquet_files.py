"""table.parquet and pairs.parquet: the rows of table.csv and pairs.csv with the types of their columns."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

from lmbench.report.csv_files import PAIR_COLUMNS, list_columns, list_pairs, list_rows
from lmbench.report.ranked_run import RankedRun


def format_cells(results: RankedRun) -> bytes:
    """Return table.parquet: one row per cell, and one per compressor and corpus."""
    rows = list_rows(results)
    return format_rows(list_columns(rows), rows)


def format_pairs(results: RankedRun) -> bytes:
    """Return pairs.parquet: one row per corpus and pair of ranked models, the better one first."""
    return format_rows(PAIR_COLUMNS, list_pairs(results))


def format_rows(names: Sequence[str], rows: Sequence[dict[str, object]]) -> bytes:
    """Return a file with these columns; a number that a row does not have is null."""
    import pyarrow as pa
    from pyarrow import parquet

    file = BytesIO()
    columns = {name: pa.array([row.get(name) for row in rows], from_pandas=True) for name in names}
    parquet.write_table(pa.table(columns), file)
    return file.getvalue()
