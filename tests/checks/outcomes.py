"""Helpers that run checks and audits on a model."""

from lmbench.checks import CHECKS, Subject, suite
from lmbench.checks.audit import audit
from lmbench.checks.sample import AuditSample, choose_documents


def outcome_of(check, make):
    """Run one check on a model and return its outcome."""
    return suite._run(check, CHECKS[check], Subject(make))


def failed(outcomes):
    """Return the names of the checks that failed."""
    return [outcome.check for outcome in outcomes if outcome.status == "fail"]


def audit_of(model, training, documents, seed="c"):
    """Fit a model, score documents, and return the results of the audit."""
    model.prepare(training)
    scores = model.score(documents)
    numbers = choose_documents(list(map(len, documents)), seed)
    chosen = (tuple(documents[i] for i in numbers), tuple(scores[i] for i in numbers))
    return audit(model, AuditSample(numbers, *chosen, seed))
