"""Descriptions of models, corpora and their options, as lines for the terminal."""

from __future__ import annotations

import ast
import tokenize
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from inspect import getdoc
from itertools import islice
from pathlib import Path

from lmbench.corpora.catalog import CatalogEntry, CatalogFile
from lmbench.corpora.fetching import find_file, is_local
from lmbench.corpora.plugins import RegisteredCorpus
from lmbench.corpus import Corpus, Split, lines_of
from lmbench.errors import PluginError
from lmbench.model import Grid
from lmbench.registry import Registered
from lmbench.spec import Options

_SHOWN_DOCUMENTS = 3
_SHOWN_CHARACTERS = 60


def docstring(model: type) -> str:
    """Return a model's docstring, or its name if it does not have one."""
    return getdoc(model) or model.__name__


def summarize_model(entry: Registered) -> str:
    """Return the first line of a model's docstring, or why the model is broken.

    The source of lmbench's own models is read, because importing all of them takes ten seconds. Other models are
    imported: only that shows whether they work.
    """
    text = _read_docstring(entry) if entry.is_built_in else None
    if text is None:
        try:
            text = docstring(entry.load())
        except PluginError as error:
            return f"broken: {error}"
    return text.splitlines()[0]


def describe_options(options: type[Options], grid: Grid = ()) -> Iterator[str]:
    """Yield a line for each option of a model or of a source.

    Args:
        options: The class of the options.
        grid: The values that ``auto`` tries for some of them.
    """
    tried = dict(grid)
    for option, field in options.model_fields.items():
        default = "required" if field.is_required() else f"default {field.default}"
        auto = f"; auto tries {', '.join(tried[option])}" if option in tried else ""
        yield f"  {option:<15} {field.description or ''} ({default}{auto})"


def list_corpora(
    embedded: Mapping[str, Corpus], catalog: Mapping[str, CatalogEntry], plugins: Mapping[str, RegisteredCorpus]
) -> Iterator[str]:
    """Yield a line for each corpus that has a name."""
    for name, corpus in embedded.items():
        yield f"{name:<20} {corpus.description} [embedded]"
    for name, entry in catalog.items():
        is_here = is_local(entry)
        size = "" if is_here or entry.bytes is None else f", {entry.bytes / 1e6:.1f} MB"
        license = f"{entry.license}; " if entry.license else ""
        yield f"{name:<20} {entry.description} [{license}{_availability(is_here)}{size}]"
    for name, plugin in plugins.items():
        if name not in embedded and name not in catalog:
            yield f"{name:<20} {plugin.summarize()} [{plugin.origin}]"


def describe_corpus(corpus: Corpus) -> Iterator[str]:
    """Yield the lines that describe an embedded or synthetic corpus, or a user's text."""
    yield f"{corpus.name}: {corpus.description}"
    yield ""
    yield f"  read as   {corpus.provenance}"
    yield from _describe_splits(corpus)


def describe_entry(name: str, entry: CatalogEntry, corpus: Corpus | None) -> Iterator[str]:
    """Yield the lines that describe an entry of the catalog.

    Args:
        name: The entry's name.
        entry: The entry.
        corpus: The corpus that the entry is read as; None if it is not downloaded, or is not a text.
    """
    yield f"{name}: {entry.description}"
    yield ""
    for label in ("language", "license", "citation"):
        if value := getattr(entry, label):
            yield f"  {label:<9} {value}"
    yield f"  holds     {entry.holds}{'' if corpus is None else f', read as {corpus.provenance}'}"
    for file in entry.files:
        yield from _describe_file(entry, file)
    if corpus is not None:
        yield from _describe_splits(corpus)
    if entry.note:
        yield f"  note      {entry.note}"
    for figure in entry.published:
        measure = f"{figure.value:g} {figure.measure} ({figure.split})"
        yield f"  published {measure}: {figure.model} ({figure.convention}) [{figure.source}]"
    if table := entry.published_by:
        for model, mean in table.means(table.values).items():
            yield f"  published {mean:.1f} {table.measure}: {model} ({table.convention}) [{table.source}]"


def _read_docstring(entry: Registered) -> str | None:
    """Return the docstring of a model's class, as its source has it; None if it cannot be found there."""
    module = find_spec(entry.entry_point.module)
    if module is None or module.origin is None or not module.origin.endswith(".py"):
        return None
    with tokenize.open(module.origin) as source:
        statements = ast.parse(source.read()).body
    classes = (node for node in statements if isinstance(node, ast.ClassDef) and node.name == entry.entry_point.attr)
    return next(map(ast.get_docstring, classes), None)


def _describe_splits(corpus: Corpus) -> Iterator[str]:
    for split, text in (("train", corpus.train), ("valid", corpus.valid), ("test", corpus.test)):
        count = len(text.documents)
        size = f"{count:,} document{'s' * (count != 1)}, {text.size:,} bytes"
        yield f"  {split:<9} {size}, sha256 {text.fingerprint[:12]}…"
    if corpus.floor_note:
        yield f"  floor     {corpus.floor_note}"
    yield from _describe_first_documents(corpus.train if corpus.train.documents else corpus.test)


def _describe_first_documents(split: Split) -> Iterator[str]:
    for document in islice(split.documents, _SHOWN_DOCUMENTS):
        start = " ".join(document[:_SHOWN_CHARACTERS].split())
        more = "…" * (len(document.rstrip()) > _SHOWN_CHARACTERS)
        lines = len(lines_of(document))
        yield f"  document  {len(document.encode()):,} bytes, {lines:,} line{'s' * (lines != 1)}: {start}{more}"


def _describe_file(entry: CatalogEntry, file: CatalogFile) -> Iterator[str]:
    path = find_file(file)
    counts = f"{file.bytes:,} bytes" if file.bytes is not None else "size unknown"
    if path is not None and not file.path.endswith(".zip"):
        counts = _count_words(path)
    yield f"  file      {file.path}: {counts}; {_availability(path is not None)}"
    if file.urls or entry.base:
        yield f"            {' or '.join(entry.urls(file))}"
    yield f"            sha256 {file.sha256}"


def _availability(is_here: bool) -> str:
    return "on this machine" if is_here else "not downloaded"


def _count_words(path: Path) -> str:
    """Count a file's bytes, lines and words as wc does, and its distinct words."""
    data = path.read_bytes()
    words = data.split()
    lines = data.count(b"\n")
    return f"{len(data):,} bytes, {lines:,} lines, {len(words):,} words, {len(set(words)):,} of them distinct"
