"""``lmbench run`` and ``lmbench report``."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lmbench.cli.inputs import load_corpus
from lmbench.cli.options import text_format
from lmbench.cli.output import echo
from lmbench.errors import LmbenchError
from lmbench.runs import interrupts

if TYPE_CHECKING:
    from lmbench.corpora.formats import TextFormat
    from lmbench.corpus import Corpus
    from lmbench.runs.experiment import Experiment
    from lmbench.runs.store import AuditKind, RunDirectory


@click.command(
    epilog="""\b
Examples:
  lmbench run --models all                      every model on the embedded corpora
  lmbench run --models kenlm,nltk:order=2 --corpora wikitext-2
  lmbench run --models all --corpora book.txt --documents block
  lmbench run --models all --out results/mine   resume an interrupted run"""
)
@click.option(
    "--models", required=True, metavar="LIST", help="'all', or a comma-separated list of NAME[:option=value,…]."
)
@click.option(
    "--corpora",
    default="pydocs,fables-en,fables-zh,markov,hidden-markov,grammar,recall",
    show_default=True,
    metavar="LIST",
    help="Comma-separated list of names, files, folders or hf:DATASET; '-' is standard input. Synthetic sources take "
    "options, as in markov:order=3,lines=100000.",
)
@text_format
@click.option("--check/--no-check", default=True, help="Run the conformance suite on each model first.")
@click.option(
    "--audit",
    type=click.Choice(["none", "sample", "full"]),
    default="sample",
    show_default=True,
    help="Audit each model on a few documents after scoring. 'full' also scores all documents again in a fresh "
    "process, in another order. A row that fails is marked. A resumed run evaluates the cells again that had a weaker "
    "audit.",
)
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), help="Seed for all models that have one.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Run directory. An interrupted run in it is resumed. [default: results/run-TIME]",
)
def run(
    models: str,
    corpora: str,
    documents: str | None,
    layout: str | None,
    encoding: str,
    field: str | None,
    check: bool,
    audit: AuditKind,
    seed: int | None,
    out: Path | None,
) -> None:
    """Evaluate models on corpora and write the tables.

    The exit code is 1 if a model fails, or if none can be evaluated.
    """
    with interrupts.deferred():
        from lmbench.corpora.formats import TextFormat
        from lmbench.runs.experiment import Experiment, select_models

    selected = select_models(models, seed)
    texts = _load_corpora(corpora, TextFormat(documents, encoding, field, layout))
    directory = _run(Experiment(selected, texts, check, audit), out or _new_folder(Path("results")))
    _write_report(directory)
    _print_tables(directory)
    statuses = {cell.status for cell in directory.cells()}
    if "failed" in statuses or "ok" not in statuses:
        sys.exit(1)


@click.command(epilog="\b\nExample:\n  lmbench report results/run-20260101-120000")
@click.argument("directory", metavar="RUN", type=click.Path(path_type=Path))
def report(directory: Path) -> None:
    """Rebuild a run's tables and pictures from its stored results."""
    from lmbench.runs.store import RunDirectory

    opened = RunDirectory.open(directory)
    _write_report(opened)
    _print_tables(opened)


def _load_corpora(names: str, text_format: TextFormat) -> tuple[Corpus, ...]:
    from lmbench.corpora.loading import parse_names

    loaded = tuple(load_corpus(name, text_format) for name in parse_names(names))
    if not loaded:
        raise LmbenchError("--corpora is empty; leave it out to use the embedded corpora")
    return loaded


def _run(experiment: Experiment, path: Path) -> RunDirectory:
    """Run the experiment. An interrupt gets a note that says how to resume it."""
    with interrupts.deferred():
        from rich.console import Console

        from lmbench.cli.displays import RunDisplay
        from lmbench.runs import runner
        from lmbench.runs.store import RunDirectory

    try:
        with RunDisplay(Console(stderr=True)) as display:
            return runner.run(experiment, path, display)
    except KeyboardInterrupt as stop:
        if RunDirectory.is_at(path):
            stored, total = len(RunDirectory.open(path).cells()), len(experiment.pairs)
            stop.add_note(f"{stored} of {total} cells are stored; resume with --out {path}")
        raise


def _new_folder(parent: Path) -> Path:
    """Return the path of a folder that does not exist yet, named after the time."""
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
    echo(f"Written: {directory.path}/table.md, table.csv")
