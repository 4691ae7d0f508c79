"""``lmbench corpora``: list, describe, check and download corpora."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from lmbench.cli.inputs import load_corpus
from lmbench.cli.options import CommandGroup, json_option, text_options
from lmbench.cli.output import echo, echo_json_lines

if TYPE_CHECKING:
    from lmbench.corpora.options import CorpusOptions


@click.group(
    cls=CommandGroup,
    invoke_without_command=True,
    epilog="""\b
Examples:
  lmbench corpora
  lmbench corpora show wikitext-2
  lmbench corpora fetch wikitext-2 war-and-peace
  lmbench corpora check my/text.txt""",
)
@json_option
@click.pass_context
def corpora(context: click.Context, as_json: bool) -> None:
    """List, describe, check and download corpora.

    Without a command, this lists the corpora that have a name. Paths to text files and folders are corpora as well.
    """
    if context.invoked_subcommand is not None:
        if as_json:
            raise click.UsageError(f"--json is for the list of corpora, not for '{context.invoked_subcommand}'")
        return
    if as_json:
        from lmbench.cli.json_lists import format_corpora

        echo_json_lines(format_corpora())
        return
    from lmbench.cli.descriptions import list_corpora
    from lmbench.corpora.catalog import read_catalog
    from lmbench.corpora.loading import EMBEDDED
    from lmbench.corpora.plugins import list_plugins

    for line in list_corpora({name: make() for name, make in EMBEDDED.items()}, read_catalog(), list_plugins()):
        echo(line)


@corpora.command(epilog="\b\nExample:\n  lmbench corpora show wikitext-2")
@click.argument("name")
@text_options
def show(name: str, defaults: CorpusOptions) -> None:
    """Describe a corpus: license, files, splits, first documents, published results."""
    from lmbench.corpora.catalog import read_catalog
    from lmbench.corpora.loading import refuse_idle_options

    refuse_idle_options([name], defaults)
    for line in _describe_entry(name) if name in read_catalog() else _describe_text(name, defaults):
        echo(line)


@corpora.command(
    "check", epilog="\b\nExamples:\n  lmbench corpora check wikitext-2\n  lmbench corpora check my/text.txt"
)
@click.argument("names", nargs=-1, required=True)
@text_options
def check_corpora(names: tuple[str, ...], defaults: CorpusOptions) -> None:
    """Measure how much of a test split is also training text.

    This counts its 13-grams and its whole documents that are in the training split.
    """
    from lmbench.corpora.loading import refuse_idle_options
    from lmbench.corpora.overlap import measure_overlap

    refuse_idle_options(names, defaults)
    for name in names:
        corpus = load_corpus(name, defaults)
        echo(f"{corpus.name}: {measure_overlap(corpus) or 'there is no training split to compare with'}")


@corpora.command(epilog="\b\nExample:\n  lmbench corpora fetch wikitext-2 war-and-peace")
@click.argument("names", nargs=-1, required=True)
def fetch(names: tuple[str, ...]) -> None:
    """Download corpora of the catalog, and verify them.

    They are stored in the user's cache. Files that are already on this machine are only verified.
    """
    from rich.console import Console

    from lmbench.cli.displays import DownloadDisplay
    from lmbench.corpora.catalog import find_entry
    from lmbench.corpora.fetching import fetch_file

    entries = {name: find_entry(name) for name in names}
    for name, entry in entries.items():
        with DownloadDisplay(Console(stderr=True)) as display:
            paths = [fetch_file(entry, file, display) for file in entry.files]
        folder = os.path.commonpath([path.parent for path in paths])
        echo(f"{name}: {len(paths)} file{'s' * (len(paths) != 1)}, verified, in {folder}")


def _describe_entry(name: str) -> Iterator[str]:
    from lmbench.cli.descriptions import describe_entry
    from lmbench.corpora.catalog import find_entry
    from lmbench.corpora.entries import read_entry
    from lmbench.corpora.fetching import is_local

    entry = find_entry(name)
    corpus = read_entry(name, entry) if entry.holds == "text" and is_local(entry) else None
    return describe_entry(name, entry, corpus)


def _describe_text(name: str, defaults: CorpusOptions) -> Iterator[str]:
    from lmbench.cli.descriptions import describe_corpus, describe_options
    from lmbench.corpora.synthetic.sources import SOURCES, is_source
    from lmbench.spec import Spec

    yield from describe_corpus(load_corpus(name, defaults))
    if is_source(name):
        yield ""
        yield from describe_options(SOURCES[Spec.parse(name).name])
