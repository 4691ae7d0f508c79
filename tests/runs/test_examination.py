"""Models are audited, then checked, then saved, and nothing that was found is lost."""

from pathlib import Path

import pytest

from lmbench.checks import Outcome
from lmbench.checks.audit import Audit
from lmbench.checks.sample import AuditSample
from lmbench.errors import UnavailableError
from lmbench.runs.examination import Audited, Checked, Examination, Findings, examine
from lmbench.runs.worker import Failure
from tests.runs.dishonest import CannotSave, Honest

TEXT = "a line\n"
SAMPLE = AuditSample((3,), (TEXT,), tuple(Honest().score([TEXT])), "seed")
LOG, FOLDER = Path("log.txt"), Path("folder")
DEATH, REASON = Failure("the process was killed"), "the process was killed; see log.txt"
PASSED = Outcome(check="tiling", status="pass", detail="", seconds=0)
AUDITED, CHECKED = Audited('{"documents": 7}'), Checked(f"[{PASSED.model_dump_json()}]")
FULL = Examination(SAMPLE, True, FOLDER)


def finish(examination, messages, ending):
    findings = Findings(examination)
    for message in messages:
        findings.receive(message)
    return findings.finish(ending, LOG)


def failed(detail):
    return (Outcome(check="checks", status="fail", detail=detail, seconds=0, crashed=True),)


class Channel:
    """Keeps what is sent."""

    def __init__(self):
        self.sent = []

    def send(self, message):
        self.sent.append(message)


def test_a_model_is_audited_and_checked_before_it_is_saved():
    channel = Channel()
    assert examine(CannotSave(), FULL, channel) == "OSError: no space"
    assert [type(message) for message in channel.sent] == [Audited, Checked]
    audit, outcomes = finish(FULL, channel.sent, "OSError: no space")
    assert audit.documents == 1
    assert audit.failure == "the model cannot be saved: OSError: no space"
    assert "tiling" in [outcome.check for outcome in outcomes]


def test_nothing_is_done_that_is_not_wanted():
    channel = Channel()
    assert examine(CannotSave(), Examination(), channel) == ""
    assert channel.sent == []
    assert finish(Examination(), [], "") == (None, ())


@pytest.mark.parametrize(
    ("examination", "messages", "ending", "expected"),
    [
        (FULL, [AUDITED, CHECKED], "", (Audit(documents=7), (PASSED,))),
        (FULL, [], DEATH, (Audit(failure=REASON), failed(REASON))),
        (FULL, [], UnavailableError("gone"), (Audit(failure="gone"), failed("gone"))),
        (
            FULL,
            [AUDITED],
            DEATH,
            (Audit(documents=7, not_rescored=f"the suite's checks did not end: {REASON}"), failed(REASON)),
        ),
        (
            FULL,
            [AUDITED, CHECKED],
            DEATH,
            (Audit(documents=7, failure=f"the model cannot be saved: {REASON}"), (PASSED,)),
        ),
        (Examination(SAMPLE, True), [AUDITED], DEATH, (Audit(documents=7), failed(REASON))),
        (Examination(checks=True), [], DEATH, (None, failed(REASON))),
        (FULL, [], "", (Audit(failure="the process did not send what it found"),
                        failed("the process did not send what it found"))),
    ],
)  # fmt: skip
def test_what_was_found_is_kept_and_what_is_missing_fails(examination, messages, ending, expected):
    assert finish(examination, messages, ending) == expected


def test_a_failed_audit_stays_the_reason():
    audit, _ = finish(FULL, [Audited('{"failure": "document 3"}'), CHECKED], "OSError: no space")
    assert audit.failure == "document 3"


def test_findings_that_are_not_valid_fail():
    audit, outcomes = finish(FULL, [Audited('{"documents": "all"}'), Checked("[{}]")], "")
    assert audit.failure.startswith("the process sent an audit that is not valid: documents: Input should be")
    [outcome] = outcomes
    assert outcome.status == "fail"
    assert outcome.detail.startswith("the process sent outcomes that are not valid: 0: check: Field required")


def test_only_the_run_says_what_was_scored_again_and_texts_are_printable():
    forged = Audit(rescored=9, not_rescored="why", failure="a\x1b[31m\nb")
    audit, _ = finish(FULL, [Audited(forged.model_dump_json()), CHECKED], "")
    assert audit == Audit(failure="a\\x1b[31m b")
