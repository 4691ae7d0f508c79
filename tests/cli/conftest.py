import pytest


@pytest.fixture
def text(tmp_path):
    """A text file of 40 tokenized lines."""
    file = tmp_path / "text.txt"
    file.write_text("the cat sat on the mat .\n" * 30 + "a dog .\n" * 10)
    return file
