"""``lmbench run`` and ``lmbench report``."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lmbench.cli.json_lists import format_results
from lmbench.cli.options import json_option, margin_option, plots_option
from lmbench.cli.output import echo, echo_json_lines
from lmbench.cli.reports import print_tables, read_results, write_plots, write_report
from lmbench.cli.studies import Request, choose_directory, read_request, resolve_study, study_options
from lmbench.runs import interrupts

if TYPE_CHECKING:
    from lmbench.report.page.document import Page
    from lmbench.report.ranked_run import RankedRun
    from lmbench.runs.engines import Engine
    from lmbench.runs.events import RunProgress
    from lmbench.runs.experiment import JointExperiment
    from lmbench.runs.store import RunDirectory
    from lmbench.runs.study import Settings, Study
    from lmbench.runs.templates import Workers


@click.command(
    epilog="""\b
Examples:
  lmbench run --models all                      every model on the embedded corpora
  lmbench run --models kenlm:order=2..5 --corpora wikitext-2
  lmbench run --models all --corpora book.txt --documents block
  lmbench run --models ppm --out results/mine   add a model to a run
  lmbench run study.toml                        what a file asks for
  lmbench run results/mine/study.toml           resume or repeat a run"""
)
@study_options
def run(request: Request, quiet: bool, as_json: bool) -> None:
    """Evaluate models on corpora and write the tables.

    STUDY.toml is a file that says what to run. Its keys have the names of the options; an option that is given replaces
    a key.

    The exit code is 1 if a model fails, or if none can be evaluated.
    """
    with _open_display(quiet, as_json) as display, _open_workers() as workers:
        study, source = read_request(request, display)
        path = _choose_place(study, request)
        experiment = resolve_study(study, source, workers, display)
        directory = _run(_Command(experiment, study.settings, request), path, workers, display)
        display("writing the tables", 1.0)
        results = read_results(directory)
        write_report(results)
        display.written(directory.path)
    if not as_json:
        print_tables(results)
    statuses = {cell.status for cell in directory.all_cells()}
    if "failed" in statuses or (statuses and "ok" not in statuses):
        sys.exit(1)


@click.command(epilog="\b\nExample:\n  lmbench report results/run-20260101-120000")
@click.argument("directory", metavar="RUN", type=click.Path(path_type=Path))
@click.option(
    "--baseline",
    metavar="MODEL",
    help="Model that the others are divided by over several corpora. [default: kenlm, or the one with most numbers]",
)
@margin_option
@click.option(
    "--calibration",
    metavar="LABEL,…",
    help="Also show whether the probabilities of these models are frequencies. They predict the texts again.",
)
@click.option(
    "--limit", type=click.IntRange(1), metavar="N", help="Documents of each text that they predict, the first N."
)
@plots_option
@json_option
def report(
    directory: Path,
    baseline: str | None,
    margin: float,
    calibration: str | None,
    limit: int | None,
    plots: Path | None,
    as_json: bool,
) -> None:
    """Rebuild a run's tables and pictures from its stored results.

    The tables rank models by paired tests, and say which differences are due to chance. --json prints the rows of
    table.csv.
    """
    from lmbench.runs.store import RunDirectory

    if limit and not calibration:
        raise click.UsageError("--limit is for --calibration; name the models")
    results = read_results(RunDirectory.open(directory), margin, baseline, with_texts=True)
    page = _write_calibrated(results, calibration, limit) if calibration else write_report(results)
    if as_json:
        echo_json_lines(format_results(results))
    else:
        print_tables(results)
    if plots is not None:
        count = write_plots(page, plots)
        echo(f"Written: {count} charts in {plots}", err=as_json)


def _write_calibrated(results: RankedRun, models: str, limit: int | None) -> Page:
    """Write the report of a run with the calibration of some models."""
    from rich.console import Console

    from lmbench.api.reports import add_calibration
    from lmbench.cli.displays import WorkDisplay
    from lmbench.spec import split_list

    with WorkDisplay(Console(stderr=True), "calibration") as display:
        return write_report(add_calibration(results, split_list(models), limit, display))


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


def _open_workers() -> Workers:
    """Return the context of the run's processes, which begins to import what they need."""
    with interrupts.deferred():
        from lmbench.runs.templates import Workers

        workers = Workers()
        workers.prepare()
    return workers


@dataclass(frozen=True, slots=True)
class _Command:
    """An experiment, how to run it, and what the command line says besides."""

    experiment: JointExperiment
    settings: Settings
    request: Request


def _run(command: _Command, path: Path, workers: Workers, progress: RunProgress) -> RunDirectory:
    """Run the experiment. An interrupt gets a note that says how to resume it."""
    with interrupts.deferred():
        from lmbench.runs import runner
        from lmbench.runs.store import RunDirectory

    options = runner.RunOptions(command.settings.scores, not command.request.refit, command.request.shard)
    try:
        return runner.run(command.experiment, path, _make_engine(command.settings, workers), progress, options)
    except KeyboardInterrupt as stop:
        if RunDirectory.is_at(path):
            stop.add_note(f"{RunDirectory.open(path).describe_stored()}; resume with --out {path}")
        raise


def _choose_place(study: Study, request: Request) -> Path:
    """Return the run directory to write to.

    Raises:
        ResultsError: Something else is there.
    """
    from lmbench.runs.store import RunDirectory

    path = choose_directory(study, request.file) or _new_folder(Path("results"))
    RunDirectory.refuse_other(path)
    return path


def _make_engine(settings: Settings, workers: Workers) -> Engine:
    from lmbench.runs.engines import LocalEngine
    from lmbench.runs.machine import count_cpus
    from lmbench.runs.worker import Limits

    limits = Limits(settings.timeout, settings.memory_limit)
    if settings.engine == "ray":
        from lmbench.runs.ray_engine import RayEngine

        return RayEngine(settings.ray_address, settings.jobs, limits)
    return LocalEngine(workers, settings.jobs or count_cpus(), limits)


def _new_folder(parent: Path) -> Path:
    """Return the path of a folder that does not exist yet, named after the time."""
    name = datetime.now().strftime("run-%Y%m%d-%H%M%S")
    names = (name, *(f"{name}-{number}" for number in range(2, 100)))
    return next(parent / name for name in names if not (parent / name).exists())
