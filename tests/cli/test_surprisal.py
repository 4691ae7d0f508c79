import csv
from functools import partial

import pandas as pd
import pytest

from lmbench import surprisal
from lmbench.cli.surprisal import encode
from tests.cli.commands import lmbench

TSV = 'id\tsentence\tregions\n7\tThe fox saw.\tThe fox|saw.\n9\tA "crow"\tA|"crow"\n'
COMMAND = ("surprisal", "--models", "kenlm:order=2,uniform", "--corpus", "fables-en", "--text", "items.tsv")


@pytest.fixture(autouse=True, scope="module")
def _own_cache(tmp_path_factory):
    """Store no model for the other tests, which would then be told so."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LMBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "items.tsv").write_text(TSV)
    return tmp_path


def test_the_table_is_that_of_the_function(folder):
    options = {"boundary": "trailing", "add": "entropy,difference"}
    result = lmbench(*COMMAND, "--out", "long.csv", "--boundary", "trailing", "--add", options["add"], cwd=folder)
    table = surprisal("kenlm:order=2,uniform", folder / "items.tsv", corpus="fables-en", progress=False, **options)

    assert (result.returncode, result.stdout) == (0, "Written: long.csv\n"), result.stderr
    pd.testing.assert_frame_equal(pd.read_csv(folder / "long.csv", dtype={"id": str}), table, check_dtype=False)


@pytest.mark.parametrize(
    ("suffix", "read"),
    [
        (".tsv", partial(pd.read_csv, sep="\t")),
        (".jsonl", partial(pd.read_json, lines=True)),
        (".parquet", pd.read_parquet),
    ],
)
def test_the_suffix_is_the_format(tmp_path, suffix, read):
    table = pd.DataFrame({"word": ["The", '"a\tb"', "é"], "bits": [1 / 3, 2.0, 1e-9], "events": [1, 2, 3]})
    path = tmp_path / f"long{suffix}"
    path.write_bytes(encode(table, path))

    pd.testing.assert_frame_equal(read(path), table, rtol=1e-12, check_dtype=False)


def test_columns_that_the_format_does_not_have_are_refused_before_models_are_fitted(tmp_path):
    (tmp_path / "x.jsonl").write_text('{"text": "a", "n": 7}\n{"text": "b", "n": "x"}\n')
    result = lmbench("surprisal", "--models", "nonsense", "--text", "x.jsonl", "--out", "x.parquet", cwd=tmp_path)

    assert result.returncode == 2
    assert result.stderr.startswith("Error: x.parquet cannot hold the columns of the items; write .csv instead: ")
    assert not (tmp_path / "x.parquet").exists()


def test_regions_may_replace_the_words(folder):
    result = lmbench(*COMMAND, "--region-column", "regions", cwd=folder)
    rows = list(csv.DictReader(result.stdout.splitlines()))

    assert [row["word"] for row in rows] == ["The fox", "saw.", "A", '"crow"'] * 2
    assert "regions" not in rows[0]


def test_items_of_standard_input_are_printed_as_csv():
    result = lmbench("surprisal", "--models", "uniform", "--text", "-", input="a bc\n", stdin=None)
    assert result.stdout.splitlines() == [
        "model,item,word_index,word,start,end,bits,spelling_bits,events,words",
        "uniform,1,1,a,0,1,8.0,0.0,1,1",
        "uniform,1,2,bc,2,4,24.0,0.0,3,1",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--out", "x.xlsx"), "x.xlsx does not end in .csv, .tsv, .jsonl or .parquet"),
        (("--out", "items.tsv"), "items.tsv holds the items; choose another file"),
        (("--column", "text"), "the items do not have a column 'text'; they have: id, sentence, regions"),
    ],
)
def test_requests_that_cannot_be_met_are_refused_in_one_line(folder, arguments, message):
    result = lmbench(*COMMAND, *arguments, cwd=folder)

    assert (result.returncode, result.stdout, result.stderr) == (2, "", f"Error: {message}\n")
    assert [path.name for path in folder.iterdir()] == ["items.tsv"]
