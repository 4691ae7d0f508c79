import resource

import pytest

from lmbench.corpora import memory
from lmbench.errors import CorpusError


def test_the_limit_is_an_eighth_of_the_memory(monkeypatch):
    monkeypatch.setattr(memory, "usable_memory", lambda: 4 << 30)
    assert memory.largest_text() == 512 << 20
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (2 << 30, -1))
    assert memory.largest_text() == 256 << 20


def test_a_text_that_is_too_large_is_refused_with_its_size(monkeypatch):
    monkeypatch.setattr(memory, "largest_text", lambda: 1 << 20)
    memory.check_fits(1 << 20, "x")
    with pytest.raises(
        CorpusError, match=r"x has at least 1.5 GiB, and this machine's memory allows 1.0 MiB at once; divide it"
    ):
        memory.check_fits(3 << 29, "x")


@pytest.mark.parametrize(
    ("size", "shown"), [(0, "0 bytes"), (1023, "1023 bytes"), (1536, "1.5 KiB"), (5 << 30, "5.0 GiB")]
)
def test_sizes_are_for_people(size, shown):
    assert memory.format_size(size) == shown
