"""The conformance suite: are a model's scores probabilities of the text that it was given?

`lmbench check MODEL` runs the suite. Plugin authors run it with `check_model` or `parametrize_with_checks`.
docs/checks.md lists the checks, and which deliberately wrong models each of them catches.
"""

from lmbench.checks.pytest_checks import parametrize_with_checks
from lmbench.checks.subject import Subject, SuspectsHistories
from lmbench.checks.suite import CHECKS, Outcome, check_model, check_spec, find_doubt
from lmbench.checks.texts import EDGE_TEXTS
from lmbench.checks.verdicts import CheckFailedError, NotApplicable

__all__ = [
    "CHECKS",
    "EDGE_TEXTS",
    "CheckFailedError",
    "NotApplicable",
    "Outcome",
    "Subject",
    "SuspectsHistories",
    "check_model",
    "check_spec",
    "find_doubt",
    "parametrize_with_checks",
]
