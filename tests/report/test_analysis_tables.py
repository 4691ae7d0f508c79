import pandas as pd

from lmbench.report.analysis_tables import build_tables


def test_each_corpus_has_a_table_whose_long_texts_and_rows_are_cut():
    long = pd.DataFrame({"corpus": "a", "model": [f"{'x' * 70} {row}" for row in range(50)], "bits": 1 / 3})
    short = pd.DataFrame({"corpus": ["b"], "model": ["m"], "bits": [float("nan")], "is_on_front": [True]})
    first, second, third = build_tables({"t": long, "u": pd.concat([long, short])})
    assert (first.title, second.title, third.title) == ("t on a", "u on a", "u on b")
    assert len(first.rows) == 40
    assert first.notes == ("10 more rows: --out writes them to a file.",)
    assert first.rows[0] == ("x" * 59 + "…", "0.3333")
    assert third.rows == (("m", "–", "yes"),)
    assert [column.align for column in third.columns] == ["left", "right", "left"]


def test_the_whole_history_has_a_name_and_large_numbers_have_no_decimals():
    frame = pd.DataFrame({"corpus": "a", "history": [0, None], "bits": [66449.7, 1.5]}).astype({"history": "Int64"})
    [table] = build_tables({"history": frame})
    assert table.rows == (("0", "66,450"), ("all", "1.5"))
