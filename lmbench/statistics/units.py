"""The units of a text that are resampled: its documents, or blocks of neighbors that depend on each other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lmbench.arrays import AnyInts, Floats, Ints

_LINES = 50
_MEASURED = 50  # blocks that a text is divided into to measure the inflation
_RESAMPLED = 20  # blocks that are resampled: longer ones, because borders cut what belongs together
_FEWEST_BLOCKS = 10
_MOST = 10_000
_LARGEST_INFLATION = 1.5
_CHANCE = 0.001
_DOMINANT_SHARE = 0.25

FEWEST_EFFECTIVE = 10.0
"""Effective units below which no ranking is claimed, and intervals are the jackknife's."""


@dataclass(frozen=True, slots=True)
class Inflation:
    """How much larger the variance of bits per byte is if neighboring documents are resampled together.

    Attributes:
        documents: The documents of a block, on average.
        factor: The variance that blocks of so many documents give, over that of single documents. 1 if the documents do
            not depend on each other.
    """

    documents: float
    factor: float


@dataclass(frozen=True, slots=True)
class Units:
    """What is resampled.

    Attributes:
        starts: (units,) the number of each unit's first document.
        sizes: (units,) bytes.
        documents: The number of documents.
        inflation: The inflation of the variance at blocks of 1, 2, 5, … documents, and last at blocks of 1/50 of the
            text; empty if there are too few documents for blocks.
        are_blocks: Whether blocks are used because the documents depend on each other.
        dominant: The numbers of documents with over a quarter of the bytes.
    """

    starts: Ints
    sizes: Floats
    documents: int
    inflation: tuple[Inflation, ...] = ()
    are_blocks: bool = False
    dominant: tuple[int, ...] = ()

    @classmethod
    def choose(cls, bits: Floats, sizes: AnyInts, lines: AnyInts) -> Units:
        """Choose the units of a text.

        The inflation is measured on blocks of consecutive documents with at least 50 lines and 1/50 of the bytes, if
        there are 10 or more of them. If these increase the variance of the median model's bits per byte by over a half,
        and by more than chance, a document's bits tell those of its neighbors, and intervals over documents would be
        too narrow. Blocks of at least 50 lines and 1/20 of the bytes are used instead.

        Args:
            bits: (models, documents).
            sizes: (documents,) bytes.
            lines: (documents,) line ends. A document counts as at least one line.
        """
        wide = sizes.astype(np.float64)
        dominant = tuple(np.flatnonzero(wide > _DOMINANT_SHARE * wide.sum()).tolist())
        lines = np.maximum(lines, 1)
        blocks = _form_blocks(wide, lines, _MEASURED)
        inflation = _measure_inflation(bits, wide, blocks)
        are_blocks = bool(inflation) and _is_dependent(inflation[-1].factor, len(blocks))
        starts = _form_blocks(wide, lines, _RESAMPLED) if are_blocks else _limit(len(wide))
        return cls(starts, np.add.reduceat(wide, starts), len(wide), inflation, are_blocks, dominant)

    @property
    def effective(self) -> float:
        """The effective number of units."""
        return count_effective(self.sizes)

    @property
    def are_too_few(self) -> bool:
        """Whether they are too few, or too unequal, to rank models."""
        return self.effective < FEWEST_EFFECTIVE

    def sum(self, values: NDArray[np.generic]) -> Floats:
        """Return the sums over each unit, (…, units), of values of each document, (…, documents)."""
        sums: Floats = np.add.reduceat(values, self.starts, axis=-1, dtype=np.float64)
        return sums


def count_effective(sizes: Floats) -> float:
    """Return the effective number of units: (sum of bytes)² / sum of squared bytes (Kish, "Survey sampling", 1965)."""
    return float(sizes.sum() ** 2 / (sizes**2).sum())


def _form_blocks(sizes: Floats, lines: AnyInts, most: int) -> Ints:
    """Return the first document of each block. A rest that is too small belongs to the last block.

    Args:
        sizes: (documents,) bytes.
        lines: (documents,) lines.
        most: Into how many blocks the text is divided at most.
    """
    least, starts, block_bytes, block_lines = sizes.sum() / most, [0], 0.0, 0
    for number, (size, count) in enumerate(zip(sizes.tolist(), lines.tolist(), strict=True)):
        if block_bytes >= least and block_lines >= _LINES:
            starts.append(number)
            block_bytes, block_lines = 0.0, 0
        block_bytes, block_lines = block_bytes + size, block_lines + count
    if len(starts) > 1 and not (block_bytes >= least and block_lines >= _LINES):
        starts.pop()
    return np.array(starts, dtype=np.int64)


def _limit(documents: int) -> Ints:
    """Return the first document of each unit: each is one, or at most 10,000 units of neighbors, to bound the work."""
    units = min(documents, _MOST)
    return np.arange(units, dtype=np.int64) * documents // units


def _measure_inflation(bits: Floats, sizes: Floats, blocks: Ints) -> tuple[Inflation, ...]:
    """Return the inflation of the variance, for the model that has the median one at the blocks.

    It is empty if there are fewer than 10 blocks, or if the blocks are the documents.
    """
    documents = len(sizes)
    if not _FEWEST_BLOCKS <= len(blocks) < documents:
        return ()
    factors = np.array([_inflate(_find_residuals(row, sizes), blocks) for row in bits])
    if not (varying := np.count_nonzero(~np.isnan(factors))):
        return ()
    median = np.argsort(factors)[varying // 2]  # NaN is last
    residuals = _find_residuals(bits[median], sizes)
    grid = [size for size in _sizes((documents - 1) // len(blocks)) if documents >= _FEWEST_BLOCKS * size]
    found = [Inflation(size, _inflate(residuals, np.arange(0, documents - size + 1, size))) for size in grid]
    return (*found, Inflation(documents / len(blocks), float(factors[median])))


def _is_dependent(factor: float, blocks: int) -> bool:
    """Return whether the inflation at so many blocks is large, and larger than independent documents have by chance.

    The variance over blocks of independent documents is that over documents times chi-squared / degrees of freedom. Of
    four synthetic corpora with 20 blocks of independent lines, two have an inflation above 1.5.
    """
    from scipy.special import chdtrc  # not at the top: it takes half a second

    return factor > _LARGEST_INFLATION and float(chdtrc(blocks - 1, factor * (blocks - 1))) < _CHANCE


def _find_residuals(bits: Floats, sizes: Floats) -> Floats:
    """Return the bits of each document less those of so many average bytes, (documents,); 0 but for rounding is 0."""
    residuals: Floats = bits - (bits.sum() / sizes.sum()) * sizes
    return residuals if (residuals**2).sum() > 1e-20 * (bits**2).sum() else np.zeros_like(residuals)


def _inflate(residuals: Floats, starts: Ints) -> float:
    """Return the variance over blocks divided by that over documents; NaN if there is none."""
    variance = _variance(residuals)
    return _variance(np.add.reduceat(residuals, starts)) / variance if variance else math.nan


def _variance(residuals: Floats) -> float:
    """Return the variance of the sum of residuals, (units,), which have a sum of 0."""
    return float((residuals**2).sum()) * len(residuals) / (len(residuals) - 1)


def _sizes(largest: int) -> Sequence[int]:
    """Return 1, 2, 5, 10, 20, 50, … up to a number."""
    grid = (digit * 10**power for power in range(len(str(largest))) for digit in (1, 2, 5))
    return [size for size in grid if size <= largest]
