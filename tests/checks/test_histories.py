from pydantic import Field

from lmbench import ModelOptions
from tests.checks.outcomes import outcome_of
from tests.mutants import Windowed


def test_windows_do_not_apply_to_a_model_that_refuses_short_contexts():
    class Long(Windowed):
        class Options(ModelOptions):
            context: int = Field(32, ge=16)
            stride: int = Field(0, ge=0)

    outcome = outcome_of("windows", Long)
    assert (outcome.status, outcome.detail) == ("n/a", "the model does not take {'context': 8, 'stride': 1}")
