"""Names of corpora as users write them, alone or in a list: ``my.jsonl:field=body,limit=10``."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from lmbench.corpora.options import CorpusOptions, Selection
from lmbench.corpora.synthetic.sources import is_source
from lmbench.errors import SpecError
from lmbench.spec import Spec

_COLON = re.compile(r":(?=\s*\w+\s*=)")  # between a name and its options
_OPTION = re.compile(r"\s*(\w+)\s*=")
_SYNONYMS = {"column": "field"}  # tables have columns, and JSON has fields


def parse_names(text: str) -> list[str]:
    """Return the names in a comma-separated list, each once; ``option=value`` belongs to the corpus before it.

    A file's name may have commas: the longest part of the list that is the path of a file is one name.
    """
    return [text] if is_path(text) else list(dict.fromkeys(_join_parts(text.split(","))))


def divide_name(text: str) -> Spec:
    """Divide the name of a corpus from its options. The longest path that exists is the name, colons included.

    The options of a source belong to its name, except for those that every corpus takes. ``column`` is another name of
    the option ``field``.

    Raises:
        SpecError: A path is followed by something that is not an option.
    """
    heads = [text[: colon.start()] for colon in _COLON.finditer(text)]
    if is_path(text) or not heads:
        _check_suffix(text)
        return Spec(text)
    name = next(filter(is_path, reversed(heads)), heads[0])
    given = Spec.parse(f"corpus:{text[len(name) + 1 :]}").arguments
    arguments = tuple((_SYNONYMS.get(option, option), value) for option, value in given)
    if not is_source(name):
        return Spec(name, arguments)
    selection = tuple(argument for argument in arguments if argument[0] in Selection.model_fields)
    return Spec(str(Spec(name, tuple(argument for argument in arguments if argument not in selection))), selection)


def find_path(name: str) -> Path:
    """Return the path of this name. ``~`` is the home folder, unless there is a file of that name."""
    if os.path.lexists(name):
        return Path(name)
    return Path(os.path.expanduser(name))  # noqa: PTH111  (Path.expanduser raises for an unknown user)


def is_path(name: str) -> bool:
    """Return whether a file or a folder has this name."""
    return bool(name.strip()) and os.path.lexists(find_path(name))


def _join_parts(parts: Sequence[str]) -> Iterator[str]:
    """Yield the names, each with its options, whose parts between commas are given."""
    start = 0
    while start < len(parts):
        stop = _end_of_name(parts, start)
        name = ",".join(parts[start:stop]).strip()
        while stop < len(parts) and _takes(name, parts[stop]):
            name += ("," if _has_options(name) else ":") + parts[stop].strip()
            stop += 1
        if name:
            yield name
        start = stop


def _end_of_name(parts: Sequence[str], start: int) -> int:
    """Return where the name ends that begins with a part: after the longest path, or after this part."""
    for stop in range(len(parts), start + 1, -1):
        name = ",".join(parts[start:stop]).strip()
        last = len(name) - len(parts[stop - 1].strip())
        if is_path(name) or any(is_path(name[: colon.start()]) for colon in _COLON.finditer(name, last)):
            return stop
    return start + 1


def _takes(name: str, part: str) -> bool:
    """Return whether a part of a list is an option of the corpus before it."""
    option = _OPTION.match(part)
    if not name or option is None or is_path(part.strip()):
        return False
    return option[1] in {*CorpusOptions.model_fields, *_SYNONYMS} or _has_options(name) or is_source(name)


def _has_options(name: str) -> bool:
    return not is_path(name) and (_COLON.search(name) is not None or (is_source(name) and ":" in name))


def _check_suffix(text: str) -> None:
    name, _, suffix = text.rpartition(":")
    if not is_path(text) and is_path(name):
        raise SpecError(
            f"'{suffix}' in '{text}' is not an option; write option=value with one of: "
            f"{', '.join(CorpusOptions.model_fields)}"
        )
