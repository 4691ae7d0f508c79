"""Draws of items: a limited number from all groups alike, and examples that are not asked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from random import Random

from lmbench.tasks.task import Item


def draw_items(items: Sequence[Item], limit: int, seed: int) -> tuple[Item, ...]:
    """Return some of the items, in their order, from each group in proportion to its size.

    A larger limit adds items and removes none.

    Args:
        items: The items.
        limit: How many to return, at most.
        seed: Seed of the draw.
    """
    random = Random(seed)
    strata: dict[tuple[tuple[str, str], ...], list[int]] = defaultdict(list)
    for index, item in enumerate(items):
        strata[item.groups].append(index)
    places = []
    for indices in strata.values():
        random.shuffle(indices)
        start = random.random()
        places += [((rank + start) / len(indices), index) for rank, index in enumerate(indices)]
    return tuple(items[index] for index in sorted(index for _, index in sorted(places)[:limit]))
