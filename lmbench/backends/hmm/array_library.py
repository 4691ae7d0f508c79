"""The operations of the forward-backward algorithm, in NumPy on the CPU and in PyTorch on a GPU.

Arrays of either library are annotated as Any.
"""

from __future__ import annotations

import ctypes
import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from scipy import sparse

from lmbench.arrays import Floats, Ints

Dtype = Literal["float32", "float64"]
Device = Literal["cpu", "cuda"]


class ArrayLibrary(ABC):
    """A library's arrays, of one precision and on one device.

    Attributes:
        matmul, multiply, divide: The library's functions, which write into `out`.
    """

    matmul: Callable[..., Any]
    multiply: Callable[..., Any]
    divide: Callable[..., Any]

    @abstractmethod
    def array(self, values: Floats) -> Any:
        """Convert from float64 in NumPy; the result may share memory with `values`."""

    @abstractmethod
    def empty(self, shape: tuple[int, ...]) -> Any:
        """Return an array whose values do not matter."""

    @abstractmethod
    def numpy(self, values: Any) -> Floats:
        """Convert to float64 in NumPy; the result may share memory with `values`."""

    @abstractmethod
    def copy(self, values: Any) -> Any:
        """Return a copy."""

    @abstractmethod
    def gather(self, rows: Any, ids: Ints, out: Any) -> None:
        """Write the rows with these ids, which must exist, into `out`."""

    @abstractmethod
    def column_sums(self, values: Any) -> Floats:
        """Return the sum of each column, added up in float64."""

    @abstractmethod
    def sparse_product(self, sums: sparse.csr_array, values: Any) -> Floats:
        """Return sums @ values; `sums` holds zeros and ones. The order of additions is fixed."""


class NumpyLibrary(ArrayLibrary):
    """NumPy's arrays."""

    matmul = staticmethod(np.matmul)
    multiply = staticmethod(np.multiply)
    divide = staticmethod(np.divide)

    def __init__(self, dtype: Dtype) -> None:
        self._dtype = np.dtype(dtype)

    def array(self, values: Floats) -> Any:
        return np.asarray(values, dtype=self._dtype)

    def empty(self, shape: tuple[int, ...]) -> Any:
        return np.empty(shape, self._dtype)

    def numpy(self, values: Any) -> Floats:
        return np.asarray(values, dtype=np.float64)

    def copy(self, values: Any) -> Any:
        return values.copy()

    def gather(self, rows: Any, ids: Ints, out: Any) -> None:
        np.take(rows, ids, axis=0, out=out, mode="clip")  # the default mode would write through a buffer

    def column_sums(self, values: Any) -> Floats:
        return np.asarray(values.sum(axis=0, dtype=np.float64))

    def sparse_product(self, sums: sparse.csr_array, values: Any) -> Floats:
        return np.asarray(sums.astype(self._dtype, copy=False) @ values, dtype=np.float64)


class TorchLibrary(ArrayLibrary):
    """PyTorch's tensors on one of its devices."""

    def __init__(self, dtype: Dtype, device: Device) -> None:
        import torch

        self._torch, self._device, self._dtype = torch, device, getattr(torch, dtype)
        self.matmul, self.multiply, self.divide = torch.matmul, torch.multiply, torch.divide

    def array(self, values: Floats) -> Any:
        return self._torch.as_tensor(values, dtype=self._dtype, device=self._device)

    def empty(self, shape: tuple[int, ...]) -> Any:
        return self._torch.empty(shape, dtype=self._dtype, device=self._device)

    def numpy(self, values: Any) -> Floats:
        return np.asarray(values.double().cpu().numpy())

    def copy(self, values: Any) -> Any:
        return values.clone()

    def gather(self, rows: Any, ids: Ints, out: Any) -> None:
        self._torch.index_select(rows, 0, self._torch.as_tensor(ids, device=self._device), out=out)

    def column_sums(self, values: Any) -> Floats:
        return np.asarray(values.double().sum(dim=0).cpu().numpy())

    def sparse_product(self, sums: sparse.csr_array, values: Any) -> Floats:
        # embedding_bag adds up rows in a fixed order; index_add on a GPU does not
        order, first = (self._torch.as_tensor(part, device=self._device) for part in (sums.indices, sums.indptr[:-1]))
        return self.numpy(self._torch.nn.functional.embedding_bag(order, values, first, mode="sum"))


def cuda_available() -> bool:
    """Return whether PyTorch finds a GPU. PyTorch is slow to import, so CUDA's driver is looked for first."""
    try:
        ctypes.CDLL("nvcuda.dll" if os.name == "nt" else "libcuda.so.1")
    except OSError:
        return False
    import torch

    return torch.cuda.is_available()
