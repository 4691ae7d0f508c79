"""Helpers that run the suite on a model and pick outcomes."""

from lmbench.checks import check_model


def outcome_of(check, model):
    """Run the suite on a model and return the outcome of one check."""
    [outcome] = [outcome for outcome in check_model(model) if outcome.check == check]
    return outcome


def failed(outcomes):
    """Return the names of the checks that failed."""
    return [outcome.check for outcome in outcomes if outcome.status == "fail"]
