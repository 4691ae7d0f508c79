"""From a corpus's name to the corpus: embedded, in the catalog, or the user's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from os import PathLike, fspath
from pathlib import Path
from typing import Literal

from lmbench.corpora import documents, fetching
from lmbench.corpora.catalog import read_catalog
from lmbench.corpora.entries import read_entry, require_text
from lmbench.corpora.fables import load_fables
from lmbench.corpora.files import read_path, read_standard_input
from lmbench.corpora.hub import PREFIX, read_dataset
from lmbench.corpora.names import divide_name, find_path, is_path
from lmbench.corpora.options import NO_OPTIONS, CorpusOptions, Selection, SplitName
from lmbench.corpora.plugins import list_plugins
from lmbench.corpora.pydocs import load_pydocs
from lmbench.corpora.selection import choose_documents, select_scored
from lmbench.corpora.synthetic.sources import SOURCES, generate_corpus, is_source, read_options
from lmbench.corpus import Corpus
from lmbench.errors import CorpusError, LmbenchError, UnknownNameError
from lmbench.printable import printable
from lmbench.progress import SILENT, Progress
from lmbench.spec import Spec

EMBEDDED: dict[str, Callable[[], Corpus]] = {
    "pydocs": load_pydocs,
    "fables-en": partial(load_fables, "en"),
    "fables-zh": partial(load_fables, "zh"),
    **{name: partial(generate_corpus, name) for name in SOURCES},
}
"""The corpora that come with lmbench, each with the function that makes it."""


def load_corpus(
    name: str | PathLike[str],
    *,
    documents: Literal["auto", "line", "block", "article", "file"] | None = None,
    field: str | None = None,
    encoding: str | None = None,
    format: Literal["text", "jsonl", "json", "conllu", "csv", "tsv"] | None = None,
    strip: bool | None = None,
    split: SplitName | None = None,
    limit: int | None = None,
    sample: int | None = None,
    draw: int | None = None,
    progress: Progress = SILENT,
) -> Corpus:
    """Return a corpus: ``load_corpus("wikitext-2")``, ``load_corpus("my.csv", field="sentence")``.

    The options may also follow the name, as in ``my.csv:field=sentence``. All but `split`, `limit`, `sample` and
    `draw` say how to read your own text.

    Args:
        name: An embedded corpus, a source with options (``markov:order=3,lines=100000``), an entry of the catalog, a
            corpus of a plugin, ``hf:DATASET``, or a path to a text file or a folder.
        documents: What one document is; by default, the look of the text decides.
        field: The field of JSON, or the column of a table or a dataset, that holds the text; "text" by default.
        encoding: One of Python's encodings; UTF-8 by default.
        format: The format of the files; by default, their names and contents decide.
        strip: Whether to strip the spaces at both ends of each line.
        split: The split to score: "test" (the default), "valid", or "all", the whole text.
        limit: How many documents to score, the first ones; all by default.
        sample: How many documents to score instead, drawn at random from all of the text and from all lengths.
        draw: Which random sample that is; 1 by default.
        progress: Receives reports of downloads, and of how files are read.

    Returns:
        The corpus, in three splits.

    Raises:
        LmbenchError: There is no such corpus or option, or the text cannot be read; see `read_corpus`.
    """
    options = {
        "documents": documents,
        "field": field,
        "encoding": encoding,
        "format": format,
        "strip": strip,
        "split": split,
        "limit": limit,
        "sample": sample,
        "draw": draw,
    }
    spec = divide_name(fspath(name))
    given = tuple((option, str(value)) for option, value in options.items() if value is not None)
    return _read_or_refuse(Spec(spec.name, spec.arguments + given), NO_OPTIONS, progress, whole=False)


def read_corpus(
    name: str, defaults: CorpusOptions = NO_OPTIONS, progress: Progress = SILENT, whole: bool = False
) -> Corpus:
    """Return the corpus of this name, read as a command reads it.

    Args:
        name: As in `load_corpus`, or ``-`` for standard input. Options may follow: ``wikitext-2:limit=10``.
        defaults: Options that the name does not give. Those that say how to read a text are for users' own texts.
        progress: Receives reports of downloads, and of how files are read.
        whole: Whether nothing is fitted on the corpus. All of a user's file is then its test split, unless an option
            names a split, and nothing needs a training split.

    Raises:
        UnknownNameError: There is no such corpus, or no such option.
        SpecError: An option has a wrong value.
        CorpusError: The text cannot be used.
        UnavailableError: A file cannot be downloaded.
    """
    return _read_or_refuse(divide_name(name), defaults, progress, whole)


def check_corpus(name: str, defaults: CorpusOptions = NO_OPTIONS) -> None:
    """Check a name and its options, and read nothing.

    Args:
        name: As in `read_corpus`.
        defaults: Options that the name does not give.

    Raises:
        LmbenchError: `read_corpus` would raise it, whatever the text is.
    """
    spec = divide_name(name)
    _take_options(spec, defaults)
    if is_source(spec.name):
        read_options(spec.name)
    elif entry := read_catalog().get(spec.name):
        require_text(spec.name, entry)


def _read_or_refuse(spec: Spec, defaults: CorpusOptions, progress: Progress, whole: bool) -> Corpus:
    """Return the corpus that a spec names. A text too large for memory becomes a CorpusError."""
    try:
        return _read(spec, defaults, progress, whole)
    except MemoryError:
        raise CorpusError(f"{printable(spec.name)} does not fit in memory; make it smaller, or divide it") from None


def load_documents(name: str, defaults: CorpusOptions = NO_OPTIONS, progress: Progress = SILENT) -> Sequence[str]:
    """Return the documents of a user's file, read as `read_corpus` reads it. The text may be blank.

    Args:
        name: A path, or ``-`` for standard input; options may follow.
        defaults: Options that the name does not give.
        progress: Receives lines that say how the file is read.

    Raises:
        UnknownNameError: There is no such option.
        SpecError: An option has a wrong value.
        CorpusError: The text cannot be used.
    """
    spec = divide_name(name)
    options = defaults.updated(spec.options(CorpusOptions))
    if options.split not in (None, "all"):
        raise CorpusError(f"'{name}' is scored as a whole; leave out split={options.split}")
    text = documents.read_in_memory(None if spec.name == "-" else find_path(spec.name), options.text_format, progress)
    documents.announce(documents.NAMES.get(spec.name, printable(spec.name)), [text], progress)
    numbers, _ = choose_documents(text.split.documents, options)
    return tuple(text.split.documents[number] for number in numbers.tolist())


def refuse_idle_options(names: Iterable[str], defaults: CorpusOptions) -> None:
    """Refuse options for users' own texts if none of these names is one.

    Raises:
        CorpusError: Such an option is given, and all corpora have a name.
    """
    given = ", ".join(f"--{name}" for name in defaults.given_for_text)
    corpora = [divide_name(name).name for name in names]
    if given and corpora and all(map(is_named, corpora)):
        raise CorpusError(f"{given}: only for your own text, not for {', '.join(corpora)}")


def is_named(name: str) -> bool:
    """Return whether a corpus has a name of its own: it is embedded, a source, in the catalog, or of a plugin."""
    return name in EMBEDDED or is_source(name) or name in read_catalog() or name in list_plugins()


def is_text(name: str) -> bool:
    """Return whether a corpus of text has this name of its own. Some entries of the catalog hold other things."""
    entry = read_catalog().get(name)
    return is_named(name) and (entry is None or entry.holds == "text")


def is_local(name: str) -> bool:
    """Return whether a corpus can be read without a download. That of a plugin is believed to be on this machine."""
    plain = divide_name(name).name
    if plain in EMBEDDED or is_source(plain):
        return True
    if entry := read_catalog().get(plain):
        return fetching.is_local(entry)
    return not plain.startswith(PREFIX)


def _read(spec: Spec, defaults: CorpusOptions, progress: Progress, whole: bool) -> Corpus:
    options = _take_options(spec, defaults)
    if is_named(spec.name):
        return select_scored(_read_named(spec.name, progress), options)
    return select_scored(_read_own(spec.name, options, progress, whole), options)


def _take_options(spec: Spec, defaults: CorpusOptions) -> CorpusOptions:
    """Return the options of a corpus, after a check that there is one of this name."""
    name = spec.name
    if is_named(name):
        return defaults.updated(spec.options(Selection))
    if name == "-" or name.startswith(PREFIX) or is_path(name):
        return defaults.updated(spec.options(CorpusOptions))
    raise _unknown_name(name, find_path(name))


def _read_named(name: str, progress: Progress) -> Corpus:
    if name in EMBEDDED:
        return EMBEDDED[name]()
    if is_source(name):
        return generate_corpus(name)
    if entry := read_catalog().get(name):
        return read_entry(name, entry, progress)
    return list_plugins()[name].load()


def _read_own(name: str, options: CorpusOptions, progress: Progress, whole: bool) -> Corpus:
    path = find_path(name)
    is_folder = name != "-" and path.is_dir()
    whole = options.split == "all" or (whole and (options.split is None or is_folder))
    if name == "-":
        return read_standard_input(options.text_format, progress, whole)
    if name.startswith(PREFIX):
        return read_dataset(name, options.text_format, whole)
    return read_path(path, options.text_format, progress, whole)


def known_names() -> list[str]:
    """Return the names of all embedded corpora, of the catalog's and of plugins', each once."""
    return list(dict.fromkeys([*EMBEDDED, *read_catalog(), *list_plugins()]))


def _unknown_name(name: str, path: Path) -> LmbenchError:
    """Return the error that explains why no corpus has this name."""
    known, base = known_names(), name.partition(":")[0]
    if len(path.parts) > 1 or (path.suffix and ":" not in name):
        return CorpusError(f"no such file or folder: '{name}'; a corpus is a path or one of: {', '.join(known)}")
    if base in known:
        return CorpusError(f"'{name}': write the options of '{base}' as {base}:option=value")
    return UnknownNameError("corpus", base or name, known)
