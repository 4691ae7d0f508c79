"""The table of pseudo-perplexities."""

from lmbench.report.pseudo_table import build_pseudo_table
from tests.report.cells import broken_cell, cell


def test_pseudo_perplexities_have_a_table_of_their_own():
    table = build_pseudo_table([cell("m", pseudo=True), cell("n")])
    assert table.title == "Pseudo-perplexities"
    assert table.rows == (("m", "c", "256.0", "123", "9.61M", "3"),)
    assert "are not probabilities of a text" in table.notes[0]
    explained = [line.split(":")[0] for line in table.legend]
    assert explained == [column.heading for column in table.columns[2:]]


def test_large_pseudo_perplexities_have_an_exponent():
    metrics = cell("m").metrics.model_copy(update={"token_perplexity": 1234567.0})
    assert build_pseudo_table([cell("m", pseudo=True, metrics=metrics)]).rows[0][2] == "1.23e+06"


def test_runs_without_them_have_no_such_table():
    assert build_pseudo_table([cell("n"), broken_cell("m")]) is None
