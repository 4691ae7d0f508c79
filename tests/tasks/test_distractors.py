from random import Random

from lmbench.tasks.distractors import offer_choices
from lmbench.tasks.task import Item

MORALS = [Item(str(i), f"fable {i}", references=("m" * (10 + i),), groups=(("part", "moral"),)) for i in range(20)]
TITLES = [Item(f"t{i}", f"title {i}", references=(f"t{i}",), groups=(("part", "title"),)) for i in range(2)]


def test_wrong_answers_are_those_of_other_items_of_similar_length():
    for item in offer_choices(MORALS):
        right = item.choices[item.gold]
        assert right == item.references[0]
        assert len(set(item.choices)) == 4
        assert all(abs(len(choice) - len(right)) <= 6 for choice in item.choices)


def test_the_right_one_is_anywhere_and_the_draw_is_always_the_same():
    offered = offer_choices(MORALS)
    assert {item.gold for item in offered} == {0, 1, 2, 3}
    assert offer_choices(MORALS) == offered


def test_only_items_of_the_same_groups_are_compared():
    offered = offer_choices([*MORALS, *TITLES])
    assert all(choice[0] == "t" for item in offered if item.id[0] == "t" for choice in item.choices)
    assert [len(item.choices) for item in offered[-2:]] == [2, 2]


def test_an_item_alone_in_its_groups_is_compared_with_all():
    *_, alone = offer_choices([*MORALS, Item("0", "a word", references=("word",), groups=(("part", "word"),))])
    assert alone.choices[alone.gold] == "word"
    assert len(alone.choices) == 4


def test_an_answer_is_never_a_wrong_one():
    same = [
        Item("1", "a", references=("same", "other")),
        Item("2", "b", references=("same",)),
        Item("3", "c", references=("other",)),
    ]
    first, second, _ = offer_choices(same)
    assert first.choices == ()
    assert set(second.choices) == {"same", "other"}


def test_the_nearest_are_those_of_a_search_among_all():
    random = Random(0)
    items = [Item(str(i), references=tuple({"x" * random.randrange(1, 200) for _ in range(2)})) for i in range(300)]
    texts = {item.references[0] for item in items}
    for item in offer_choices(items):
        right = item.references[0]
        distances = sorted(abs(len(text) - len(right)) for text in texts - set(item.references))
        wrong = [abs(len(choice) - len(right)) for choice in item.choices if choice != right]
        assert len(wrong) == 3
        assert max(wrong) <= distances[5]
