"""Compact letters: models share a letter if and only if they do not differ."""

from __future__ import annotations

import string
from collections.abc import Iterable, Sequence

from lmbench.arrays import Flags

_MOST = 200


def find_letters(differs: Flags) -> tuple[str, ...]:
    """Return each model's letters: two models share one if and only if they do not differ.

    All are "" if over 200 letters would be needed, which can happen only if differences have no order at all.

    The algorithm is insert-and-absorb (Piepho, "An algorithm for a letter-based representation of all-pairwise
    comparisons", 2004).

    Args:
        differs: (models, models) whether two models differ, for models from best to worst; symmetric.
    """
    models = len(differs)
    groups = [frozenset(range(models))]
    for first in range(models):
        for second in range(first + 1, models):
            if differs[first, second]:
                groups = _absorb(_insert(groups, first, second))
                if len(groups) > _MOST:
                    return ("",) * models
    ordered = sorted(groups, key=sorted)
    names = _name(len(ordered))
    return tuple(
        "".join(name for name, group in zip(names, ordered, strict=True) if model in group) for model in range(models)
    )


def _insert(groups: Iterable[frozenset[int]], first: int, second: int) -> list[frozenset[int]]:
    """Return the groups, with each group of both models split in two."""
    return [
        part
        for group in groups
        for part in ((group - {first}, group - {second}) if {first, second} <= group else (group,))
    ]


def _absorb(groups: Iterable[frozenset[int]]) -> list[frozenset[int]]:
    """Return the groups without those that are parts of others."""
    different = list(dict.fromkeys(groups))
    return [group for group in different if not any(group < other for other in different)]


def _name(count: int) -> Sequence[str]:
    """Return as many names: a, b, …, z, A, …, Z, then (53), (54), …"""
    return [*string.ascii_letters[:count], *(f"({number})" for number in range(53, count + 1))]
