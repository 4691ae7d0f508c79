"""The conformance suite: are a model's scores probabilities of the text that it was given?

`lmbench check MODEL` runs the suite. Plugin authors run it with `check_model` or `parametrize_with_checks`.
docs/checks.md lists the checks, and which deliberately wrong models each of them catches.
"""

from lmbench.checks.pytest_checks import parametrize_with_checks
from lmbench.checks.quick import ChangedOption, changed_options
from lmbench.checks.subject import Subject, SuspectsHistories
from lmbench.checks.suite import (
    CHECKS,
    SUITE_VERSION,
    Outcome,
    check_fitted,
    check_model,
    check_spec,
    find_doubt,
    find_prior_knowledge,
)
from lmbench.checks.texts import EDGE_TEXTS
from lmbench.checks.verdicts import CheckFailedError, NotApplicable

__all__ = [
    "CHECKS",
    "EDGE_TEXTS",
    "SUITE_VERSION",
    "ChangedOption",
    "CheckFailedError",
    "NotApplicable",
    "Outcome",
    "Subject",
    "SuspectsHistories",
    "changed_options",
    "check_fitted",
    "check_model",
    "check_spec",
    "find_doubt",
    "find_prior_knowledge",
    "parametrize_with_checks",
]
