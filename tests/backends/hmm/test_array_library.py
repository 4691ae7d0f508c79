import numpy as np
import pytest
from scipy import sparse

from lmbench.backends.hmm.array_library import NumpyLibrary, TorchLibrary


@pytest.fixture(params=["numpy", "torch"])
def arrays(request, one_thread):
    return NumpyLibrary("float64") if request.param == "numpy" else TorchLibrary("float64", "cpu")


ROWS = np.arange(6.0).reshape(3, 2)


def test_rows_are_gathered(arrays):
    out = arrays.empty((2, 2))
    arrays.gather(arrays.array(ROWS), np.array([2, 0]), out)
    assert arrays.numpy(out).tolist() == [[4, 5], [0, 1]]


def test_sums_of_columns_and_of_rows(arrays):
    values = arrays.array(ROWS)
    assert arrays.column_sums(values).tolist() == [6, 9]
    sums = sparse.csr_array(np.array([[1.0, 0, 1], [0, 1, 0]]))
    assert arrays.sparse_product(sums, values).tolist() == [[4, 6], [2, 3]]


def test_copies_are_independent(arrays):
    values = arrays.array(ROWS.copy())
    copy = arrays.copy(values)
    values[0] = 9
    assert arrays.numpy(copy).tolist() == ROWS.tolist()
