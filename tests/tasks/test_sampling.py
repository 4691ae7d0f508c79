from collections import Counter

import pytest

from lmbench.errors import SpecError
from lmbench.tasks.multiple_choice import MultipleChoice
from lmbench.tasks.sampling import draw_items, hold_out_examples
from lmbench.tasks.task import Item


def make_items(sizes):
    return tuple(
        Item(f"{g}-{i}", choices=("a", "b"), gold=0, groups=(("g", str(g)),))
        for g, n in enumerate(sizes)
        for i in range(n)
    )


@pytest.mark.parametrize(
    ("sizes", "limit", "shares"), [((100, 100, 100), 30, (10, 10, 10)), ((200, 100), 30, (20, 10))]
)
def test_groups_are_drawn_in_proportion(sizes, limit, shares):
    drawn = draw_items(make_items(sizes), limit, 0)
    counts = Counter(item.groups[0][1] for item in drawn)
    assert len(drawn) == limit
    assert all(abs(counts[str(group)] - share) <= 1 for group, share in enumerate(shares))


def test_fewer_items_than_groups_are_from_different_groups():
    drawn = draw_items(make_items([10] * 8), 5, 0)
    assert len({item.groups for item in drawn}) == 5


def test_items_keep_their_order_and_a_larger_limit_adds_some():
    items = make_items((50, 30))
    small, large = draw_items(items, 10, 3), draw_items(items, 20, 3)
    assert [items.index(item) for item in large] == sorted(items.index(item) for item in large)
    assert set(small) < set(large)
    assert draw_items(items, 999, 3) == items


def test_items_are_drawn_and_not_the_first_ones():
    items = make_items((1000,))
    drawn = [draw_items(items, 100, seed) for seed in (0, 1)]
    assert drawn[0] != drawn[1]
    places = [items.index(item) for item in drawn[0]]
    assert 400 < sum(places) / len(places) < 600


def test_examples_are_never_asked():
    task = MultipleChoice("t", make_items((100,)), shots=3, provenance="here")
    held = hold_out_examples(task)
    assert len(held.examples) == 20
    assert {*held.items, *held.examples} == set(task.items)
    assert len(held.items) == 80
    assert held.provenance == "here,examples=20-held-out"
    assert held.note == "20 of its items are examples and are not asked."


def test_a_task_without_enough_items_has_no_examples():
    task = MultipleChoice("t", make_items((3,)), shots=3)
    with pytest.raises(SpecError, match="t has 3 items: too few to take 3 of them as examples"):
        hold_out_examples(task)
