"""The check that a task keeps its contract, for the tests of plugins."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from lmbench.errors import PluginError, kind_of
from lmbench.printable import printable
from lmbench.signature import plain_signature
from lmbench.tasks.checking import check_items
from lmbench.tasks.task import Completion, Continuation, Item, Likelihood, Metric, Request, Response, Task, Written

_HIGHEST = {"share": 1.0, "score": 100.0, "bits": math.inf}
_ROUNDING = 1e-9


def check_task(task: Task) -> None:
    """Check that a task keeps its contract on each of its items.

    Its requests are those of its contract and always the same; its measures of made-up answers, of a model that writes
    and of one that cannot, have a value of each metric and no other, within the bounds of the metric's unit.

    Args:
        task: The task.

    Raises:
        TaskError: An item cannot be asked.
        PluginError: The task breaks its contract; the message names the item.
    """
    check_metrics(task.metrics, task.name)
    check_items(task.items, task.name, task.language)
    plain_signature(task.signature())
    for number, item in enumerate(task.items, start=1):
        where = f"{task.name}, item {number}"
        requests = task.requests(item)
        check_requests(requests, where)
        if task.requests(item) != requests:
            raise PluginError(f"{where}: requests returned other requests when it was called again")
        for text in ("a text", None):
            check_values(task, task.measure(item, _make_up(requests, text)), where)
        check_chance(task, item, where)


def check_metrics(metrics: Sequence[Metric], where: str) -> None:
    """Check the names and units of metrics.

    Raises:
        PluginError: A name is blank or is there twice, or there is no such unit or metric of all texts.
    """
    names = set[str]()
    for metric in metrics:
        if not isinstance(metric.name, str) or not metric.name.strip() or metric.name in names:
            raise PluginError(f"{where}: the name of a metric, {metric.name!r}, is blank, or is there twice")
        names.add(metric.name)
        for field, known in (("unit", tuple(_HIGHEST)), ("corpus", ("", "bleu", "chrf"))):
            if (value := getattr(metric, field)) not in known:
                raise PluginError(
                    f"{where}: {metric.name} has the {field} {value!r}; it must be one of {', '.join(map(repr, known))}"
                )


def check_chance(task: Task, item: Item, where: str) -> None:
    """Check what a task says that guessing gives on an item.

    Raises:
        PluginError: It names something that is not one of the metrics, or has a value that the metric cannot have.
    """
    for name, value in task.chance(item).items():
        check_value(_metric(task, name, where), value, f"{where}: chance")


def check_values(task: Task, values: object, where: str) -> None:
    """Check what a task measures for an item: a value of each metric and of nothing else.

    Raises:
        PluginError: There are other names, or a value that the metric cannot have.
    """
    if not isinstance(values, Mapping):
        raise PluginError(f"{where}: measure returned {kind_of(values)}; it must return the value of each metric")
    if missing := {metric.name for metric in task.metrics} - values.keys():
        raise PluginError(f"{where}: measure lacks a value of {', '.join(sorted(missing))}")
    for name, value in values.items():
        metric = _metric(task, name, where)
        if value is not None:
            check_value(metric, value, f"{where}: measure")


def check_value(metric: Metric, value: object, where: str) -> None:
    """Check that a metric can have a value.

    Raises:
        PluginError: It is not a number within the bounds of the metric's unit.
    """
    high = _HIGHEST[metric.unit]
    if not isinstance(value, float | int) or not -_ROUNDING <= value <= high + _ROUNDING or math.isinf(value):
        raise PluginError(
            f"{where} gives {printable(repr(value))} for {metric.name}; it must be a number from 0 to {high:g}"
        )


def check_requests(requests: object, where: str) -> None:
    """Check that something is a tuple of requests.

    Raises:
        PluginError: It is anything else.
    """
    if requests == ():
        raise PluginError(f"{where}: requests returned an empty tuple; it must ask for something")
    if not isinstance(requests, tuple):
        raise PluginError(f"{where}: requests returned {kind_of(requests)}; it must return a tuple of requests")
    for request in requests:
        if not isinstance(request, Continuation | Completion):
            raise PluginError(f"{where}: requests returned {kind_of(request)} in its tuple; it must be a request")
        texts = (
            (request.context, request.text) if isinstance(request, Continuation) else (request.prompt, *request.stop)
        )
        if not all(isinstance(text, str) for text in texts):
            raise PluginError(f"{where}: {request!r} has a field that is not a text")
        if isinstance(request, Continuation) and not request.text:
            raise PluginError(f"{where}: a Continuation asks for the probability of an empty text")


def _make_up(requests: tuple[Request, ...], text: str | None) -> list[Response]:
    """Return made-up answers to requests, of which the first is the likeliest."""
    return [
        Written(text) if isinstance(request, Completion) else Likelihood(-1.0 - number, 1, is_greedy=False)
        for number, request in enumerate(requests)
    ]


def _metric(task: Task, name: str, where: str) -> Metric:
    found = [metric for metric in task.metrics if metric.name == name]
    if not found:
        raise PluginError(f"{where}: '{name}' is not one of the task's metrics")
    return found[0]
