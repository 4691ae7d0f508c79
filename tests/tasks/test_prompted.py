from lmbench.tasks.multiple_choice import MultipleChoice
from lmbench.tasks.question_answering import QuestionAnswering
from lmbench.tasks.task import Item

EXAMPLES = tuple(Item(f"e{i}", f"Q: {i}?\nA:", ("no", f"yes {i}"), 1) for i in range(9))
ASKED = tuple(Item(f"{i}", f"Q: asked {i}?\nA:", ("no", "yes"), 0) for i in range(30))
TASK = MultipleChoice("t", ASKED, shots=2, examples=EXAMPLES, provenance="here")


def test_examples_are_joined_as_in_lm_eval():
    first, second = TASK.draw_examples(ASKED[0])
    number = [item.context[3] for item in (first, second)]
    assert TASK.write_context(ASKED[0]) == (
        f"Q: {number[0]}?\nA: yes {number[0]}\n\nQ: {number[1]}?\nA: yes {number[1]}\n\nQ: asked 0?\nA:"
    )


def test_examples_depend_on_the_item_and_the_seed_alone():
    drawn = [TASK.draw_examples(item) for item in ASKED]
    assert drawn == [TASK.draw_examples(item) for item in ASKED]
    assert len({tuple(example.id for example in examples) for examples in drawn}) > 15
    assert {example.id for examples in drawn for example in examples} == {example.id for example in EXAMPLES}
    other = MultipleChoice("t", ASKED[:3], shots=2, examples=EXAMPLES, seed=1)
    assert [other.draw_examples(item) for item in ASKED] != drawn
    assert all(len({example.id for example in examples}) == 2 for examples in drawn)


def test_an_answer_may_have_room_for_all_references():
    item = Item("1", "Q", references=("a", "雾雾"))
    assert QuestionAnswering("q", (item,)).max_events == 6 + 16
    assert QuestionAnswering("q", (Item("1", "Q", references=("a" * 999,)),)).max_events == 256


def test_all_that_requests_depend_on_is_in_the_signature():
    assert str(TASK.signature()) == (
        r"task:multiple-choice-1|prompt:{context}|delimiter: |ending:|separator:\n\n|shots:2|seed:0|items:here"
    )
