"""The check that items can be asked, whoever wrote them."""

from __future__ import annotations

from collections.abc import Sequence

import regex

from lmbench.corpora.encoding import check_text
from lmbench.errors import TaskError, kind_of
from lmbench.printable import printable
from lmbench.tasks.task import Item

LARGEST = 1 << 16
"""The most bytes of a context with one answer: more than the 8,192 tokens that small pretrained models read at once, so
that a larger one would be cut, and a model would not be asked what the table says."""

_LATIN = "en de fr es it pt nl pl sv da no fi cs tr vi id ro hu"
_SCRIPTS = {
    **dict.fromkeys(_LATIN.split(), r"\p{Latin}"),
    **dict.fromkeys(("ru", "uk", "bg", "sr"), r"\p{Cyrillic}"),
    **dict.fromkeys(("ar", "fa", "ur"), r"\p{Arabic}"),
    "zh": r"\p{Han}",
    "ja": r"[\p{Han}\p{Hiragana}\p{Katakana}]",
    "ko": r"[\p{Hangul}\p{Han}]",
    "el": r"\p{Greek}",
    "he": r"\p{Hebrew}",
    "hi": r"\p{Devanagari}",
    "th": r"\p{Thai}",
}
_SHOWN = 40  # characters


def check_items(items: Sequence[Item], place: str, language: str = "") -> None:
    """Check that items can be asked.

    Args:
        items: The items.
        place: What they are of, for errors: "my.jsonl".
        language: The language of their answers; "" if it is not declared.

    Raises:
        TaskError: There are no items, or one of them cannot be used; the message names it by its number, from 1.
    """
    if not items:
        raise TaskError(f"{place} has no items; a task needs at least one")
    numbers: dict[str, int] = {}
    for number, item in enumerate(items, start=1):
        where = f"{place}, item {number}"
        check_item(item, where)
        check_language(item, language, where)
        if item.id in numbers:
            raise TaskError(
                f"{where}: its id, '{_shorten(item.id)}', is that of item {numbers[item.id]}; give it another"
            )
        numbers[item.id] = number


def check_item(item: Item, where: str) -> None:
    """Check one item.

    Raises:
        TaskError: It cannot be used.
    """
    for name in ("choices", "references", "groups"):
        if type(values := getattr(item, name)) is not tuple:
            raise TaskError(f"{where}: its {name} are {kind_of(values)}; they must be a tuple")
    _check_groups(item, where)
    texts = {"id": item.id, "context": item.context}
    texts |= {f"choice {number}": choice for number, choice in enumerate(item.choices)}
    texts |= {f"reference {number}": reference for number, reference in enumerate(item.references)}
    for name, text in texts.items():
        if type(text) is not str:
            raise TaskError(f"{where}: its {name} is {kind_of(text)}; it must be a text")
        if name != "context" and not text.strip():
            raise TaskError(f"{where}: its {name} is blank")
        check_text(text, f"{where}: its {name}")
    if item.choices:
        _check_choices(item, where)
    elif not item.references:
        raise TaskError(f"{where} has neither choices nor references, so no answer is right; give one of them")
    _check_size(item, where)


def check_examples(examples: Sequence[Item], items: Sequence[Item], place: str) -> None:
    """Check that no example is one of the items that are asked, with its answer.

    Raises:
        TaskError: One of them is.
    """
    asked = {(item.context, right_answer(item)): number for number, item in enumerate(items, start=1)}
    for number, example in enumerate(examples, start=1):
        if same := asked.get((example.context, right_answer(example))):
            raise TaskError(f"{place}, item {number} is item {same} of those that are asked; an example must not be")


def right_answer(item: Item) -> str:
    """Return the right answer of an item: its right choice, or else its first reference."""
    return item.choices[item.gold] if item.gold is not None else item.references[0]


def _check_groups(item: Item, where: str) -> None:
    names = set()
    for pair in item.groups:
        if type(pair) is not tuple or [type(part) for part in pair] != [str, str]:
            raise TaskError(f"{where}: one of its groups is not a pair of texts, a name and a value")
        name, value = pair
        if not name.strip() or name in names:
            raise TaskError(f"{where}: the name of a group, '{_shorten(name)}', is blank, or is there twice")
        names.add(name)
        check_text(name + value, f"{where}: its group")


def _check_choices(item: Item, where: str) -> None:
    count = len(item.choices)
    if count == 1:
        raise TaskError(f"{where} has one choice; give at least two")
    if item.gold is None:
        raise TaskError(f"{where} has choices and no gold; give the number of the right choice, from 0 to {count - 1}")
    if type(item.gold) is not int:
        raise TaskError(f"{where}: gold is {kind_of(item.gold)}; it must be a whole number from 0 to {count - 1}")
    if not 0 <= item.gold < count:
        raise TaskError(f"{where}: gold is {item.gold}; with {count} choices, it must be from 0 to {count - 1}")
    for number, choice in enumerate(item.choices):
        if (first := item.choices.index(choice)) < number:
            raise TaskError(f"{where}: choices {first} and {number} are the same, '{_shorten(choice)}'")


def _check_size(item: Item, where: str) -> None:
    longest = max(len(answer.encode()) for answer in item.choices + item.references)
    size = len(item.context.encode()) + longest
    if size > LARGEST:
        raise TaskError(
            f"{where} has {size:,} bytes in its context and its longest answer; shorten it to {LARGEST:,}, because "
            "models do not read more at once"
        )


def check_language(item: Item, language: str, where: str) -> None:
    """Check that the answers of an item have a letter of the language's script, if they have letters at all.

    Raises:
        TaskError: They are in another language.
    """
    script = _SCRIPTS.get(language.partition("-")[0])
    answers = item.choices + item.references
    text = "".join(answers)
    if script and any(map(str.isalpha, text)) and not regex.search(script, text):
        raise TaskError(
            f"{where}: '{_shorten(answers[0])}' is not in the language '{language}', which has other letters; correct "
            "the item, or the language of the task"
        )


def _shorten(text: str) -> str:
    shown = printable(text)
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
