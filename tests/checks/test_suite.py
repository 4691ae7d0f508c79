"""The conformance suite and the audit catch every mutant and pass every correct model."""

import re
from pathlib import Path

import pytest

from lmbench import SILENT, ModelSpec, Split, TrainingText, Traits, build, load_corpus
from lmbench.checks import (
    CHECKS,
    Outcome,
    Subject,
    check_fitted,
    check_model,
    check_spec,
    find_doubt,
    find_prior_knowledge,
)
from lmbench.checks.quick import quick_maker
from lmbench.errors import SpecError
from tests.checks.outcomes import audit_of, failed, outcome_of
from tests.mutants import (
    AUDIT,
    CORRECT,
    MUTANTS,
    Bigram,
    Log10WithoutDistribution,
    Unnormalized,
    make_as_run,
    make_checked,
)
from tests.recording import Recorded

pytestmark = pytest.mark.usefixtures("one_thread")

PAGE = Path(__file__).parent.parent.parent / "docs/checks.md"


@pytest.fixture(scope="module")
def fables():
    """Return some fables to train on, and others to audit models on."""
    english, chinese = load_corpus("fables-en"), load_corpus("fables-zh")
    train, valid = (
        Split(getattr(english, name).documents[:40] + getattr(chinese, name).documents[:10])
        for name in ("train", "valid")
    )
    return TrainingText(train, valid), english.test.documents[:12] + chinese.test.documents[:4]


@pytest.mark.parametrize("mutant", [m for m in MUTANTS if m.caught_by != AUDIT], ids=lambda mutant: mutant.__name__)
def test_every_mutant_is_caught_by_its_check(mutant):
    outcome = outcome_of(mutant.caught_by, lambda: make_checked(mutant))
    assert outcome.status == "fail"
    assert outcome.detail


@pytest.mark.parametrize("mutant", [m for m in MUTANTS if m.caught_by == AUDIT], ids=lambda mutant: mutant.__name__)
def test_other_mutants_are_caught_by_the_audit(mutant, fables, monkeypatch):
    monkeypatch.setattr("lmbench.checks.audit._SECONDS", 60)  # on a slow machine it examines as many events
    assert audit_of(make_as_run(mutant), *fables).failure


@pytest.mark.usefixtures("shorter_line")
@pytest.mark.parametrize("model", CORRECT, ids=lambda model: model.__name__)
def test_correct_models_pass(model, fables):
    outcomes = check_model(model)
    assert failed(outcomes) == []
    assert find_doubt(outcomes) == ""
    assert audit_of(model(), *fables).failure == ""


def test_every_check_has_a_mutant():
    assert {mutant.caught_by for mutant in MUTANTS} == {*CHECKS, AUDIT}


def described(heading, name):
    """Return the names and texts of the list below a heading of the page, where `name` matches a marked-up name."""
    section = PAGE.read_text().partition(f"## {heading}\n")[2].partition("\n## ")[0]
    items = re.findall(rf"^- {name}: (.*(?:\n  .*)*)$", section, flags=re.MULTILINE)
    return [(name, " ".join(text.split())) for name, text in items]


def test_the_page_lists_the_mutants_and_what_catches_them():
    expected = [(mutant.__name__, f"{mutant.__doc__} → {mutant.caught_by}") for mutant in MUTANTS]
    assert described("The suite is tested with mutants", r"`(\w+)`") == expected


def test_the_page_explains_every_check():
    expected = [(name, " ".join(check.__doc__.split())) for name, check in CHECKS.items()]
    assert described("The checks", r"\*\*([\w-]+)\*\*") == expected


def listed(pattern):
    """Return the names that a sentence of the page lists."""
    names = re.search(pattern.replace("…", "([a-z, -]+)"), " ".join(PAGE.read_text().split()))[1]
    return re.split(r", | and ", names)


def test_the_page_lists_the_checks_that_also_examine_raw_text():
    names = listed("The checks … also examine a model that was fitted on raw text")
    assert set(names) == {name for name, check in CHECKS.items() if hasattr(check, "__wrapped__")}


def test_the_page_lists_the_checks_that_are_not_repeated_with_a_models_own_options():
    correct = Bigram()
    correct.prepare(Subject(Bigram).corpus.training)
    repeated = {outcome.check for outcome in check_fitted(correct)}
    assert listed("It does not repeat …:") == [name for name in CHECKS if name not in repeated]


@pytest.mark.usefixtures("shorter_line")
def test_a_model_without_a_distribution_cannot_be_verified():
    class Closed(Bigram):
        next_events = Log10WithoutDistribution.next_events

    reason = "the model offers no next-event distribution"
    assert find_doubt(check_model(Closed)) == f"normalization cannot be checked: {reason}"


@pytest.mark.usefixtures("shorter_line")
def test_the_most_serious_doubt_is_found():
    unknown = [outcome("state", "fail"), outcome("normalization", "n/a")]
    assert find_doubt([]) == "not checked"
    assert find_doubt([outcome("windows", "n/a"), outcome("sums", "pass")]) == ""
    assert find_doubt(unknown) == "normalization cannot be checked: why"
    assert find_doubt([outcome("windows", "n/a"), outcome("state", "fail")]) == "state failed: why"
    assert find_doubt(check_model(Unnormalized)).startswith("normalization failed: after")


