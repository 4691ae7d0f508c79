"""Run the checks, and find out whether a model is verified."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict

from lmbench.checks.form import check_edge_texts, check_finite, check_line_ends, check_tiling
from lmbench.checks.histories import check_continuations, check_step_by_step, check_windows
from lmbench.checks.independence import check_batches, check_causality, check_state
from lmbench.checks.learning import check_test_split
from lmbench.checks.lifecycle import check_determinism, check_fit, check_save, check_signature
from lmbench.checks.mass import check_sums, check_unknown_words
from lmbench.checks.probability import check_chain_rule, check_normalization
from lmbench.checks.subject import Subject
from lmbench.checks.verdicts import CheckFailedError, NotApplicable
from lmbench.errors import SpecError, UnavailableError, describe
from lmbench.model import LanguageModel, ModelSpec
from lmbench.progress import SILENT, Progress
from lmbench.registry import ResolvedModel, resolve

Check = Callable[[Subject], None]
"""Returns if the contract holds; raises CheckFailedError with the event that breaks it, or NotApplicable."""

CHECKS: dict[str, Check] = {
    check.__name__.removeprefix("check_").replace("_", "-"): check
    for check in (
        check_tiling,
        check_finite,
        check_edge_texts,
        check_line_ends,
        check_normalization,
        check_sums,
        check_chain_rule,
        check_causality,
        check_batches,
        check_state,
        check_windows,
        check_continuations,
        check_step_by_step,
        check_unknown_words,
        check_determinism,
        check_save,
        check_signature,
        check_test_split,
    )
}

_NECESSARY = ("normalization", "sums", "chain-rule")
"""The checks that must apply: without them a model's scores may be right, but nothing shows that they are."""


class Outcome(BaseModel):
    """The outcome of a check.

    Attributes:
        check: The check's name.
        status: "n/a" if the check does not apply.
        detail: Where it failed, or why it does not apply.
        seconds: How long it took.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    check: str
    status: Literal["pass", "fail", "n/a"]
    detail: str
    seconds: float


def check_model(make: Callable[[], LanguageModel], progress: Progress = SILENT) -> tuple[Outcome, ...]:
    """Run all checks on a model.

    Args:
        make: Returns a new model that is not fitted.
        progress: Receives reports while models are fitted or their weights are loaded.

    Returns:
        The outcome of each check; only that of fitting, if it fails.

    Raises:
        UnavailableError: Weights are missing.
    """
    if not make().traits.normalized:
        detail = "the model declares that its scores are not probabilities; it is never ranked with models whose are"
        return (Outcome(check="probability", status="fail", detail=detail, seconds=0.0),)
    subject = Subject(make, progress)
    fit = _run("fit", check_fit, subject)
    if fit.status == "fail":
        return (fit,)
    return tuple(_run(name, check, subject) for name, check in CHECKS.items())


def check_spec(spec: ModelSpec, progress: Progress = SILENT) -> tuple[Outcome, ...]:
    """Run all checks on the model that `spec` names, made small enough to be quick.

    Raises:
        LmbenchError: The model cannot be built, or its weights are missing.
    """
    return check_model(quick_maker(spec), progress)


def find_doubt(outcomes: Sequence[Outcome]) -> str:
    """Return the most serious reason why a model is not verified, in one line; "" if it is."""
    failed = [outcome for outcome in outcomes if outcome.status == "fail"]
    most_serious = [outcome for outcome in failed if outcome.check in _NECESSARY]
    unknown = [outcome for outcome in outcomes if outcome.status == "n/a" and outcome.check in _NECESSARY]
    for outcome in (*most_serious, *unknown, *failed):
        return f"{outcome.check} {'failed' if outcome.status == 'fail' else 'cannot be checked'}: {outcome.detail}"
    return "" if outcomes else "not checked"


def quick_maker(spec: ModelSpec) -> Callable[[], LanguageModel]:
    """Return a function that builds the model with its quick options, except those that `spec` sets or contradicts.

    Raises:
        LmbenchError: The spec is not valid, or the model cannot be built.
    """
    model = resolve(spec)
    traits, given = model.model.traits, dict(spec.arguments)
    kept = tuple((name, value) for name, value in spec.arguments if name not in traits.unchecked_options)
    quick = resolve(ModelSpec(spec.name, kept))
    for name, value in traits.quick_options:
        quick = quick if name in given else _with_argument(quick, name, value)
    quick.build()  # an error in the spec is the user's and not a failure of the model
    return quick.build


def _with_argument(model: ResolvedModel, name: str, value: str) -> ResolvedModel:
    try:
        return model.with_arguments((name, value))
    except SpecError:
        return model


def _run(name: str, check: Check, subject: Subject) -> Outcome:
    started = time.perf_counter()
    status: Literal["pass", "fail", "n/a"] = "pass"
    detail = ""
    try:
        check(subject)
    except NotApplicable as reason:
        status, detail = "n/a", str(reason)
    except CheckFailedError as failure:
        status, detail = "fail", str(failure)
    except UnavailableError:
        raise
    except (Exception, SystemExit) as error:  # noqa: BLE001  (a plugin may raise anything, and the other checks must run)
        status, detail = "fail", describe(error)
    return Outcome(check=name, status=status, detail=detail, seconds=time.perf_counter() - started)
