"""Draws of items: a limited number from all groups alike, and examples that are not asked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from random import Random

from lmbench.errors import SpecError
from lmbench.tasks.task import Item, Task

_HELD_OUT = 64


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


def hold_out_examples(task: Task) -> Task:
    """Return a task with fewer items: some are not asked, and are the examples instead.

    A fifth of the items is held out, at most 64, and at least as many as the task has shots.

    Raises:
        SpecError: No items would be left.
    """
    count = max(min(_HELD_OUT, len(task.items) // 5), task.shots)
    if count >= len(task.items):
        raise SpecError(f"{task.name} has {len(task.items)} items: too few to take {task.shots} of them as examples")
    examples = draw_items(task.items, count, task.seed)
    held = {item.id for item in examples}
    return replace(
        task,
        items=tuple(item for item in task.items if item.id not in held),
        examples=examples,
        provenance=f"{task.provenance},examples={count}-held-out",
        note=" ".join(filter(None, [task.note, f"{count} of its items are examples and are not asked."])),
    )
