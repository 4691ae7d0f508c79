from lmbench.report.page.matrices import build_overview, build_pair_matrix
from tests.report.page.conftest import HOSTILE


def test_the_overview_has_each_model_with_its_groups_and_no_mean(results):
    overview = build_overview(results)
    rows = dict(overview.rows)
    assert overview.columns == ["plain", HOSTILE]
    assert list(rows) == ["mix", "ppm", "kenlm", "uniform", HOSTILE]
    assert [item.text for item in rows["uniform"]] == ["8.000", "8.000"]
    assert [item.text for item in rows[HOSTILE]] == ["failed", "–"]
    assert [item.tone for item in rows["mix"]] == ["best", "best"]
    assert [item.tone for item in rows["ppm"]] == ["", ""]
    letters = [rows[name][0].note.split()[0] for name in ("mix", "ppm", "kenlm", "uniform")]
    assert letters == [results.rankings[0].entries[number].letters for number in range(4)]
    assert rows["mix"][0].hint.startswith("rank 1; 95 % CI 1.4")


def test_pairs_are_differences_of_row_and_column(results):
    """uniform needs 8 and mix about 1.5 bits; with the order turned around, the sign and the mark change."""
    matrix = build_pair_matrix(results.rankings[0])
    rows = dict(matrix.rows)
    mix, uniform = matrix.columns.index("mix"), matrix.columns.index("uniform")
    one, other = rows["mix"][uniform], rows["uniform"][mix]
    assert (one.tone, one.note, other.tone, other.note) == ("better", "▼", "worse", "▲")
    assert one.text.removeprefix("−") == other.text.removeprefix("+")
    assert abs(float(other.text) - 6.5) < 0.02
    assert "fewer bits on 40 documents, more on 0" in one.hint
    assert all(items[number].text == "" for number, (_, items) in enumerate(matrix.rows))
