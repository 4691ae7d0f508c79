"""``lmbench run`` and ``lmbench report``."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lmbench.cli.loading import load_corpus
from lmbench.cli.options import text_format
from lmbench.errors import LmbenchError
from lmbench.runs import interrupts

if TYPE_CHECKING:
    from lmbench.corpora.files import TextFormat
    from lmbench.corpus import Corpus
    from lmbench.runs.store import RunDirectory


@click.command(
    epilog="""\b
Examples:
  lmbench run --models all                      every model on the embedded corpora
  lmbench run --models kenlm,nltk:order=2 --corpora wikitext-2
  lmbench run --models all --corpora book.txt --documents block
  lmbench run --models all --out results/mine   go on with an interrupted run"""
)
@click.option("--models", required=True, metavar="LIST", help="'all', or comma-separated NAME[:option=value,…].")
@click.option(
    "--corpora",
    default="pydocs,fables-en,fables-zh,markov,hidden-markov,grammar,recall",
    show_default=True,
    metavar="LIST",
    help="Comma-separated names, files, folders, hf:DATASET; '-' is standard input. A source may have options: "
    "markov:order=3,lines=100000.",
)
@text_format
@click.option("--check/--no-check", default=True, help="Whether models go through the conformance suite first.")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), help="Seed of every model that has one.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Run directory; an interrupted run there goes on. [default: results/run-TIME]",
)
def run(
    models: str,
    corpora: str,
    documents: str | None,
    encoding: str,
    field: str | None,
    check: bool,
    seed: int | None,
    out: Path | None,
) -> None:
    """Score models on corpora and write the tables."""
    with interrupts.deferred():
        from rich.console import Console

        from lmbench.cli.displays import RunDisplay
        from lmbench.corpora.files import TextFormat
        from lmbench.runs import runner
        from lmbench.runs.experiment import Experiment, select_models
        from lmbench.runs.store import RunDirectory

    selected = select_models(models, seed)
    texts = _load_corpora(corpora, TextFormat(documents, encoding, field))
    experiment = Experiment(selected, tuple(texts), check)
    path = out or _new_folder(Path("results"))
    try:
        with RunDisplay(Console(stderr=True)) as display:
            directory = runner.run(experiment, path, display)
    except KeyboardInterrupt:
        if not RunDirectory.is_at(path):
            raise
        kept = len(RunDirectory.open(path).cells())
        click.echo(
            f"Interrupted: {kept} of {len(experiment.pairs)} cells are stored; resume with --out {path}.",
            err=True,
        )
        sys.exit(130)
    _write_report(directory)
    _print_tables(directory)
    cells = directory.cells()
    if any(cell.status == "failed" for cell in cells) or not any(cell.status == "ok" for cell in cells):
        sys.exit(1)


@click.command(epilog="\b\nExample:\n  lmbench report results/run-20260101-120000")
@click.argument("directory", metavar="RUN", type=click.Path(path_type=Path))
def report(directory: Path) -> None:
    """Rebuild the tables and pictures of a run from its files."""
    from lmbench.runs.store import RunDirectory

    opened = RunDirectory.open(directory)
    _write_report(opened)
    _print_tables(opened)


def _load_corpora(names: str, form: TextFormat) -> list[Corpus]:
    from lmbench.corpora.catalog import corpus_names

    loaded = [load_corpus(name, form) for name in corpus_names(names)]
    if not loaded:
        raise LmbenchError("no corpus is named; leave --corpora out for the embedded ones")
    return loaded


def _new_folder(parent: Path) -> Path:
    """A folder named after the time, which no other run has."""
    name = datetime.now().strftime("run-%Y%m%d-%H%M%S")
    names = (name, *(f"{name}-{number}" for number in range(2, 100)))
    return next(parent / name for name in names if not (parent / name).exists())


def _write_report(directory: RunDirectory) -> None:
    from lmbench.report import exhibits, tables

    tables.write(directory)
    exhibits.write(directory)


def _print_tables(directory: RunDirectory) -> None:
    from rich.console import Console

    from lmbench.report import tables

    console = Console()
    for table in tables.terminal(directory):
        console.print(table)
    console.print(f"Written: {directory.path}/table.md, table.csv", markup=False, soft_wrap=True)
