"""From a corpus's name to the corpus: embedded, in the catalog, or the user's own."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

from lmbench.corpora import documents
from lmbench.corpora.catalog import read_catalog
from lmbench.corpora.entries import read_entry
from lmbench.corpora.fables import load_fables
from lmbench.corpora.files import read_path, read_standard_input
from lmbench.corpora.formats import LINES, TextFormat
from lmbench.corpora.hub import PREFIX, read_dataset
from lmbench.corpora.pydocs import load_pydocs
from lmbench.corpora.synthetic.sources import SOURCES, generate_corpus, is_source
from lmbench.corpus import Corpus
from lmbench.errors import CorpusError, LmbenchError, UnknownNameError
from lmbench.printable import printable
from lmbench.progress import SILENT, Progress
from lmbench.spec import split_list

EMBEDDED: dict[str, Callable[[], Corpus]] = {
    "pydocs": load_pydocs,
    "fables-en": partial(load_fables, "en"),
    "fables-zh": partial(load_fables, "zh"),
    **{name: partial(generate_corpus, name) for name in SOURCES},
}
"""The corpora that come with lmbench, each with the function that makes it."""


def load_corpus(name: str, text_format: TextFormat = LINES, progress: Progress = SILENT) -> Corpus:
    """Return the corpus of this name.

    Args:
        name: An embedded corpus, a source with options (``markov:order=3,lines=100000``), an entry of the catalog,
            ``hf:DATASET``, ``-`` for standard input, or a path to a text file or a folder.
        text_format: How to read the bytes of a user's own text.
        progress: Receives reports of downloads, and of files that are not plain text.

    Raises:
        UnknownNameError: There is no such corpus, or no such option of a source.
        SpecError: A source's option has a wrong value.
        CorpusError: The text cannot be used.
        UnavailableError: A file cannot be downloaded.
    """
    try:
        return _load(name, text_format, progress)
    except MemoryError:
        raise CorpusError(f"{printable(name)} does not fit in memory; make it smaller, or divide it") from None


def load_text(name: str, text_format: TextFormat = LINES, progress: Progress = SILENT) -> str:
    """Return the text of a user's file, all documents joined, read as `load_corpus` reads it.

    Args:
        name: A path, or ``-`` for standard input.
        text_format: How to read its bytes.
        progress: Receives a line that says how the file is read, unless it is plain text.

    Raises:
        CorpusError: The text cannot be used.
    """
    return documents.read_text(None if name == "-" else _find_path(name), text_format, progress)


def _load(name: str, text_format: TextFormat, progress: Progress) -> Corpus:
    entry = read_catalog().get(name)
    if entry or name in EMBEDDED or is_source(name):
        if text_format != LINES:
            raise CorpusError(
                f"'{name}' has its own documents, encoding and field; these options are for your own text"
            )
        if entry:
            return read_entry(name, entry, progress)
        return EMBEDDED[name]() if name in EMBEDDED else generate_corpus(name)
    if name == "-":
        return read_standard_input(text_format, progress)
    if name.startswith(PREFIX):
        return read_dataset(name, text_format)
    path = _find_path(name)
    if name.strip() and os.path.lexists(path):
        return read_path(path, text_format, progress)
    raise _unknown_name(name, path)


def parse_names(text: str) -> list[str]:
    """Return the names in a comma-separated list, each once; ``option=value`` belongs to the source before it.

    If the whole list is the path of a file, commas included, it is that one name.
    """
    if text and os.path.lexists(_find_path(text)):
        return [text]
    return list(dict.fromkeys(split_list(text, is_source)))


def known_names() -> list[str]:
    """Return the names of all embedded corpora and of the catalog's."""
    return [*EMBEDDED, *read_catalog()]


def _find_path(name: str) -> Path:
    """Return the path of this name. ``~`` is the home folder, unless there is a file of that name."""
    if os.path.lexists(name):
        return Path(name)
    return Path(os.path.expanduser(name))  # noqa: PTH111  (Path.expanduser raises for an unknown user)


def _unknown_name(name: str, path: Path) -> LmbenchError:
    """Return the error that explains why no corpus has this name."""
    known, base = known_names(), name.partition(":")[0]
    if len(path.parts) > 1 or (path.suffix and ":" not in name):
        return CorpusError(f"no such file or folder: '{name}'; a corpus is a path or one of: {', '.join(known)}")
    if base in known:
        return CorpusError(f"'{name}': '{base}' does not take options; only these do: {', '.join(SOURCES)}")
    return UnknownNameError("corpus", base or name, known)
