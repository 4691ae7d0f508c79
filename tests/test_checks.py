"""The conformance suite catches every mutant, and passes every right model."""

import re
import time
from pathlib import Path

import pytest
from pydantic import Field

from lmbench import ModelOptions, ModelSpec, build
from lmbench.checks import CHECKS, Outcome, Subject, _quick, check_model, check_spec, doubt, parametrize_with_checks
from lmbench.errors import SpecError
from lmbench.progress import SILENT
from tests.mutants import (
    MUTANTS,
    RIGHT,
    Bigram,
    JoinsLineEnds,
    Log10WithoutDistribution,
    Sentinel,
    Unnormalized,
    Windowed,
)

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
def test_every_mutant_is_caught_by_the_check_meant_for_it(mutant):
    outcomes = check_model(mutant)
    assert mutant.caught_by in failed(outcomes)
    assert all(outcome.detail for outcome in outcomes if outcome.status == "fail")


@pytest.mark.parametrize("right", RIGHT, ids=lambda right: right.__name__)
def test_right_models_pass(right):
    outcomes = check_model(right)
    assert failed(outcomes) == []
    assert doubt(outcomes) == ""


def test_every_check_has_a_mutant_that_it_is_meant_for():
    assert {mutant.caught_by for mutant in MUTANTS} == set(CHECKS)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # a mutant's own -inf * 0 is no failure of another check
def test_the_page_shows_which_check_catches_which_mutant():
    rows = re.findall(r"^\| ([A-Z]\w+) \| (.*) \| (.*) \|$", PAGE.read_text(), flags=re.MULTILINE)
    assert rows == [(m.__name__, m.__doc__, ", ".join(failed(check_model(m)))) for m in MUTANTS]


def test_the_page_explains_every_check():
    text = PAGE.read_text()
    for name, check in CHECKS.items():
        assert f"| `{name}` | {check.__doc__.splitlines()[0]} |" in text


OTHERS = ("transformer:architecture=encoder-decoder", "uniform", "ppm", "ppm:order=3,escape=c,adaptive=false")


@parametrize_with_checks(*OTHERS, *(f"{spec},tokenizer={tokenizer}" for spec in TRAINED for tokenizer in TOKENIZERS))
def test_built_ins_pass(check):
    check()


def test_a_failure_names_the_event():
    [outcome] = [outcome for outcome in check_model(Sentinel) if outcome.check == "finite"]
    assert re.match(r"'.*', event \d+: log-probability -inf", outcome.detail)


def test_a_slip_of_units_is_named():
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


def test_a_model_that_cannot_be_fitted_says_so_once():
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


def test_options_that_a_model_does_not_take_are_not_forced_on_it():
    class Long(Windowed):
        class Options(ModelOptions):
            context: int = Field(32, ge=16)
            stride: int = Field(0, ge=0)

    [outcome] = [outcome for outcome in check_model(Long) if outcome.check == "windows"]
    assert (outcome.status, outcome.detail) == ("n/a", "the model does not take {'context': 8, 'stride': 1}")


def test_joined_line_ends_are_no_fault_of_a_pretrained_tokenizer():
    class Pretrained(JoinsLineEnds):
        pretrained = True

        def load(self, progress):
            super().fit(Subject(Bigram).corpus.training)

    [outcome] = [outcome for outcome in check_model(Pretrained) if outcome.check == "line-ends"]
    assert outcome.status == "n/a"


def test_maximum_likelihood_is_not_verified():
    assert doubt(check_spec(ModelSpec.parse("nltk:smoothing=mle"))).startswith("normalization failed")


def test_quick_options_give_way_to_the_users():
    from lmbench.checks import _quick

    assert _quick(ModelSpec.parse("transformer:steps=7"))().options.steps == 7
    assert _quick(ModelSpec.parse("transformer"))().options.steps == 60
    assert build("transformer").options.steps == 0


def test_a_tiny_gpt2_passes(tmp_path):
    from tests.checkpoints import BOS, byte_level, gpt2, save

    tokenizer = byte_level()
    save(tmp_path, gpt2(tokenizer.get_vocab_size()), tokenizer, bos_token=BOS, eos_token=BOS)
    outcomes = check_spec(ModelSpec("hf", (("path", str(tmp_path)),)))
    assert failed(outcomes) == []
    assert [outcome.check for outcome in outcomes if outcome.status == "n/a"] == ["determinism", "save", "test-split"]


def test_the_suite_keeps_no_training_and_leaves_out_what_contradicts_the_users_options(tmp_path):
    """Heads that do not divide the suite's width; a preset's heads; a folder that is for the trainings of cells."""
    pytest.importorskip("torch")
    given = f"transformer:steps=3,preset=small,heads=64,checkpoint={tmp_path}/kept"
    make = _quick(ModelSpec.parse(given))
    assert (make().options.heads, make().options.width, make().options.layers) == (64, 192, 1)
    assert make().options.checkpoint == ""
    small = _quick(ModelSpec.parse("transformer:preset=small"))().options
    assert (small.heads, small.width, small.steps) == (2, 32, 60)
    with pytest.raises(SpecError, match="3 heads do not divide"):
        check_spec(ModelSpec.parse("transformer:heads=3"))


def test_a_download_is_told_by_the_suite():
    class Fetched(Bigram):
        pretrained = True

        def load(self, progress=SILENT):
            progress("downloading", 0.0)
            super().fit(Subject(Bigram).corpus.training)

    told = []
    check_model(Fetched, lambda message, share: told.append(message))
    assert "downloading" in told
