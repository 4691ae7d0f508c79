import csv
from io import BytesIO, StringIO

import pyarrow as pa
from pyarrow import parquet

from lmbench.report import csv_files, parquet_files
from lmbench.report.ranked_run import RankedRun
from tests.analysis.crafted import NOISE, add, add_broken, new_run


def test_the_numbers_are_those_of_the_csv_with_types(tmp_path):
    directory = new_run(tmp_path / "run")
    add(directory, "a", 200 + NOISE)
    add(directory, "=b", 210 + NOISE)
    add_broken(directory, "c")
    results = RankedRun.read(directory)
    for name in ("format_cells", "format_pairs"):
        table = parquet.read_table(BytesIO(getattr(parquet_files, name)(results)))
        rows = list(csv.DictReader(StringIO(getattr(csv_files, name)(results))))
        assert list(rows[0]) == table.column_names
        for text, row in zip(rows, table.to_pylist(), strict=True):
            assert {key: "" if value is None else str(value) for key, value in row.items()} == {
                key: value.removeprefix("'") for key, value in text.items()
            }
    cells = parquet.read_table(BytesIO(parquet_files.format_cells(results)))
    types = [cells.schema.field(name).type for name in ("model", "bytes", "bits", "tied")]
    assert types == [pa.string(), pa.int64(), pa.float64(), pa.bool_()]


def test_a_run_without_pairs_has_their_columns(tmp_path):
    directory = new_run(tmp_path / "run")
    table = parquet.read_table(BytesIO(parquet_files.format_pairs(RankedRun.read(directory))))
    assert (table.num_rows, tuple(table.column_names)) == (0, csv_files.PAIR_COLUMNS)
