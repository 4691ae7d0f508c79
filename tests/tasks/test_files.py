"""Users' files of JSON lines: each kind, and each mistake with the number of its item."""

import json

import pytest

from lmbench import load_task
from lmbench.errors import LmbenchError
from lmbench.tasks.files import KINDS
from lmbench.tasks.task import Item

RIGHT = {"question": "Which is red?", "choices": ["blood", "milk"], "gold": 0}


@pytest.fixture
def load(tmp_path, monkeypatch):
    """A function that writes a file of records, or of bytes, and loads it as a task."""
    monkeypatch.chdir(tmp_path)

    def write_and_load(records, options="kind=multiple-choice"):
        if not isinstance(records, bytes):
            records = "\n".join(json.dumps(record, ensure_ascii=False) for record in records).encode()
        (tmp_path / "my.jsonl").write_bytes(records)
        return load_task(f"my.jsonl:{options}")

    return write_and_load


def test_multiple_choice(load):
    task = load([RIGHT | {"id": "a", "group": "color"}, {"context": "Milk is", "choices": ["red", "white"], "gold": 1}])
    assert task.items == (
        Item("a", "Question: Which is red?\nAnswer:", ("blood", "milk"), 0, ("blood",), (("group", "color"),)),
        Item("2", "Milk is", ("red", "white"), 1, ("white",)),
    )
    assert task.kind == "multiple-choice"
    assert task.training_name == "fables-en"
    assert task.provenance.startswith("file=my.jsonl,sha256=")


def test_minimal_pairs(load):
    [item] = load(
        [{"good": "He runs.", "bad": "He run.", "group": {"field": "verbs", "n": 1}}], "kind=minimal-pairs"
    ).items
    assert item == Item("1", "", ("He runs.", "He run."), 0, ("He runs.",), (("field", "verbs"), ("n", "1")))


def test_minimal_pairs_take_no_solved_items(load):
    with pytest.raises(LmbenchError, match=r"minimal pairs have no question .* write my\.jsonl:shots=0 beside"):
        load([{"good": "He runs.", "bad": "He run."}], "kind=minimal-pairs,shots=1")


def test_cloze(load):
    passages = [{"text": "the cat sat \n"}, {"context": "the cat", "answer": "sat"}]
    assert [(item.context, item.references) for item in load(passages, "kind=cloze").items] == [
        ("the cat", ("sat",))
    ] * 2


def test_translations_and_summaries_are_compared_with_those_of_other_items(load):
    pairs = [{"source": f"Hund {i}", "target": f"dog {i}"} for i in range(5)]
    task = load(pairs, "kind=translation,language=en")
    assert task.items[2].context == "Hund 2 =>"
    assert all(len(item.choices) == 4 and item.choices[item.gold] == item.references[0] for item in task.items)
    texts = [{"text": f"long {i}", "summary": f"short {i}"} for i in range(5)]
    assert load(texts, "kind=summarization").items[0].context == "long 0\n\nSummary:"
    given = [{"source": "Hund", "references": ["dog", "hound"], "choices": ["cat", "dog"], "gold": 1}]
    assert load(given, "kind=translation,language=en").items[0].references == ("dog", "hound")


def test_questions_have_references_or_choices(load):
    questions = [{"question": "Who?", "references": ["me", "I"]}, {"question": "Who?", "answer": "me"}, RIGHT]
    task = load(questions, "kind=question-answering")
    assert [item.references for item in task.items] == [("me", "I"), ("me",), ("blood",)]
    assert [len(item.choices) for item in task.items] == [0, 0, 2]


@pytest.mark.parametrize("first", [0, 1])
def test_own_choices_are_kept_and_items_without_any_get_some(load, first):
    own = {"source": "Hund", "target": "dog", "choices": ["cat", "dog"], "gold": 1}
    records = [own, {"source": "Maus", "target": "mouse", "group": "alone"}]
    task = load([records[first], records[1 - first]], "kind=translation")
    assert task.items[first].choices == ("cat", "dog")
    assert set(task.items[1 - first].choices) == {"mouse", "dog"}


def test_chinese_has_its_own_prompts(load):
    task = load([{"question": "哪个红？", "choices": ["血", "奶"], "gold": 0}], "kind=multiple-choice,language=zh")
    assert task.requests(task.items[0])[0].context == "问题：哪个红？\n回答："
    assert task.requests(task.items[0])[0].text == "血"
    assert task.training_name == "fables-zh"


