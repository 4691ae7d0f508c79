"""Changes between two runs: options, algorithms, versions and machines of the rows that both have."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from lmbench.analysis.ranking import SEED, Contender
from lmbench.checks.quick import show_value
from lmbench.runs.records import Cell, ModelRecord, Provenance
from lmbench.runs.store import RunDirectory

Kind = Literal["model", "option", "file", "algorithm", "remark", "version", "machine"]

_KINDS = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Change:
    """Something that differs between the same rows of two runs.

    Attributes:
        kind: Its kind.
        name: Its name, such as that of the option.
        before: Its value in the first run; "" if it has none.
        after: Its value in the second run; "" if it has none.
        rows: The corpus and the label of each row that it concerns.
    """

    kind: Kind
    name: str
    before: str
    after: str
    rows: tuple[tuple[str, str], ...]


def find_changes(
    before: RunDirectory, after: RunDirectory, rows: Sequence[tuple[Contender, Contender]]
) -> tuple[Change, ...]:
    """Return what differs between rows of two runs, apart from their numbers. Each change is given once.

    Args:
        before: The first run.
        after: The second run.
        rows: The rows, as they are in the first run and in the second.
    """
    models = [{model.label: model for model in run.manifest.models} for run in (before, after)]
    found: dict[tuple[Kind, str, str, str], list[tuple[str, str]]] = {}
    for row in rows:
        have_other_costs = [cell.costs for cell in row[0].cells] != [cell.costs for cell in row[1].cells]
        old, new = (
            dict(_list_facts([known[cell.model] for cell in one.cells], one.cells, have_other_costs))
            for known, one in zip(models, row, strict=True)
        )
        place = (row[1].cells[0].corpus, row[1].label)
        for kind, name in old | new:
            values = old.get((kind, name), ""), new.get((kind, name), "")
            if values[0] != values[1]:
                found.setdefault((kind, name, *values), []).append(place)
    changes = [Change(*change, tuple(places)) for change, places in found.items()]
    return tuple(sorted(changes, key=lambda change: _KINDS.index(change.kind)))


def _list_facts(
    models: Sequence[ModelRecord], cells: Sequence[Cell], with_machine: bool
) -> Iterator[tuple[tuple[Kind, str], str]]:
    """Yield everything about a row that may change, by its kind and name.

    Args:
        models: Its model under each seed.
        cells: The cell of each.
        with_machine: Whether to yield the machine.
    """
    model = models[0]
    identity = model.identity or {}
    parts = (identity.get(name) for name in ("options", "scoring"))
    contents = {name: value for part in parts if isinstance(part, dict) for name, value in part.items()}
    yield ("model", "model"), model.spec.partition(":")[0]
    for name, value in model.options.items():
        if name != SEED:
            yield ("option", name), show_value(value)
        if contents.get(name, value) != value:  # the SHA-256 of a file that the option names
            yield ("file", name), show_value(contents[name])
    if SEED in model.options:
        yield ("option", SEED), ", ".join(show_value(model.options[SEED]) for model in models)
    yield ("algorithm", "version"), show_value(identity.get("version"))
    yield ("algorithm", "sources"), show_value(identity.get("code"))
    yield ("algorithm", "package"), model.origin
    for cell in cells:
        yield ("remark", "fit"), ", ".join(cell.remarks)
        if cell.provenance is not None:
            yield from _list_circumstances(cell.provenance, with_machine)


def _list_circumstances(provenance: Provenance, with_machine: bool) -> Iterator[tuple[tuple[Kind, str], str]]:
    for package, version in provenance.versions:
        yield ("version", package), version
    yield ("version", "git revision"), provenance.revision
    yield ("version", "Python"), provenance.python
    if with_machine:
        yield ("machine", "machine"), f"{provenance.machine}, {provenance.machine.platform}"
