"""Sweeps: specs that name several models, ``kenlm:order=2..5`` or ``ngram:smoothing=laplace,smoothing=witten-bell``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import product
from math import prod

from lmbench.errors import SpecError
from lmbench.model import ModelSpec
from lmbench.spec import check_utf8

LARGEST = 1000
"""How many models one spec may name."""

_RANGE = re.compile(r"(-?[0-9]{1,18})\.\.(-?[0-9]{1,18})")
_LABEL = "label"


@dataclass(frozen=True, slots=True)
class LabeledSpec:
    """A spec of one model, and the name of its rows.

    Attributes:
        spec: The spec, without the label.
        label: The name; "" if the user gave none.
    """

    spec: ModelSpec
    label: str = ""


def expand_spec(spec: ModelSpec) -> tuple[LabeledSpec, ...]:
    """Return the models that a spec names: one for each combination of its options' values.

    An option has several values if it is a range of integers, ``order=2..5``, or is given more than once. The option
    ``label=`` names the rows of the model. The labels of a sweep also say what differs: ``mine order=2``.

    Raises:
        SpecError: A range is empty, there are too many models, or the label is empty, not UTF-8 or given twice.
    """
    label, values = _read_label(spec), _read_values(spec)
    if (count := prod(map(len, values.values()))) > LARGEST:
        raise SpecError(f"'{spec}' names {count:,} models; a sweep may have {LARGEST:,}")
    varied = [option for option in values if len(values[option]) > 1]
    expanded = []
    for combination in product(*values.values()):
        chosen = dict(zip(values, combination, strict=True))
        differences = [(option, chosen[option]) for option in varied]
        expanded.append(LabeledSpec(ModelSpec(spec.name, tuple(chosen.items())), extend_label(label, *differences)))
    return tuple(expanded)


def extend_label(label: str, *differences: tuple[str, str]) -> str:
    """Return a label that says by which options a model differs from others; "" if there is no label."""
    named = (f"{option}={value}" if option else value for option, value in differences)
    return " ".join([label, *named]) if label else ""


def write_spec(spec: ModelSpec, label: str) -> str:
    """Return a spec as a user writes it, with its label."""
    return str(ModelSpec(spec.name, (*spec.arguments, (_LABEL, label)))) if label else str(spec)


def _read_label(spec: ModelSpec) -> str:
    """Return the label of a spec; "" if it has none."""
    labels = [value for option, value in spec.arguments if option == _LABEL]
    if len(labels) > 1:
        raise SpecError(f"option '{_LABEL}' is given twice in '{spec}'")
    if labels == [""]:
        raise SpecError(f"the label of '{spec}' is empty; write {_LABEL}=NAME or leave it out")
    return check_utf8(labels[0], f"{spec.name}: option {_LABEL}=") if labels else ""


def _read_values(spec: ModelSpec) -> dict[str, list[str]]:
    """Return the values of each option, each once."""
    values: dict[str, dict[str, None]] = {}
    for option, value in spec.arguments:
        if option != _LABEL:
            values.setdefault(option, {}).update(dict.fromkeys(_expand_range(spec, value)))
    return {option: list(different) for option, different in values.items()}


def _expand_range(spec: ModelSpec, value: str) -> list[str]:
    """Return the integers of a range; any other value as it is."""
    bounds = _RANGE.fullmatch(value)
    if bounds is None:
        return [value]
    numbers = range(int(bounds[1]), int(bounds[2]) + 1)
    if not numbers:
        raise SpecError(f"the range {value} in '{spec}' is empty; write the smaller number first")
    if len(numbers) > LARGEST:
        raise SpecError(f"the range {value} in '{spec}' has {len(numbers):,} values; a sweep may have {LARGEST:,}")
    return list(map(str, numbers))
