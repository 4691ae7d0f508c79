"""Run the checks, and find out whether a model is verified."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Literal

from pydantic import BaseModel, ConfigDict

from lmbench.checks.form import check_edge_texts, check_finite, check_line_ends, check_tiling
from lmbench.checks.histories import check_continuations, check_step_by_step, check_windows
from lmbench.checks.independence import check_batches, check_causality, check_cuts, check_state
from lmbench.checks.learning import check_prior, check_test_split, check_valid
from lmbench.checks.lifecycle import check_declaration, check_determinism, check_fit, check_save, check_signature
from lmbench.checks.mass import check_long, check_rare, check_sums, check_unknown_words, check_variants
from lmbench.checks.probability import check_chain_rule, check_deep, check_normalization
from lmbench.checks.quick import quick_maker
from lmbench.checks.subject import Subject
from lmbench.checks.verdicts import CheckCrashedError, CheckFailedError, NotApplicable
from lmbench.corpus import TrainingText
from lmbench.errors import UnavailableError, describe
from lmbench.model import LanguageModel, ModelSpec
from lmbench.progress import SILENT, CheckedProgress, Progress

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
        check_deep,
        check_sums,
        check_chain_rule,
        check_causality,
        check_cuts,
        check_batches,
        check_state,
        check_windows,
        check_continuations,
        check_step_by_step,
        check_unknown_words,
        check_rare,
        check_variants,
        check_long,
        check_determinism,
        check_save,
        check_signature,
        check_test_split,
        check_valid,
        check_prior,
    )
}

_FIRST_CHECKS: dict[str, Check] = {"probability": check_declaration, "fit": check_fit}
"""The checks without which there is nothing to check."""

SUITE_VERSION = 3
"""The suite's version: 1 in lmbench 0.1.0. Raise it when a check is added or made stricter."""

_NECESSARY = ("normalization", "sums", "chain-rule")
"""The checks that must apply: without them a model's scores may be right, but nothing shows that they are."""

_PRIOR = "prior"
"""The check that finds what a model knows before it is fitted. Scores that fail it are still probabilities."""

_SCORING_CHECKS = (
    "tiling",
    "finite",
    "line-ends",
    "normalization",
    "deep",
    "chain-rule",
    "causality",
    "cuts",
    "batches",
    "state",
    "continuations",
    "step-by-step",
    "unknown-words",
)
"""The checks that hold for a model fitted on any text, and do not fit it again."""


class Outcome(BaseModel):
    """The outcome of a check.

    Attributes:
        check: The check's name.
        status: "n/a" if the check does not apply.
        detail: Where it failed, or why it does not apply.
        seconds: How long it took.
        crashed: Whether it failed because the model raised another error than a check does.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    check: str
    status: Literal["pass", "fail", "n/a"]
    detail: str
    seconds: float
    crashed: bool = False


class _CurrentCheck(Progress):
    """The progress of a subject: says which check is running, in front of what its model reports."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress, self._total = progress, total
        self._number, self._step = 0, ""

    def start(self, name: str) -> None:
        """Report that the next check starts."""
        self._number += 1
        self._step = f"check {self._number} of {self._total}: {name}"
        self._progress(self._step, (self._number - 1) / self._total)

    def __call__(self, message: str, share: float) -> None:
        self._progress(f"{self._step} ({message})", (self._number - 1 + share) / self._total)

    def notice(self, line: str) -> None:
        self._progress.notice(line)

    def received(self, url: str, done: int, total: int | None) -> None:
        self._progress.received(url, done, total)


class _FittedSubject(Subject):
    """A fitted model under test, which is never fitted again."""

    @property
    def model(self) -> LanguageModel:
        return self.make()

    @cached_property
    def raw(self) -> Subject:
        return self

    def prepare(self, data: TrainingText, **options: int) -> LanguageModel:
        raise NotApplicable("the model is already fitted")


