"""The fables' tasks, against the corpora of the same fables."""

import pytest

from lmbench import load_corpus
from lmbench.tasks.fables import load_morals, load_questions, load_translations

TASKS = {
    "qa-en": load_questions("en"),
    "qa-zh": load_questions("zh"),
    "summarize-en": load_morals("en"),
    "summarize-zh": load_morals("zh"),
    "translate-en-zh": load_translations("en", "zh"),
    "translate-zh-en": load_translations("zh", "en"),
}


@pytest.mark.parametrize("name", TASKS)
def test_the_items_are_those_of_the_test_split(name):
    task = TASKS[name]
    assert task.name == task.training_name == f"fables-{name}"
    assert len({item.id[:3] for item in task.items}) == 24
    assert all(int(item.id[:3]) % 5 == 0 for item in task.items)
    assert all(int(item.id[:3]) % 5 for item in task.examples)
    assert all(len(set(item.choices)) == 4 and item.choices[item.gold] == item.references[0] for item in task.items)


@pytest.mark.parametrize("name", TASKS)
def test_the_training_text_has_no_item_and_the_task_s_own_format(name):
    task = TASKS[name]
    texts = task.training.train.documents + task.training.valid.documents
    assert all(item.context not in text for item in task.items for text in texts)
    assert all(task.solve(item).rstrip("\n") + "\n" in texts for item in task.examples)
    assert all(text.endswith("\n") and not text.endswith("\n\n") for text in texts)


def test_a_question_follows_its_fable():
    [document] = [text for text in load_corpus("fables-en").test.documents if text.startswith("Pan Nine and Pan Ten")]
    item = TASKS["qa-en"].items[0]
    fable, _, question = item.context.rpartition("\n\n")
    assert document.startswith(fable)
    assert question.startswith("Question: ")
    assert question.endswith("?\nAnswer:")
    assert TASKS["qa-zh"].items[0].context.endswith("？\n回答：")
    assert TASKS["qa-zh"].items[0].gold == item.gold
    assert TASKS["qa-zh"].requests(TASKS["qa-zh"].items[0])[0].text == TASKS["qa-zh"].items[0].choices[0]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_longest_answer_is_right_as_often_as_the_note_says(language):
    task = TASKS[f"qa-{language}"]
    hits = []
    for item in task.items + task.examples:
        sizes = [len(choice.encode()) for choice in item.choices]
        hits.append((sizes[item.gold] == max(sizes)) / sizes.count(max(sizes)))
    assert len(hits) == 120
    assert f"{sum(hits) / len(hits):.0%}".replace("%", " %") in task.note


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_moral_is_the_end_of_the_corpus_s_document(language):
    task = TASKS[f"summarize-{language}"]
    for item, document in zip(task.items, load_corpus(f"fables-{language}").test.documents, strict=True):
        fable, moral = document.removesuffix("\n").rsplit("\n\n", 1)
        assert item.context.startswith(f"{fable}\n\n")
        assert item.references == (moral,)


def test_directions_of_translation_mirror_each_other():
    there, back = TASKS["translate-en-zh"], TASKS["translate-zh-en"]
    assert len(there.items) == 48
    for one, other in zip(there.items, back.items, strict=True):
        assert one.context == f"{other.references[0]} =>"
        assert other.context == f"{one.references[0]} =>"
    assert len(there.training.train.documents) == 84 * 7
    assert [dict(item.groups)["part"] for item in there.items[:2]] == ["title", "moral"]
