import re
import time

from lmbench import Traits
from lmbench.checks import Subject
from tests.checks.outcomes import outcome_of
from tests.mutants import Bigram, JoinsLineEnds, Sentinel


def test_a_failure_names_the_event():
    outcome = outcome_of("finite", Sentinel)
    assert re.match(r"'.*': event \d+ \('.*', byte \d+\), log-probability -inf, is not finite", outcome.detail)


def test_a_slow_model_gets_a_shorter_text():
    class Quadratic(Bigram):
        longest = 0

        def costs(self, document):
            Quadratic.longest = max(Quadratic.longest, len(document))
            time.sleep(1e-9 * len(document) ** 2)
            return super().costs(document)

    assert outcome_of("edge-texts", Quadratic).status == "pass"
    assert 10_000 < Quadratic.longest < 200_000


def test_a_pretrained_tokenizer_may_join_line_ends():
    class Pretrained(JoinsLineEnds):
        traits = Traits(weights="pretrained")

        def load(self, progress):
            super().fit(Subject(Bigram).corpus.training)

    assert outcome_of("line-ends", Pretrained).status == "n/a"