def check_model(make: Callable[[], LanguageModel], progress: Progress = SILENT, seed: int = 0) -> tuple[Outcome, ...]:
    """Run all checks on a model.

    Args:
        make: Returns a new model that is not fitted.
        progress: Receives reports: which check runs, and how models are fitted for it.
        seed: Seed of the random texts.

    Returns:
        The outcome of each check; only that of declaring probabilities or of fitting, if it fails.

    Raises:
        UnavailableError: Weights are missing.
    """
    current = _CurrentCheck(progress, len(_FIRST_CHECKS) + len(CHECKS))
    subject = Subject(make, CheckedProgress(current), seed)
    for name, check in _FIRST_CHECKS.items():
        current.start(name)
        first = _run(name, check, subject)
        if first.status == "fail":
            return (first,)
    outcomes = []
    for name, check in CHECKS.items():
        current.start(name)
        outcomes.append(_run(name, check, subject))
    return tuple(outcomes)


def check_spec(spec: ModelSpec, progress: Progress = SILENT, seed: int = 0) -> tuple[Outcome, ...]:
    """Run all checks on the model that `spec` names, made small enough to be quick.

    Args:
        spec: The model. `changed_options` returns the options that are changed to make it quick.
        progress: Receives reports: which check runs, and how models are fitted for it.
        seed: Seed of the random texts.

    Raises:
        LmbenchError: The model cannot be built, or its weights are missing.
    """
    return check_model(quick_maker(spec), progress, seed)


def check_fitted(model: LanguageModel, seed: int = 0) -> tuple[Outcome, ...]:
    """Run the checks that need not fit a model on one that is fitted, on any text and with its own options.

    Args:
        model: The model, fitted or with its weights.
        seed: Seed of the random texts.
    """
    subject = _FittedSubject(lambda: model, SILENT, seed)
    return tuple(_run(name, CHECKS[name], subject) for name in _SCORING_CHECKS)


def find_doubt(outcomes: Sequence[Outcome]) -> str:
    """Return the most serious reason why a model is not verified, in one line; "" if it is."""
    failed = [outcome for outcome in outcomes if outcome.status == "fail" and not _shows_prior_knowledge(outcome)]
    most_serious = [outcome for outcome in failed if outcome.check in _NECESSARY]
    unknown = [outcome for outcome in outcomes if outcome.status == "n/a" and outcome.check in _NECESSARY]
    for outcome in (*most_serious, *unknown, *failed):
        return f"{outcome.check} {'failed' if outcome.status == 'fail' else 'cannot be checked'}: {outcome.detail}"
    return "" if outcomes else "not checked"


def find_prior_knowledge(outcomes: Sequence[Outcome]) -> str:
    """Return why a model seems to be trained before it is fitted, in one line; "" if it does not.

    Its scores can be probabilities all the same, but its rank says little about its method.
    """
    return next((outcome.detail for outcome in outcomes if _shows_prior_knowledge(outcome)), "")


def _shows_prior_knowledge(outcome: Outcome) -> bool:
    """Say whether the check of prior knowledge found some. If the model crashed in it, nothing is known."""
    return outcome.check == _PRIOR and outcome.status == "fail" and not outcome.crashed


def _run(name: str, check: Check, subject: Subject) -> Outcome:
    started = time.perf_counter()
    status: Literal["pass", "fail", "n/a"] = "pass"
    detail, crashed = "", False
    try:
        check(subject)
    except NotApplicable as reason:
        status, detail = "n/a", str(reason)
    except CheckFailedError as failure:
        status, detail, crashed = "fail", str(failure), isinstance(failure, CheckCrashedError)
    except UnavailableError:
        raise
    except (Exception, SystemExit) as error:  # noqa: BLE001  (a plugin may raise anything, and the other checks must run)
        status, detail, crashed = "fail", describe(error), True
    return Outcome(check=name, status=status, detail=detail, seconds=time.perf_counter() - started, crashed=crashed)
