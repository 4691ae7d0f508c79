"""The verdicts of a check."""

from __future__ import annotations


class CheckFailedError(AssertionError):
    """The model breaks the contract; the message says where."""


class CheckCrashedError(CheckFailedError):
    """The model raised another error than a check does; the message names it."""


class NotApplicable(Exception):  # noqa: N818  (nothing went wrong)
    """The model lacks what the check examines; the message says what is missing."""


def require(condition: bool, message: str) -> None:
    """Fail the check with a message unless the condition holds."""
    if not condition:
        raise CheckFailedError(message)
