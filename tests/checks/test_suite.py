"""The conformance suite catches every mutant and passes every correct model."""

import re
from pathlib import Path

import pytest

from lmbench import ModelSpec, Traits, build
from lmbench.checks import CHECKS, Outcome, Subject, check_model, check_spec, find_doubt
from lmbench.checks.suite import quick_maker
from lmbench.errors import SpecError
from tests.checks.outcomes import failed
from tests.mutants import CORRECT, MUTANTS, Bigram, Log10WithoutDistribution, Unnormalized
from tests.recording import Recorded

pytestmark = pytest.mark.usefixtures("one_thread")

PAGE = Path(__file__).parent.parent.parent / "docs/checks.md"


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_every_mutant_is_caught_by_its_check(mutant):
    outcomes = check_model(mutant)
    assert mutant.caught_by in failed(outcomes)
    assert all(outcome.detail for outcome in outcomes if outcome.status == "fail")


@pytest.mark.parametrize("model", CORRECT, ids=lambda model: model.__name__)
def test_correct_models_pass(model):
    outcomes = check_model(model)
    assert failed(outcomes) == []
    assert find_doubt(outcomes) == ""


def test_every_check_has_a_mutant():
    assert {mutant.caught_by for mutant in MUTANTS} == set(CHECKS)


def described(heading, name):
    """Return the names and texts of the list below a heading of the page, where `name` matches a marked-up name."""
    section = PAGE.read_text().partition(f"## {heading}\n")[2].partition("\n## ")[0]
    items = re.findall(rf"^- {name}: (.*(?:\n  .*)*)$", section, flags=re.MULTILINE)
    return [(name, " ".join(text.split())) for name, text in items]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # a mutant computes -inf * 0 itself
def test_the_page_lists_which_check_catches_which_mutant():
    def failures(mutant):
        names = failed(check_model(mutant))
        return ", ".join(f"**{name}**" if name == mutant.caught_by else name for name in names)

    expected = [(mutant.__name__, f"{mutant.__doc__}. Fails {failures(mutant)}.") for mutant in MUTANTS]
    assert described("The suite is tested with mutants", r"`(\w+)`") == expected


def test_the_page_explains_every_check():
    expected = [(name, " ".join(check.__doc__.split())) for name, check in CHECKS.items()]
    assert described("The checks", r"\*\*([\w-]+)\*\*") == expected


def test_a_model_without_a_distribution_cannot_be_verified():
    class Closed(Bigram):
        next_events = Log10WithoutDistribution.next_events

    reason = "the model offers no next-event distribution"
    assert find_doubt(check_model(Closed)) == f"normalization cannot be checked: {reason}"


def test_the_most_serious_doubt_is_found():
    def outcome(check, status):
        return Outcome(check=check, status=status, detail="why", seconds=0)

    unknown = [outcome("state", "fail"), outcome("normalization", "n/a")]
    assert find_doubt([]) == "not checked"
    assert find_doubt([outcome("windows", "n/a"), outcome("sums", "pass")]) == ""
    assert find_doubt(unknown) == "normalization cannot be checked: why"
    assert find_doubt([outcome("windows", "n/a"), outcome("state", "fail")]) == "state failed: why"
    assert find_doubt(check_model(Unnormalized)).startswith("normalization failed: after")


def test_the_users_options_override_the_quick_ones():
    assert quick_maker(ModelSpec.parse("transformer:steps=7"))().options.steps == 7
    assert quick_maker(ModelSpec.parse("transformer"))().options.steps == 60
    assert build("transformer").options.steps == 0


def test_a_tiny_gpt2_passes(tmp_path):
    from tests.checkpoints import BOS, byte_level, gpt2, save

    tokenizer = byte_level()
    save(tmp_path, gpt2(tokenizer.get_vocab_size()), tokenizer, bos_token=BOS, eos_token=BOS)
    outcomes = check_spec(ModelSpec("hf", (("path", str(tmp_path)),)))
    assert failed(outcomes) == []
    assert [outcome.check for outcome in outcomes if outcome.status == "n/a"] == ["determinism", "save", "test-split"]


def test_the_suite_stores_no_checkpoint_and_drops_quick_options_that_contradict_the_users(tmp_path):
    """The width of the quick options is not divisible by 64 heads."""
    pytest.importorskip("torch")
    given = f"transformer:steps=3,preset=small,heads=64,checkpoint={tmp_path}/kept"
    make = quick_maker(ModelSpec.parse(given))
    assert (make().options.heads, make().options.width, make().options.layers) == (64, 192, 1)
    assert make().options.checkpoint == ""
    small = quick_maker(ModelSpec.parse("transformer:preset=small"))().options
    assert (small.heads, small.width, small.steps) == (2, 32, 60)
    with pytest.raises(SpecError, match="is not divisible by heads=3"):
        check_spec(ModelSpec.parse("transformer:heads=3"))


def test_the_suite_reports_the_loading_of_weights():
    class Downloaded(Bigram):
        traits = Traits(weights="pretrained")

        def load(self, progress):
            progress("downloading", 0.0)
            super().fit(Subject(Bigram).corpus.training)

    progress = Recorded()
    check_model(Downloaded, progress)
    assert ("downloading", 0.0) in progress.messages
