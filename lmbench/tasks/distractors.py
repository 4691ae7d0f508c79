"""Wrong answers to choose from: the right answers of other items, of similar length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random

from lmbench.tasks.task import Item

COUNT = 3
_NEAREST = 6


def offer_choices(items: Sequence[Item]) -> tuple[Item, ...]:
    """Return items with choices: the reference of each, and those of three others of the same groups.

    The three are drawn from the six whose lengths in bytes are nearest. The draw and the order of the choices depend on
    the item's identity alone, so they are the same for every seed. An item to which nothing compares keeps no choices.
    """
    return tuple(_offer(item, [other for other in items if other.groups == item.groups]) for item in items)


def _offer(item: Item, others: Sequence[Item]) -> Item:
    random = Random(item.id)
    answer = item.references[0]
    texts = sorted({text for other in others for text in other.references[:1]} - set(item.references))
    near = sorted(texts, key=lambda text: abs(len(text.encode()) - len(answer.encode())))[:_NEAREST]
    wrong = random.sample(near, min(COUNT, len(near)))
    return shuffle_choices(item, wrong, random) if wrong else item


def shuffle_choices(item: Item, wrong: Sequence[str], random: Random) -> Item:
    """Return an item whose choices are its reference and these wrong answers, in a random order."""
    gold = random.randrange(len(wrong) + 1)
    choices = [*wrong[:gold], item.references[0], *wrong[gold:]]
    return replace(item, choices=tuple(choices), gold=gold)
