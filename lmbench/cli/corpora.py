"""``lmbench corpora``: list, show, check and fetch."""

from __future__ import annotations

import os

import click

from lmbench.cli.describing import describe_options
from lmbench.cli.loading import load_corpus
from lmbench.cli.options import CommandGroup, text_format


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
@click.pass_context
def corpora(context: click.Context) -> None:
    """List the corpora that have a name; a path to a text file or a folder is one too."""
    from lmbench.cli.corpora_listing import listing
    from lmbench.corpora.catalog import EMBEDDED

    if context.invoked_subcommand is None:
        for line in listing({name: make() for name, make in EMBEDDED.items()}):
            click.echo(line)


@corpora.command(epilog="\b\nExample:\n  lmbench corpora show wikitext-2")
@click.argument("name")
@text_format
def show(name: str, documents: str | None, encoding: str, field: str | None) -> None:
    """Explain a corpus: license, files, splits, and what the literature reports on it."""
    from lmbench.cli.corpora_listing import explained, splits
    from lmbench.corpora.catalog import catalog, read_entry
    from lmbench.corpora.files import TextFormat
    from lmbench.corpora.synthetic.registry import SOURCES, is_source
    from lmbench.spec import Spec

    entry = catalog().get(name)
    if entry is None:
        corpus = load_corpus(name, TextFormat(documents, encoding, field))
        lines = [f"{corpus.name}: {corpus.description}\n", f"  read as   {corpus.provenance}", *splits(corpus)]
        if is_source(name):
            lines += ["", *describe_options(SOURCES[Spec.parse(name).name])]
    else:
        lines = list(
            explained(name, entry, read_entry(name, entry) if entry.is_here and entry.holds == "text" else None)
        )
    for line in lines:
        click.echo(line)


@corpora.command(
    "check", epilog="\b\nExamples:\n  lmbench corpora check wikitext-2\n  lmbench corpora check my/text.txt"
)
@click.argument("names", nargs=-1, required=True)
@text_format
def check_corpora(names: tuple[str, ...], documents: str | None, encoding: str, field: str | None) -> None:
    """Say how much of a test split stands in the training split too: 13-grams, and whole documents."""
    from lmbench.corpora.files import TextFormat
    from lmbench.corpora.overlap import overlap

    for name in names:
        click.echo(f"{name}: {overlap(load_corpus(name, TextFormat(documents, encoding, field)))}")


@corpora.command(epilog="\b\nExample:\n  lmbench corpora fetch wikitext-2 war-and-peace")
@click.argument("names", nargs=-1, required=True)
def fetch(names: tuple[str, ...]) -> None:
    """Download corpora of the catalog into the user's cache, verified; what is here already is only verified."""
    from rich.console import Console

    from lmbench.cli.displays import DownloadDisplay
    from lmbench.corpora.catalog import entry_named

    entries = {name: entry_named(name) for name in names}
    for name, entry in entries.items():
        with DownloadDisplay(Console(stderr=True)) as display:
            places = [entry.fetch(file, display) for file in entry.files]
        folder = os.path.commonpath([place.parent for place in places])
        click.echo(f"{name}: {len(places)} file{'s' * (len(places) != 1)}, verified, in {folder}")
