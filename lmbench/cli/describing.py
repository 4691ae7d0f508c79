"""Models and options described from their own docstrings."""

from __future__ import annotations

from collections.abc import Iterator
from inspect import getdoc

from lmbench.spec import Options


def describe_options(options: type[Options]) -> Iterator[str]:
    """One line for each option of a model or of a source."""
    for option, field in options.model_fields.items():
        default = "required" if field.is_required() else f"default {field.default}"
        yield f"  {option:<15} {field.description or ''} ({default})"


def docstring(model: type) -> str:
    """Return a model's docstring, or its name if it has none."""
    return getdoc(model) or model.__name__