def outcome(check, status, detail="why"):
    return Outcome(check=check, status=status, detail=detail, seconds=0)


def test_knowledge_before_fitting_is_not_a_doubt():
    """The scores are probabilities, but the model's rank does not compare methods."""
    outcomes = [outcome("normalization", "pass"), outcome("prior", "fail", "English costs 3 nats less")]
    assert find_doubt(outcomes) == ""
    assert find_prior_knowledge(outcomes) == "English costs 3 nats less"
    assert find_prior_knowledge([outcome("prior", "pass"), outcome("sums", "fail")]) == ""
    assert find_doubt([*outcomes, outcome("state", "fail")]) == "state failed: why"


@pytest.mark.usefixtures("shorter_line")
def test_a_crash_of_prior_is_a_doubt_like_any_other():
    class CannotLearnLetters(Bigram):
        """Raises an error for the lines of the check, which have eight words of random letters."""

        def fit(self, data, progress=SILENT):
            if len(data.train.documents) == 300:
                raise ValueError("too many letters")
            super().fit(data, progress)

    outcomes = check_model(CannotLearnLetters)
    assert failed(outcomes) == ["prior"]
    assert find_doubt(outcomes) == "prior failed: ValueError: too many letters"
    assert find_prior_knowledge(outcomes) == ""


def test_outcomes_written_before_crashes_were_noted_can_be_read():
    stored = '{"check": "prior", "status": "fail", "detail": "English costs 3 nats less", "seconds": 0.1}'
    assert find_prior_knowledge([Outcome.model_validate_json(stored)]) == "English costs 3 nats less"


class FreeOnceFitted(Bigram):
    """Correct on the suite's text, and far too certain if its training text has "A cat"."""

    def fit(self, data, progress=SILENT):
        super().fit(data, progress)
        if any("A cat" in document for document in data.train.documents):
            self.table = self.table / 2


@pytest.mark.usefixtures("shorter_line")
def test_a_fitted_model_is_checked_as_it_is():
    capitals = TrainingText(Split(("A cat\n",)), Split(("A cat\n",)), tokenized=False)
    assert failed(check_model(FreeOnceFitted)) == []
    model = FreeOnceFitted()
    model.prepare(capitals)
    assert "normalization" in failed(check_fitted(model))
    model.fit = None  # it is not fitted again
    assert "fit" not in str(check_fitted(model))
    correct = Bigram()
    correct.prepare(capitals)
    outcomes = check_fitted(correct)
    assert failed(outcomes) == []
    assert find_doubt(outcomes) == ""
    assert {outcome.check for outcome in outcomes} < set(CHECKS)


@pytest.mark.usefixtures("shorter_line")
def test_other_seeds_draw_other_texts():
    """Each model notes the texts on which it is fitted."""
    texts = []

    class Noting(Bigram):
        def fit(self, data, progress=SILENT):
            texts.append(data.train.documents)
            super().fit(data, progress)

    for seed in (0, 0, 1):
        check_model(Noting, seed=seed)
    number = len(texts) // 3
    assert texts[:number] == texts[number : 2 * number]
    assert texts[0] != texts[-number]


def test_the_users_options_override_the_quick_ones():
    assert quick_maker(ModelSpec.parse("transformer:steps=7"))().options.steps == 7
    assert quick_maker(ModelSpec.parse("transformer"))().options.steps == 60
    assert build("transformer").options.steps == 0


def test_the_suite_stores_no_checkpoint_and_drops_quick_options_that_contradict_the_users(tmp_path):
    """The width of the quick options is not divisible by 48 heads."""
    pytest.importorskip("torch")
    given = f"transformer:steps=3,preset=small,heads=48,checkpoint={tmp_path}/kept"
    make = quick_maker(ModelSpec.parse(given))
    assert (make().options.heads, make().options.width, make().options.layers) == (48, 192, 1)
    assert make().options.checkpoint == ""
    small = quick_maker(ModelSpec.parse("transformer:preset=small"))().options
    assert (small.heads, small.width, small.steps) == (2, 32, 60)
    with pytest.raises(SpecError, match="is not divisible by heads=3"):
        check_spec(ModelSpec.parse("transformer:heads=3"))


@pytest.mark.usefixtures("shorter_line")
def test_the_suite_reports_the_loading_of_weights():
    class Downloaded(Bigram):
        traits = Traits(weights="pretrained")

        def load(self, progress):
            progress("downloading", 0.0)
            super().fit(Subject(Bigram).corpus.training)

    progress = Recorded()
    check_model(Downloaded, progress)
    total = len(CHECKS) + 2
    assert (f"check 2 of {total}: fit (downloading)", 1 / total) in progress.messages


@pytest.mark.usefixtures("shorter_line")
def test_the_suite_says_which_check_runs():
    progress = Recorded()
    check_model(Bigram, progress)
    started = [(message, share) for message, share in progress.messages if not message.endswith(")")]
    names = ["probability", "fit", *CHECKS]
    total = len(names)
    assert started == [(f"check {n + 1} of {total}: {name}", n / total) for n, name in enumerate(names)]
