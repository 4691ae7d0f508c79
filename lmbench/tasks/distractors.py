"""Wrong answers to choose from: the right answers of other items, of similar length."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from random import Random

from lmbench.tasks.task import Item

COUNT = 3
_NEAREST = 6


def offer_choices(items: Sequence[Item]) -> tuple[Item, ...]:
    """Return items with choices: the reference of each, and those of three others of the same groups.

    The three are drawn from the six whose lengths in bytes are nearest. The draw and the order of the choices depend on
    the item's identity alone, so they are the same for every seed. An item that is alone in its groups is compared with
    all others. One that has choices keeps them, and one to which nothing compares does not get any.
    """
    texts: dict[tuple[tuple[str, str], ...], set[str]] = defaultdict(set)
    for item in items:
        texts[item.groups].update(item.references[:1])
    by_length = {groups: sorted(found, key=_length) for groups, found in texts.items()}
    everything = sorted(set().union(*texts.values()), key=_length)
    return tuple(item if item.choices else _offer(item, by_length[item.groups], everything) for item in items)


def shuffle_choices(item: Item, wrong: Sequence[str], random: Random) -> Item:
    """Return an item whose choices are its reference and these wrong answers, in a random order."""
    gold = random.randrange(len(wrong) + 1)
    choices = [*wrong[:gold], item.references[0], *wrong[gold:]]
    return replace(item, choices=tuple(choices), gold=gold)


def _offer(item: Item, *pools: Sequence[str]) -> Item:
    """Return an item with choices from the first pool that has some. Each is in the order of lengths."""
    random = Random(item.id)
    near = next(filter(None, (_find_nearest(item, texts) for texts in pools)), [])
    wrong = random.sample(near, min(COUNT, len(near)))
    return shuffle_choices(item, wrong, random) if wrong else item


def _find_nearest(item: Item, texts: Sequence[str]) -> list[str]:
    """Return the texts whose lengths are nearest to that of an item's answer, without its references."""
    answer = item.references[0]
    place = bisect_left(texts, _length(answer), key=_length)
    reach = _NEAREST + len(item.references)  # so many on each side include the nearest that are not references
    around = [text for text in texts[max(place - reach, 0) : place + reach] if text not in item.references]
    return sorted(around, key=lambda text: abs(len(text.encode()) - len(answer.encode())))[:_NEAREST]


def _length(text: str) -> tuple[int, str]:
    return len(text.encode()), text
