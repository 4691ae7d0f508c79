"""The marks † and ‡, and the notes that explain them."""

import pytest

from lmbench.checks import ChangedOption, Outcome
from lmbench.checks.audit import Audit
from lmbench.report.marks import Marks, describe_changes
from lmbench.runs.records import Verification
from tests.report.cells import cell

PRIOR = Outcome(check="prior", status="fail", detail="English costs 3 nats less", seconds=0)
CHANGED = (
    ChangedOption(name="steps", checked="60", own=""),
    ChangedOption(name="width", checked="32", own="128"),
    ChangedOption(name="checkpoint", checked="", own="folder"),
)


def marks(**verifications):
    """Return the marks for these fields of verifications."""
    empty = {"doubt": "", "outcomes": ()}
    return Marks({model: Verification(model=model, **empty | fields) for model, fields in verifications.items()})


def test_a_failed_audit_marks_its_cell_alone():
    doubt = "audit failed: document 3, cut at byte 17: 0.5 nats"
    audited = cell("m", audit=Audit(documents=6, failure=doubt), doubt=doubt)
    made = marks(m={})
    assert made.label("m", [audited]) == "m ‡"
    assert made.doubt(audited) == doubt
    assert made.notes([audited]) == [f"‡ m: {doubt}."]
    assert made.label("m", [cell("m")]) == "m"
    assert made.notes([cell("m")]) == []


def test_a_model_that_knows_few_words_of_the_text_is_named():
    whole = cell("m")
    made = marks(m={}, n={})
    few, half = (
        whole.model_copy(update={"metrics": whole.metrics.model_copy(update={"oov_rate": share})})
        for share in (0.74, 0.5)
    )
    assert made.notes([few]) == [
        "m: 74% of the events are unknown words: the model learned other words, or has another tokenizer."
    ]
    assert made.notes([half]) == []


def test_a_reason_that_cells_share_is_given_once():
    doubt = "audit failed: the process was killed by signal 9"
    assert marks(m={}, n={}).notes([cell("m", doubt=doubt), cell("n", doubt=doubt)]) == [f"‡ m, n: {doubt}."]


def test_all_reasons_for_doubt_are_given():
    impossible = cell("m", impossible=True, doubt="impossible: 52.1 nats likelier than the source")
    audited = cell("n", doubt="audit failed: document 3")
    made = marks(m={"doubt": "sums failed: 2"}, n={})
    assert made.doubt(impossible) == "impossible: 52.1 nats likelier than the source; sums failed: 2"
    first, second, third = made.notes([audited, impossible])
    assert first == "‡ m is impossible: 52.1 nats likelier than the source."
    assert second == "‡ n: audit failed: document 3."
    assert third.startswith("‡ Unverified: ")
    assert third.endswith(" m: sums failed: 2.")


def test_knowledge_before_fitting_is_marked_like_pretraining():
    made = marks(m={"outcomes": (PRIOR,)}, n={}, pretrained={})
    cells = [cell("m"), cell("n"), cell("pretrained", pretrained=True)]
    assert [made.label(each.model, [each]) for each in cells] == ["m †", "n", "pretrained †"]
    assert [made.is_pretrained(each) for each in cells] == [True, False, True]
    assert made.doubt(cells[0]) == ""
    declared, found = made.notes(cells)
    assert declared.startswith("† Pretrained on other")
    assert found.startswith("† The check prior found knowledge")
    assert found.endswith(": m: English costs 3 nats less.")


def test_options_that_the_suite_changed_are_named_once():
    own = {"changed": CHANGED, "own_outcomes": (PRIOR,)}
    made = marks(m=own, n=own, other={})
    [note] = made.describe_changes([cell("m"), cell("n"), cell("other")])
    assert note == "Checked with steps=60, width=32, no checkpoint instead of the model's own options: m, n."


def test_models_whose_own_options_were_never_checked_are_named():
    own = {"changed": CHANGED, "own_outcomes": (PRIOR,)}
    made = marks(m={"changed": CHANGED}, n=own, other={})
    first, second = made.describe_changes([cell("m"), cell("n"), cell("other")])
    assert first.endswith(" instead of the model's own options: m, n.")
    assert second == "Never checked with the model's own options: m."


@pytest.mark.parametrize(
    ("own", "described"),
    [(False, "steps=60, width=32, no checkpoint"), (True, "no steps, width=128, checkpoint=folder")],
)
def test_changes_are_described_from_both_sides(own, described):
    assert describe_changes(CHANGED, own=own) == described


def test_models_that_were_not_checked_are_doubted():
    assert marks().doubt(cell("m")) == "not checked"
    assert marks(n={}).notes([cell("m"), cell("n")]) == ["‡ Not checked by the conformance suite: m."]
    assert not marks().is_pretrained(cell("m"))


def test_the_seeds_of_a_model_share_its_remarks_and_marks():
    seeds = [cell("m", remarks=("undertrained",)), cell("m", remarks=("undertrained", "time-limited")), cell("n")]
    made = marks(m={}, n={"doubt": "sums failed: 2"})
    assert made.label("m (3 seeds)", seeds) == "m (3 seeds) (undertrained, time-limited) ‡"
