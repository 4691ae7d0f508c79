from tests.checks.outcomes import outcome_of
from tests.mutants import Log10


def test_a_wrong_unit_is_named():
    assert outcome_of("chain-rule", Log10).detail.endswith("these look like log10")
