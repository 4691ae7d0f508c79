"""The checks as pytest parameters, for the tests of a plugin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lmbench.checks.quick import quick_maker
from lmbench.checks.subject import Subject
from lmbench.checks.suite import CHECKS, Check
from lmbench.checks.verdicts import NotApplicable
from lmbench.model import ModelSpec

if TYPE_CHECKING:
    import pytest


def parametrize_with_checks(*specs: str) -> pytest.MarkDecorator:
    """Parametrize a test over all checks of these models: ``def test_contract(check): check()``."""
    import pytest

    subjects = {spec: Subject(quick_maker(ModelSpec.parse(spec))) for spec in specs}
    return pytest.mark.parametrize(
        "check",
        [
            pytest.param(_PytestCheck(check, subject), id=f"{spec}-{name}")
            for spec, subject in subjects.items()
            for name, check in CHECKS.items()
        ],
    )


@dataclass(frozen=True)
class _PytestCheck:
    """A check for pytest: it fails like an assertion, and skips if it does not apply."""

    check: Check
    subject: Subject

    def __call__(self) -> None:
        import pytest

        try:
            self.check(self.subject)
        except NotApplicable as reason:
            pytest.skip(str(reason))