def test_every_kind_has_a_name_of_its_own():
    assert [kind.kind for kind in KINDS.values()] == list(KINDS)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gold": None}, "has choices and no gold; give the number of the right choice, from 0 to 1"),
        ({"choices": ["a"]}, " has one choice; give at least two"),
        ({"gold": 2}, ": gold is 2; with 2 choices, it must be from 0 to 1"),
        ({"gold": -1}, ": gold is -1; with 2 choices, it must be from 0 to 1"),
        ({"gold": "A"}, ": gold is a str; it must be a whole number from 0 to 1"),
        ({"gold": True}, ": gold is a bool; it must be a whole number from 0 to 1"),
        ({"choices": ["a", " "]}, ": its choice 1 is blank"),
        ({"choices": ["a", "a"]}, ": choices 0 and 1 are the same, 'a'"),
        ({"choices": ["a", 3]}, ": 'choices' holds an int; it must be a list of texts"),
        ({"question": ["a"]}, ": 'question' holds a list; it must be a text"),
        (
            {"question": "x" * 1_000_000},
            "has 1,000,0.. bytes in its context and its longest answer; shorten it to 65,536",
        ),
        ({"question": "a\0"}, ": its context is not text: it has a NUL byte"),
        ({"question": "a\ud800"}, ": its context is not text: it has half of a surrogate pair"),
        ({"id": "1"}, ": its id, '1', is that of item 1; give it another"),
        ({"id": None}, ": its id is None; it must be a text or a whole number"),
        ({"group": "a\ud800"}, ": its group is not text: it has half of a surrogate pair"),
        ({"group": {"": "a"}}, ": the name of a group, '', is blank, or is there twice"),
        ({"group": ["a"]}, ": its group is a list; it must be a text, or an object of texts"),
        ({"choices": ["血", "奶"]}, ": '血' is not in the language 'en', which has other letters"),
    ],
)
def test_a_wrong_item_is_named(load, change, message):
    lines = [json.dumps(RIGHT), json.dumps(RIGHT | change)]  # escaped, since UTF-8 does not have halves of pairs
    with pytest.raises(LmbenchError, match=f"my.jsonl, item 2.*{message}") as refused:
        load("\n".join(lines).encode(), "kind=multiple-choice,language=en")
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'{"question": "caf\xe9"}', "my.jsonl, item 1 is not UTF-8: byte 0xe9; convert the file to UTF-8"),
        (b"\n\n{nope", "my.jsonl, item 1 is not JSON: Expecting property name"),
        (b"[1, 2]", "my.jsonl, item 1 is a list; it must be a JSON object with named fields"),
        (b"[" * 100_000, "my.jsonl, item 1 is nested too deeply"),
        (b"\n \n", "my.jsonl has no items; a task needs at least one"),
        (b'{"question": "Who?", "references": []}', "my.jsonl, item 1 has neither choices nor references"),
        (b'{"choices": ["a", "b"], "gold": 0}', "my.jsonl, item 1 lacks the field 'question' of"),
    ],
)
def test_a_file_that_is_not_one_of_records_is_refused(load, data, message):
    with pytest.raises(LmbenchError, match=message):
        load(data)


def test_a_translation_without_references_is_refused(load):
    with pytest.raises(LmbenchError, match=r"item 2 has neither choices nor references, so no answer is right"):
        load([{"source": "a", "target": "b"}, {"source": "c", "references": []}], "kind=translation")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("kind=cloze", "item 1 lacks the field 'context' of '{context}'; it has: question, choices, gold"),
        ("kind=multiple", "option kind=multiple: Input should be 'minimal-pairs', 'multiple-choice', "),
        ("language=en", "my.jsonl needs kind=: one of minimal-pairs, multiple-choice, cloze, "),
        ("kind=cloze,shot=1", r"unknown option of my.jsonl 'shot'; did you mean 'shots'\?"),
    ],
)
def test_a_wrong_kind_or_option_is_refused(load, options, message):
    with pytest.raises(LmbenchError, match=message):
        load([RIGHT], options)
    with pytest.raises(LmbenchError, match="item 1: 'text' has no word before the last one; give context and answer"):
        load([{"text": "cat"}], "kind=cloze")
