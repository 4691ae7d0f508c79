"""Models, corpora and results as JSON, one object a line."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from lmbench.report.ranked_run import RankedRun
    from lmbench.spec import Options


def format_models() -> Iterator[str]:
    """Yield each model: its name, what it is, and the package that it comes from."""
    from lmbench.cli.descriptions import summarize_model
    from lmbench.registry import list_registered

    for entry in list_registered().values():
        package = {"origin": entry.origin, "version": entry.version}
        yield _format({"name": entry.name, "description": summarize_model(entry)} | package)


def format_model(name: str) -> str:
    """Return one model with its options.

    Raises:
        LmbenchError: The model is unknown or broken.
    """
    from lmbench.cli.descriptions import docstring
    from lmbench.model import declared_traits
    from lmbench.registry import find

    entry = find(name)
    model = entry.load()
    tried = dict(declared_traits(model).grid)
    return _format(
        {
            "name": name,
            "description": docstring(model),
            "origin": entry.origin,
            "version": entry.version,
            "weights": declared_traits(model).weights,
            "options": [option | {"auto": tried.get(str(option["name"]))} for option in _list_options(model.Options)],
        }
    )


def format_corpora() -> Iterator[str]:
    """Yield each corpus that has a name: what it is, and whether it is on this machine."""
    from lmbench.corpora.catalog import read_catalog
    from lmbench.corpora.fetching import is_local
    from lmbench.corpora.loading import EMBEDDED
    from lmbench.corpora.plugins import list_plugins

    embedded, catalog = {name: make() for name, make in EMBEDDED.items()}, read_catalog()
    for name, corpus in embedded.items():
        yield _format({"name": name, "origin": "embedded", "description": corpus.description, "is_local": True})
    for name, entry in catalog.items():
        own = {"name": name, "origin": "catalog", "description": entry.description, "is_local": is_local(entry)}
        yield _format(
            own | entry.model_dump(mode="json", include={"language", "license", "citation", "holds", "bytes"})
        )
    for name, plugin in list_plugins().items():
        if name not in embedded and name not in catalog:
            yield _format({"name": name, "origin": plugin.origin, "description": plugin.summarize()})


def format_results(results: RankedRun) -> Iterator[str]:
    """Yield the rows of table.csv without compressors, and those of tasks.csv; null for a missing number."""
    from lmbench.report.csv_files import list_cells
    from lmbench.report.task_files import list_task_rows

    for row in (*list_cells(results), *list_task_rows(results)):
        yield _format({name: _finite(value) for name, value in row.items()})


def format_analyses() -> Iterator[str]:
    """Yield each analysis: its name, what it shows, what it needs, and what it reads."""
    from lmbench.analysis.catalog import ANALYSES

    for one in ANALYSES.values():
        yield _format({"name": one.name, "shows": one.shows, "requires": one.requires, "reads": one.need})


def format_frames(frames: Mapping[str, pd.DataFrame]) -> Iterator[str]:
    """Yield each row of some data frames, with the name of its frame; null for a missing number."""
    for name, frame in frames.items():
        for row in frame.astype(object).where(frame.notna(), None).to_dict("records"):
            yield _format({"table": name} | {str(column): _finite(value) for column, value in row.items()})


def _list_options(options: type[Options]) -> Iterator[dict[str, object]]:
    for name, field in options.model_fields.items():
        required = field.is_required()
        default = None if required else field.get_default(call_default_factory=True)
        yield {"name": name, "description": field.description or "", "required": required, "default": default}


def _finite(value: object) -> object:
    """Return a value that JSON has: infinity is a text there, and not a number is missing."""
    if not isinstance(value, float) or math.isfinite(value):
        return value
    return None if math.isnan(value) else str(value)


def _format(entries: Mapping[str, object]) -> str:
    return json.dumps(entries, ensure_ascii=False, default=str)
