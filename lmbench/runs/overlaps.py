"""The overlap of a corpus's splits, which is measured once and kept in the user's cache."""

from __future__ import annotations

from contextlib import suppress

from lmbench.cache_folder import cache_folder
from lmbench.corpora.overlap import Overlap, measure_overlap
from lmbench.corpus import Corpus
from lmbench.errors import ResultsError
from lmbench.identity import digest
from lmbench.runs.sealed import read_sealed, write_sealed

_VERSION = 1
"""The version of the measurement. Raise it if the same texts give another result than before."""


def find_overlap(corpus: Corpus) -> Overlap | None:
    """Return the overlap of a corpus's splits; see `measure_overlap`. One that is kept is not measured again."""
    splits = [split.digest for split in (corpus.train, corpus.valid, corpus.test)]
    path = cache_folder() / "overlaps" / f"{digest([_VERSION, corpus.spaced, *splits])}.json"
    with suppress(ResultsError):
        return read_sealed(Overlap, path)
    measured = measure_overlap(corpus)
    if measured is not None:
        with suppress(ResultsError):
            write_sealed(path, measured)
    return measured
