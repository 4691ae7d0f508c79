import pytest

from tests.analysis.crafted import NOISE, add, new_run


@pytest.fixture
def run(tmp_path):
    """A run with two models, of which the first needs 3 bits a document less, on average."""
    directory = new_run(tmp_path / "run")
    add(directory, "a", 200 + NOISE - 3)
    add(directory, "b", 200 - NOISE)
    return directory
