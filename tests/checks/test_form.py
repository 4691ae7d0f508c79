import re
import time

from lmbench import Traits
from lmbench.checks import Subject
from tests.checks.outcomes import outcome_of
from tests.mutants import Bigram, JoinsLineEnds, Sentinel


def test_a_failure_names_the_event():
    outcome = outcome_of("finite", Sentinel)
    assert re.match(r"'.*': event \d+ \('.*', byte \d+\), log-probability -inf, is not finite", outcome.detail)


class Measured(Bigram):
    """A model that takes `seconds` times the square of a document's length, and notes the longest one."""

    seconds, longest = 0.0, 0

    def costs(self, document):
        type(self).longest = max(self.longest, len(document))
        time.sleep(self.seconds * len(document) ** 2)
        return super().costs(document)


def test_a_quick_model_gets_a_line_of_a_megabyte():
    model = type("Quick", (Measured,), {})
    assert outcome_of("edge-texts", model).status == "pass"
    assert model.longest == 2**20


def test_a_slow_model_gets_a_shorter_text():
    model = type("Quadratic", (Measured,), {"seconds": 1e-9})
    assert outcome_of("edge-texts", model).status == "pass"
    assert 10_000 < model.longest < 200_000


def test_a_pretrained_tokenizer_may_join_line_ends():
    class Pretrained(JoinsLineEnds):
        traits = Traits(weights="pretrained")

        def load(self, progress):
            super().fit(Subject(Bigram).corpus.training)

    assert outcome_of("line-ends", Pretrained).status == "n/a"
