import os

from lmbench.report.literature import build_literature_table, read_entries
from tests.report.cells import text


def test_figures_have_their_convention_and_source_and_no_rank():
    entries = read_entries()
    entry = entries["wikitext-2"]
    table = build_literature_table(text("wikitext-2", description=entry.description), entries)
    assert [column.heading for column in table.columns] == [
        "model", "value", "measure", "split", "convention", "source",
    ]  # fmt: skip
    rows = {row[0]: row for row in table.rows}
    assert rows["AWD-LSTM"][1:4] == ("65.8", "word perplexity", "test")
    assert rows["AWD-LSTM"][-1] == "Merity, Keskar and Socher 2017, arXiv:1708.02182"
    values = [float(row[1]) for row in table.rows]
    assert values == sorted(values)
    assert table.best == ()


def test_another_text_of_the_same_name_has_no_figures():
    assert build_literature_table(text("wikitext-2", description="my own"), read_entries()) is None
    assert build_literature_table(text("c"), read_entries()) is None


def test_a_broken_catalog_of_the_user_does_not_spoil_a_report(tmp_path, monkeypatch):
    (tmp_path / "broken.toml").write_text("[")
    monkeypatch.setitem(os.environ, "LMBENCH_CATALOG", str(tmp_path / "broken.toml"))
    assert read_entries() == {}
