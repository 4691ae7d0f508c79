from lmbench.report.contents import join_columns


def test_rows_come_in_the_order_in_which_columns_name_them():
    columns = [{"b": 1, "a": 2}, {}, {"c": 3, "a": 4}]
    assert join_columns(columns, 0) == [("b", [1, 0, 0]), ("a", [2, 0, 4]), ("c", [0, 0, 3])]
    assert join_columns([], 0) == []
