"""``lmbench run`` and ``lmbench report``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lmbench.cli.options import corpus_options
from lmbench.cli.output import echo
from lmbench.errors import LmbenchError
from lmbench.runs import interrupts

if TYPE_CHECKING:
    from lmbench.corpora.options import CorpusOptions
    from lmbench.corpus import Corpus
    from lmbench.progress import Progress
    from lmbench.runs.events import RunProgress
    from lmbench.runs.experiment import BrokenModel, Experiment, SelectedModel
    from lmbench.runs.records import AuditKind
    from lmbench.runs.store import RunDirectory


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
    help="Comma-separated list of names, files, folders or hf:DATASET; '-' is standard input. Options may follow each "
    "of them, as in my.jsonl:field=body,documents=block or markov:order=3,lines=100000.",
)
@corpus_options
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
@click.option("--quiet", is_flag=True, help="Print errors and the tables, and nothing else.")
@click.option("--json", "as_json", is_flag=True, help="Print each event as a JSON object, and no tables.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Run directory. An interrupted run in it is resumed. [default: results/run-TIME]",
)
def run(
    models: str,
    corpora: str,
    defaults: CorpusOptions,
    check: bool,
    audit: AuditKind,
    seed: int | None,
    quiet: bool,
    as_json: bool,
    out: Path | None,
) -> None:
    """Evaluate models on corpora and write the tables.

    The exit code is 1 if a model fails, or if none can be evaluated.
    """
    with interrupts.deferred():
        from lmbench.runs.experiment import Experiment, select_models

    with _open_display(quiet, as_json) as display:
        display("resolving models", 0.0)
        selected = select_models(models, seed)
        display("loading corpora", 0.0)
        texts = _load_corpora(corpora, selected, defaults, display)
        experiment = Experiment(selected, texts, check, audit)
        directory = _run(experiment, out or _new_folder(Path("results")), display)
        display("writing the tables", 1.0)
        _write_report(directory)
        display.written(directory.path)
    if not as_json:
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


def _open_display(quiet: bool, as_json: bool) -> AbstractContextManager[RunProgress]:
    """Return a context with what shows the run's progress."""
    if quiet and as_json:
        raise click.UsageError("--quiet and --json exclude each other")
    with interrupts.deferred():
        from rich.console import Console

        from lmbench.cli.displays import QuietDisplay, RunDisplay
        from lmbench.cli.json_events import JsonDisplay

    if as_json:
        return nullcontext(JsonDisplay())
    return nullcontext(QuietDisplay()) if quiet else RunDisplay(Console(stderr=True))


def _load_corpora(
    names: str, models: Sequence[SelectedModel | BrokenModel], defaults: CorpusOptions, progress: RunProgress
) -> tuple[Corpus, ...]:
    """Load the corpora. Users' files are scored as a whole if no model is fitted on them."""
    from lmbench.cli.displays import LoadingProgress
    from lmbench.corpora.loading import load_corpus, refuse_idle_options
    from lmbench.corpora.names import parse_names
    from lmbench.runs.experiment import SelectedModel

    listed, loading = parse_names(names), LoadingProgress(progress)
    if not listed:
        raise LmbenchError("--corpora is empty; leave it out to use the embedded corpora")
    refuse_idle_options(listed, defaults)
    pretrained = {model.pretrained for model in models if isinstance(model, SelectedModel)}
    loaded = tuple(load_corpus(name, defaults, loading, whole=pretrained == {True}) for name in listed)
    if len(pretrained) == 2:
        _announce_divided(loaded, loading)
    return loaded


def _announce_divided(corpora: Sequence[Corpus], progress: Progress) -> None:
    """Announce that pretrained models score only a part of users' files, because other models are fitted."""
    from lmbench.corpora.splitting import DIVIDED

    for corpus in corpora:
        if corpus.provenance.endswith(DIVIDED):
            progress.notice(
                f"{corpus.name}: its last tenth is scored, because some models are fitted on the rest; to score all of "
                "it, run the pretrained models alone"
            )


def _run(experiment: Experiment, path: Path, progress: RunProgress) -> RunDirectory:
    """Run the experiment. An interrupt gets a note that says how to resume it."""
    with interrupts.deferred():
        from lmbench.runs import runner
        from lmbench.runs.engines import LocalEngine
        from lmbench.runs.store import RunDirectory
        from lmbench.runs.templates import Workers

    try:
        with Workers() as workers:
            return runner.run(experiment, path, LocalEngine(workers), progress)
    except KeyboardInterrupt as stop:
        if RunDirectory.is_at(path):
            directory = RunDirectory.open(path)
            stored, total = len(directory.cells()), len(directory.manifest.rows)
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
