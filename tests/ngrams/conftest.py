import pytest


@pytest.fixture(params=[1, 50, 1 << 23])
def block(request, monkeypatch):
    """Read ARPA files in blocks of this many bytes."""
    monkeypatch.setattr("lmbench.ngrams.arpa_lines._BLOCK", request.param)
