"""The marks † and ‡ of a run's tables, and the notes that explain them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from lmbench.checks import ChangedOption
from lmbench.metrics import Metrics
from lmbench.runs.records import Cell, Verification
from lmbench.runs.store import RunDirectory

_PRETRAINED = "† Pretrained on other, and usually more, text: its rank does not compare methods."
_MOST_UNKNOWN = 0.5  # share of the events
_PRIOR = "† The check prior found knowledge from other text than the training split:"
_UNCHECKED = "‡ Not checked by the conformance suite:"
_UNVERIFIED = "‡ Unverified: the conformance suite did not confirm that the scores are probabilities."


@dataclass(frozen=True, slots=True)
class Marks:
    """The marks of the cells of a run.

    Attributes:
        verifications: The results of the conformance suite, by model.
    """

    verifications: Mapping[str, Verification]

    @classmethod
    def of(cls, directory: RunDirectory) -> Marks:
        """Return the marks of a run's cells."""
        return cls(directory.verifications())

    def doubt(self, cell: Cell) -> str:
        """Return why a cell is marked ‡, in one line; "" if it is not."""
        return "; ".join(filter(None, (cell.doubt, self._model_doubt(cell))))

    def is_pretrained(self, cell: Cell) -> bool:
        """Return whether a cell is marked †: its model is pretrained, by its own words or by those of the suite."""
        return cell.pretrained or bool(self._prior_knowledge(cell))

    def label(self, name: str, cells: Sequence[Cell]) -> str:
        """Return the name of a row with the remarks on the fits of its cells, and their marks.

        Args:
            name: The name of the row.
            cells: The cell of the row, or those of its seeds.
        """
        remarks = _names(remark for cell in cells for remark in cell.remarks)
        shown = f"{name} ({', '.join(remarks)})" if remarks else name
        return shown + " †" * any(map(self.is_pretrained, cells)) + " ‡" * any(map(self.doubt, cells))

    def notes(self, cells: Sequence[Cell]) -> list[str]:
        """Return sentences that explain the marks of cells, the most serious ones first."""
        scored = [cell for cell in cells if cell.status == "ok"]
        notes = [f"‡ {cell.label} is {cell.doubt}." for cell in scored if cell.impossible]
        others = _models_by_reason((cell.label, cell.doubt) for cell in scored if not cell.impossible)
        notes += [f"‡ {', '.join(models)}: {doubt}." for doubt, models in others.items()]
        if unchecked := _names(cell.model for cell in scored if cell.model not in self.verifications):
            notes.append(f"{_UNCHECKED} {', '.join(unchecked)}.")
        if doubts := _group((cell.model, self._model_doubt(cell)) for cell in scored if cell.model not in unchecked):
            notes.append(f"{_UNVERIFIED} {doubts}.")
        notes += [f"{cell.label}: {unknown}." for cell in scored if (unknown := _describe_unknown(cell))]
        if any(cell.pretrained for cell in cells):
            notes.append(_PRETRAINED)
        if prior := _group((cell.model, self._prior_knowledge(cell)) for cell in scored):
            notes.append(f"{_PRIOR} {prior}.")
        return notes

    def describe_changes(self, cells: Sequence[Cell]) -> list[str]:
        """Return which models the suite checked with other options than those of the run, and which only with these."""
        scored = [cell for cell in cells if cell.status == "ok"]
        changes = _models_by_reason((cell.model, describe_changes(self._changed(cell))) for cell in scored)
        notes = [
            f"Checked with {change} instead of the model's own options: {', '.join(models)}."
            for change, models in changes.items()
        ]
        if lacking := _names(cell.model for cell in scored if self._lacks_own(cell)):
            notes.append(f"Never checked with the model's own options: {', '.join(lacking)}.")
        return notes

    def _model_doubt(self, cell: Cell) -> str:
        found = self.verifications.get(cell.model)
        return found.doubt if found else "not checked"

    def _prior_knowledge(self, cell: Cell) -> str:
        found = self.verifications.get(cell.model)
        return found.prior_knowledge if found else ""

    def _changed(self, cell: Cell) -> tuple[ChangedOption, ...]:
        found = self.verifications.get(cell.model)
        return found.changed if found else ()

    def _lacks_own(self, cell: Cell) -> bool:
        found = self.verifications.get(cell.model)
        return found is not None and found.lacks_own


def describe_unknown(metrics: Metrics) -> str:
    """Return a warning if over half of the events are unknown words; else "".

    This happens if the words of a file of n-grams are not those of the tokenizer that is given for it.
    """
    if metrics.oov_rate <= _MOST_UNKNOWN:
        return ""
    share = f"{metrics.oov_rate:.0%}"
    return f"{share} of the events are unknown words: the model learned other words, or has another tokenizer"


def describe_changes(changed: Iterable[ChangedOption], own: bool = False) -> str:
    """Return the options that the suite changed, in one line: "steps=60, layers=1, no checkpoint".

    Args:
        changed: The options.
        own: Whether to give the values of the model that runs, and not those in the suite.
    """
    values = ((option.name, option.own if own else option.checked) for option in changed)
    return ", ".join(f"{name}={value}" if value else f"no {name}" for name, value in values)


def _describe_unknown(cell: Cell) -> str:
    return describe_unknown(cell.metrics) if cell.metrics else ""


def _group(reasons: Iterable[tuple[str, str]]) -> str:
    """Return each reason once, after the models that it concerns; "" if there is none."""
    return "; ".join(f"{', '.join(models)}: {reason}" for reason, models in _models_by_reason(reasons).items())


def _models_by_reason(reasons: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Return the models of each reason that is not empty."""
    models: dict[str, list[str]] = {}
    for model, reason in reasons:
        if reason:
            models.setdefault(reason, []).append(model)
    return {reason: _names(named) for reason, named in models.items()}


def _names(texts: Iterable[str]) -> list[str]:
    """Return each name or remark once: a model may have several rows."""
    return list(dict.fromkeys(texts))
