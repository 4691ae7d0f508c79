"""Tasks as lines for the terminal, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from shutil import get_terminal_size
from textwrap import wrap

from lmbench.cli.inputs import refuse_corpus
from lmbench.errors import LmbenchError
from lmbench.progress import SILENT
from lmbench.runs.records import MetricRecord, TaskRecord
from lmbench.runs.task_records import record_task
from lmbench.tasks import loading
from lmbench.tasks.plugins import list_plugins
from lmbench.tasks.task import Completion, Item, Task

_SHOWN_ITEMS = 2
_NAME_WIDTH = 24
_LEAST_WIDTH = 30


def list_tasks() -> Iterator[str]:
    """Yield the lines of a list of all tasks that have a name, as wide as the terminal."""
    for name, named in loading.list_tasks().items():
        task = named.load(SILENT) if named.is_local else None
        extent = f"{len(task.items):,} items" if task else "not downloaded"
        yield from _wrap(name, f"{named.description} [{_join(named.kind, task.language if task else '', extent)}]")
    for name, plugin in list_plugins().items():
        if name not in loading.list_tasks():
            yield from _wrap(name, f"{plugin.summarize()} [{plugin.origin}]")
    for family, members in loading.FAMILIES.items():
        yield from _wrap(family, "the tasks that need no download" if family == "all" else ", ".join(members))


def describe_task(name: str) -> Iterator[str]:
    """Yield the lines that describe a task.

    Raises:
        LmbenchError: The task is unknown, or cannot be loaded.
    """
    task = _load(name)
    record = record_task(task)
    yield f"{record.name}: {record.description}"
    yield ""
    for label in ("kind", "language", "license", "citation"):
        if value := getattr(record, label):
            yield f"  {label:<9} {value}"
    yield f"  items     {record.items:,}"
    yield from map(_describe_metric, record.metrics)
    yield f"  train     {record.training_name}, {record.train_bytes:,} bytes"
    if record.overlap is not None:
        yield f"  overlap   {record.overlap:.2%} of the items with 13 words or more share 13 of them with this text"
    yield f"  signature {record.signature}"
    if record.note:
        yield f"  note      {record.note}"
    for item in task.items[:_SHOWN_ITEMS]:
        yield from _describe_item(task, item)


def format_tasks() -> Iterator[str]:
    """Yield each task that has a name as JSON; `items` and what else the files say are null if they are not here."""
    for name, named in loading.list_tasks().items():
        own = {"name": name, "kind": named.kind, "description": named.description, "is_local": named.is_local}
        yield json.dumps(own | _list_facts(named.load(SILENT) if named.is_local else None), ensure_ascii=False)
    for name, plugin in list_plugins().items():
        if name not in loading.list_tasks():
            yield json.dumps({"name": name, "origin": plugin.origin, "description": plugin.summarize()})


def format_task(name: str) -> str:
    """Return a task as JSON, as a run's manifest has it.

    Raises:
        LmbenchError: The task is unknown, or cannot be loaded.
    """
    record: TaskRecord = record_task(_load(name))
    return record.model_dump_json()


def _load(name: str) -> Task:
    from rich.console import Console

    from lmbench.cli.displays import DownloadDisplay

    refuse_corpus(name)
    [one, *others] = loading.expand_names([name])
    if others:
        raise LmbenchError(f"'{name}' stands for {', '.join([one, *others])}; name one of them")
    with DownloadDisplay(Console(stderr=True)) as display:
        return loading.load_task(one, progress=display)


def _list_facts(task: Task | None) -> dict[str, object]:
    if task is None:
        return {"items": None, "language": None, "metrics": None, "license": None, "citation": None}
    return {
        "items": len(task.items),
        "language": task.language,
        "metrics": [metric.name for metric in task.metrics],
        "license": task.license,
        "citation": task.citation,
    }


def _describe_metric(metric: MetricRecord) -> str:
    chance = "" if metric.chance is None else f"; chance {metric.chance:.1%}"
    return f"  measure   {metric.name}: {metric.description}{chance}"


def _describe_item(task: Task, item: Item) -> Iterator[str]:
    """Yield the requests of an item, with the right answer."""
    yield f"  item      {item.id}"
    for request in task.requests(item):
        if isinstance(request, Completion):
            yield f"    write   after {request.prompt!r}"
        else:
            yield f"    score   {request.text!r}{f' after {request.context!r}' * bool(request.context)}"
    right = [item.choices[item.gold]] if item.gold is not None else list(item.references)
    yield f"    right   {' | '.join(map(repr, right))}"


def _wrap(name: str, text: str) -> list[str]:
    """Return the lines of an entry of a list: its name, and a text beside it."""
    width, indent = get_terminal_size().columns, " " * _NAME_WIDTH
    lines = wrap(text, max(width - _NAME_WIDTH, _LEAST_WIDTH), break_on_hyphens=False)
    return [f"{name:<{_NAME_WIDTH - 1}} {lines[0]}", *(indent + line for line in lines[1:])]


def _join(*parts: str) -> str:
    return ", ".join(filter(None, parts))
