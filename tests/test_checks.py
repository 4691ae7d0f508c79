"""The conformance suite catches every mutant and passes every correct model."""

import re
import time
from pathlib import Path

import pytest
from pydantic import Field

from lmbench import ModelOptions, ModelSpec, NextEvents, Traits, build
from lmbench.checks import CHECKS, Outcome, Subject, check_model, check_spec, doubt, parametrize_with_checks
from lmbench.checks.suite import quick_maker
from lmbench.errors import SpecError
from tests.mutants import (
    CORRECT,
    MUTANTS,
    Bigram,
    JoinsLineEnds,
    Log10WithoutDistribution,
    Sentinel,
    Unnormalized,
    Windowed,
)
from tests.recording import Recorded

pytestmark = pytest.mark.usefixtures("one_thread")

PAGE = Path(__file__).parent.parent / "docs/checks.md"
TOKENIZERS = ("words", "pieces", "bytes", "bpe:300")
TRAINED = (
    "nltk:order=3",
    "nltk:smoothing=laplace",
    "nltk:smoothing=witten-bell",
    "kenlm:order=5",
    "hmm:iterations=3",
    "transformer:steps=60",
)


def failed(outcomes):
    return [outcome.check for outcome in outcomes if outcome.status == "fail"]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_every_mutant_is_caught_by_its_check(mutant):
    outcomes = check_model(mutant)
    assert mutant.caught_by in failed(outcomes)
    assert all(outcome.detail for outcome in outcomes if outcome.status == "fail")


@pytest.mark.parametrize("model", CORRECT, ids=lambda model: model.__name__)
def test_correct_models_pass(model):
    outcomes = check_model(model)
    assert failed(outcomes) == []
    assert doubt(outcomes) == ""


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


OTHERS = ("transformer:architecture=encoder-decoder", "uniform", "ppm", "ppm:order=3,escape=c,adaptive=false")


@parametrize_with_checks(*OTHERS, *(f"{spec},tokenizer={tokenizer}" for spec in TRAINED for tokenizer in TOKENIZERS))
def test_built_ins_pass(check):
    check()


def test_a_failure_names_the_event():
    [outcome] = [outcome for outcome in check_model(Sentinel) if outcome.check == "finite"]
    assert re.match(r"'.*': event \d+ \('.*', byte \d+\), log-probability -inf, is not finite", outcome.detail)


def test_a_wrong_unit_is_named():
    [outcome] = [outcome for outcome in check_model(MUTANTS[0]) if outcome.check == "chain-rule"]
    assert outcome.detail.endswith("these look like log10")


def test_a_model_without_a_distribution_cannot_be_verified():
    class Closed(Bigram):
        next_events = Log10WithoutDistribution.next_events

    assert doubt(check_model(Closed)) == "normalization cannot be checked: the model offers no next-event distribution"


def test_doubts():
    def outcome(check, status):
        return Outcome(check=check, status=status, detail="why", seconds=0)

    assert doubt([]) == "not checked"
    assert doubt([outcome("windows", "n/a"), outcome("sums", "pass")]) == ""
    assert doubt([outcome("state", "fail"), outcome("normalization", "n/a")]) == "normalization cannot be checked: why"
    assert doubt([outcome("windows", "n/a"), outcome("state", "fail")]) == "state failed: why"
    assert doubt(check_model(Unnormalized)).startswith("normalization failed: after")


def test_a_model_that_cannot_be_fitted_fails_one_check():
    class Broken(Bigram):
        def fit(self, data, progress):
            raise RuntimeError("no GPU")

    [outcome] = check_model(Broken)
    assert (outcome.check, outcome.status, outcome.detail) == ("fit", "fail", "RuntimeError: no GPU")


def test_a_slow_model_gets_a_shorter_text():
    class Quadratic(Bigram):
        longest = 0

        def costs(self, document):
            Quadratic.longest = max(Quadratic.longest, len(document))
            time.sleep(1e-9 * len(document) ** 2)
            return super().costs(document)

    [outcome] = [outcome for outcome in check_model(Quadratic) if outcome.check == "edge-texts"]
    assert outcome.status == "pass"
    assert 10_000 < Quadratic.longest < 200_000


def test_windows_do_not_apply_to_a_model_that_refuses_short_contexts():
    class Long(Windowed):
        class Options(ModelOptions):
            context: int = Field(32, ge=16)
            stride: int = Field(0, ge=0)

    [outcome] = [outcome for outcome in check_model(Long) if outcome.check == "windows"]
    assert (outcome.status, outcome.detail) == ("n/a", "the model does not take {'context': 8, 'stride': 1}")


def test_a_pretrained_tokenizer_may_join_line_ends():
    class Pretrained(JoinsLineEnds):
        traits = Traits(weights="pretrained")

        def load(self, progress):
            super().fit(Subject(Bigram).corpus.training)

    [outcome] = [outcome for outcome in check_model(Pretrained) if outcome.check == "line-ends"]
    assert outcome.status == "n/a"


def test_maximum_likelihood_fails_normalization():
    assert doubt(check_spec(ModelSpec.parse("nltk:smoothing=mle"))).startswith("normalization failed")


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
    """64 heads do not divide the width of the quick options."""
    pytest.importorskip("torch")
    given = f"transformer:steps=3,preset=small,heads=64,checkpoint={tmp_path}/kept"
    make = quick_maker(ModelSpec.parse(given))
    assert (make().options.heads, make().options.width, make().options.layers) == (64, 192, 1)
    assert make().options.checkpoint == ""
    small = quick_maker(ModelSpec.parse("transformer:preset=small"))().options
    assert (small.heads, small.width, small.steps) == (2, 32, 60)
    with pytest.raises(SpecError, match="3 heads do not divide"):
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


def test_a_model_that_scores_nothing_wrongly_fails_one_check():
    class Chatty(Bigram):
        def score(self, documents):
            return super().score(documents or [""])

    [outcome] = check_model(Chatty)
    assert (outcome.check, outcome.status, outcome.detail) == ("fit", "fail", "1 scores for 0 documents")


def test_suspect_histories_are_summed():
    class Suspicious(Bigram):
        def next_events(self, text):
            nexts = super().next_events(text)
            return nexts if text != "qqq" else NextEvents(nexts.names, nexts.logprobs - 1, nexts.spellings)

        def suspect_histories(self):
            return ("qqq",)

    outcomes = check_model(Suspicious)
    [outcome] = [outcome for outcome in outcomes if outcome.check == "normalization"]
    assert outcome.detail == "after 'qqq' the next events sum to 0.3678794"
