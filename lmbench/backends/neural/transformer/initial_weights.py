"""Embeddings that start from the statistics of the training text, so that training does not have to find them.

Shapes in comments: V ids, C width.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from lmbench.arrays import Ints
from lmbench.backends.neural.transformer.networks import Network

_BIAS = 8.0  # length of the final norm's bias; with more, the embeddings share less of the logarithms
_UNSEEN = 0.3  # the count of an id that the training text does not have
_DEVIATION = 0.02  # of GPT-2's initial weights
_SMOOTHING = 0.75  # of the contexts' counts (Levy et al. 2015)


@torch.no_grad()
def start_from_counts(network: Network, counts: Ints) -> None:
    """Let a network's first predictions be the relative frequencies of the ids.

    Normalized states have a mean of zero, so the direction (1, …, 1) is free. The final norm's bias points in it, and
    the embeddings' part in it is proportional to the logarithm of the frequency. Norms before the blocks remove that
    part, so that the blocks do not see it.

    Args:
        network: A network with its first weights.
        counts: (V,) how often each id is predicted.
    """
    logs = torch.from_numpy(np.log(np.maximum(counts, _UNSEEN))).float()
    table = network.tokens.weight
    direction = torch.full((table.shape[1],), 1 / math.sqrt(table.shape[1]))
    table -= torch.outer(table @ direction, direction)
    table += torch.outer((logs - logs.mean()) / _BIAS, direction)
    network.norm.bias.copy_(_BIAS * direction)


@torch.no_grad()
def start_from_neighbors(network: Network, sequences: Sequence[Ints]) -> None:
    """Give ids with similar neighbors similar embeddings.

    They are the first singular vectors, times the roots of the singular values, of the positive pointwise mutual
    information between an id and the ids before and after it (Levy and Goldberg 2014), turned at random so that all
    dimensions vary alike. A tenth of the first weights stays, for ids without informative neighbors.

    Args:
        network: A network with its first weights.
        sequences: The ids of each document.
    """
    table = network.tokens.weight
    information = _mutual_information(sequences, table.shape[0])
    rank = min(table.shape)
    left, values, _ = torch.svd_lowrank(information, q=min(rank + 16, len(table)), niter=1)
    turn = torch.linalg.qr(torch.randn(table.shape[1], rank)).Q  # (C, rank)
    vectors = (left[:, :rank] * values[:rank].sqrt()) @ turn.T  # (V, C)
    table.mul_(0.1).add_(vectors, alpha=_DEVIATION / float(vectors.std()))


def _mutual_information(sequences: Sequence[Ints], ids: int) -> Tensor:
    """Return max(0, log P(a, b) / (P(a) P'(b))) of each id a and its right and left neighbors b, sparse (V, 2V).

    P' is the frequency to the power of 3/4, normalized, so that rare neighbors do not dominate.
    """
    before = np.concatenate([sequence[:-1] for sequence in sequences])
    after = np.concatenate([sequence[1:] for sequence in sequences])
    pairs = sparse.coo_matrix((np.ones(len(before)), (before, after)), shape=(ids, ids)).tocsr()
    both = sparse.hstack([_positive_information(pairs), _positive_information(pairs.T.tocsr())]).tocoo()
    indices, values = torch.from_numpy(np.stack([both.row, both.col])), torch.from_numpy(both.data).float()
    return torch.sparse_coo_tensor(indices, values, both.shape, check_invariants=False).coalesce()


def _positive_information(pairs: sparse.csr_matrix) -> sparse.csr_matrix:
    cells = pairs.tocoo()
    rows, columns = np.asarray(pairs.sum(axis=1)).ravel(), np.asarray(pairs.sum(axis=0)).ravel()
    neighbors = columns**_SMOOTHING / (columns**_SMOOTHING).sum()
    information = np.log(cells.data / (rows[cells.row] * neighbors[cells.col]))
    return sparse.csr_matrix((np.maximum(information, 0), (cells.row, cells.col)), shape=pairs.shape)
