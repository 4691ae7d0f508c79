from lmbench.report.page.learned import list_learned
from tests.report.page.conftest import HOSTILE


def test_exhibits_are_tables_and_pictures(results):
    [learned] = list_learned(results)
    assert (learned.model, learned.places, learned.titles) == ("hmm", "plain", f"{HOSTILE}, Training")
    [table], [figure] = learned.tables, learned.figures
    assert [column.align for column in table.columns] == ["left", "right"]
    assert table.rows[0][1] == "1"
    assert (figure.title, figure.description, figure.rows) == ("Training", "loss", [["1", "2"], ["2", "1"]])
