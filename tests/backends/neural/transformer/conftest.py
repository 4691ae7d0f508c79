"""Fixtures of the Transformers' tests."""

import pytest

from tests.backends.neural.transformer.small_models import ENCODER_DECODER, fitted


@pytest.fixture(scope="package")
def model():
    return fitted(",steps=60")


@pytest.fixture(scope="package")
def encoder_decoder():
    return fitted(f"{ENCODER_DECODER},steps=60")


@pytest.fixture
def frequent_evaluations(monkeypatch):
    """Evaluate every ten steps, twice as often as real trainings, so that short ones do."""
    monkeypatch.setattr("lmbench.backends.neural.transformer.schedule._STEPS_BETWEEN", 10)
