"""Fixtures of the tests of checks."""

import pytest


@pytest.fixture
def shorter_line(monkeypatch):
    """Let the check edge-texts score up to 64 KiB instead of 1 MiB, for models that exist only in tests."""
    monkeypatch.setattr("lmbench.checks.form._LONG_TEXT_BYTES", 1 << 16)
