from pathlib import Path

from lmbench.about import CITATION

FILE = Path(__file__).parent.parent / "CITATION.cff"


def test_the_citation_is_that_of_the_file():
    lines = FILE.read_text(encoding="utf-8").splitlines()
    fields = dict(line.strip().removeprefix("- ").split(": ", 1) for line in lines if ": " in line)
    [authors, title, address] = (fields[name].strip('"') for name in ("name", "title", "repository-code"))
    assert f"{authors}. {title}. {address}" == CITATION
