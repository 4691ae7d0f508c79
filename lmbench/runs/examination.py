"""Examine the model of a cell that is scored: audit it, run the suite's scoring checks, and save it.

The model's process sends each finding at once, so that one that dies later takes nothing away.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from lmbench.checks import Outcome, check_fitted
from lmbench.checks.audit import Audit, audit
from lmbench.checks.sample import AuditSample
from lmbench.errors import describe, one_line, reason
from lmbench.model import LanguageModel, Saveable
from lmbench.runs.worker import Channel, as_error

_OUTCOMES: TypeAdapter[tuple[Outcome, ...]] = TypeAdapter(tuple[Outcome, ...])
_MISSING = "the process did not send what it found"


@dataclass(frozen=True, slots=True)
class Examination:
    """How to examine a model.

    Attributes:
        sample: The sample to audit; None for no audit.
        checks: Whether to run the suite's scoring checks.
        folder: Where to save the model at the end; None to save it nowhere.
    """

    sample: AuditSample | None = None
    checks: bool = False
    folder: Path | None = None


@dataclass(frozen=True, slots=True)
class Audited:
    """A message: an Audit as JSON."""

    audit: str


@dataclass(frozen=True, slots=True)
class Checked:
    """A message: the outcomes of the suite's scoring checks as JSON."""

    outcomes: str


def examine(model: LanguageModel, examination: Examination, channel: Channel) -> str:
    """Examine a model and send what is found. Return why it cannot be saved, in one line; "" if it can."""
    if examination.sample is not None:
        channel.send(Audited(audit(model, examination.sample).model_dump_json()))
    if examination.checks:
        channel.send(Checked(_OUTCOMES.dump_json(check_fitted(model)).decode()))
    try:
        if examination.folder is not None and isinstance(model, Saveable):
            model.save(examination.folder)
    except (Exception, SystemExit) as error:  # noqa: BLE001  (a plugin may raise anything)
        return describe(error)
    return ""


class Findings:
    """The findings of an examination so far.

    Args:
        examination: The work that the process was given.
    """

    def __init__(self, examination: Examination) -> None:
        self._examination = examination
        self._audit: Audit | None = None
        self._outcomes: tuple[Outcome, ...] = ()

    def receive(self, message: Audited | Checked) -> None:
        """Keep a finding. Its text comes from the process, and a plugin in it may send anything."""
        if isinstance(message, Audited):
            self._audit = _parse_audit(message.audit)
        else:
            self._outcomes = _parse_outcomes(message.outcomes)

    def finish(self, ending: object, log: Path | None) -> tuple[Audit | None, tuple[Outcome, ...]]:
        """Return the audit and the outcomes. Missing ones fail, and say how the process ended.

        Args:
            ending: How the process ended. A text says why the model cannot be saved.
            log: The process's log; None if it is empty.
        """
        failure = "" if isinstance(ending, str) else one_line(str(as_error(ending, log)))
        outcomes = self._outcomes
        if self._examination.checks and not outcomes:
            outcomes = _failed_checks(failure or _MISSING)
        if self._examination.sample is None:
            return None, outcomes
        if self._audit is None:
            return Audit(failure=failure or _MISSING), outcomes
        return self._add_saving(self._audit, one_line(ending) if isinstance(ending, str) else failure), outcomes

    def _add_saving(self, found: Audit, failure: str) -> Audit:
        """Return an audit that also says why the model is not scored again, if saving it or an earlier check failed."""
        if self._examination.folder is None or not failure:
            return found
        if self._examination.checks and not self._outcomes:
            return found.model_copy(update={"not_rescored": f"the suite's checks did not end: {failure}"})
        return found.model_copy(update={"failure": found.failure or f"the model cannot be saved: {failure}"})


def _parse_audit(text: str) -> Audit:
    """Return an audit that a process sent, without what only the run can know; a failed one if it is not valid."""
    try:
        found = Audit.model_validate_json(text)
    except ValidationError as error:
        return Audit(failure=f"the process sent an audit that is not valid: {one_line(reason(error))}")
    return found.model_copy(update={"failure": one_line(found.failure), "rescored": 0, "not_rescored": ""})


def _parse_outcomes(text: str) -> tuple[Outcome, ...]:
    try:
        return _OUTCOMES.validate_json(text)
    except ValidationError as error:
        return _failed_checks(f"the process sent outcomes that are not valid: {one_line(reason(error))}")


def _failed_checks(detail: str) -> tuple[Outcome, ...]:
    return (Outcome(check="checks", status="fail", detail=detail, seconds=0.0, crashed=True),)
