"""Fixtures of the hidden Markov models' tests."""

import pytest

from lmbench.backends.hmm import forward_backward
from lmbench.backends.hmm.array_library import TorchLibrary


@pytest.fixture(params=["numpy", "torch"])
def library(request, monkeypatch, one_thread):
    """Run the test with NumPy, and with PyTorch on the CPU instead of on a GPU."""
    if request.param == "torch":
        monkeypatch.setattr(forward_backward, "NumpyLibrary", lambda dtype: TorchLibrary(dtype, "cpu"))
    return request.param
