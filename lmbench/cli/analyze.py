"""``lmbench analyze``: where the bits come from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lmbench import atomic
from lmbench.cli.data_files import check_suffix, encode
from lmbench.cli.options import json_option, plots_option
from lmbench.cli.output import echo, echo_json_lines
from lmbench.cli.reports import print_contents

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lmbench.api.analyses import AnalysisResult


@click.command(
    epilog="""\b
Examples:
  lmbench analyze results/mine                    which analyses there are
  lmbench analyze results/mine ladder
  lmbench analyze results/mine frequency --models kenlm,ppm --corpus fables-en
  lmbench analyze results/mine passages --models kenlm,hmm --out passages.csv --plots figures
  lmbench analyze results/mine calibration --models kenlm --limit 20"""
)
@click.argument("directory", metavar="RUN", type=click.Path(path_type=Path))
@click.argument("name", metavar="NAME", required=False)
@click.option(
    "--models",
    metavar="LABEL,…",
    help="Analyze these models, which have the names of their rows in the tables. [default: all; of words, the best of "
    "each rung of the ladder, at most eight]",
)
@click.option("--corpus", metavar="NAME", help="Analyze this corpus alone.")
@click.option(
    "--limit", type=click.IntRange(1), metavar="N", help="Documents that 'calibration' predicts, the first N."
)
@plots_option
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the table to a .csv, .tsv, .jsonl or .parquet file. Further tables are FILE-NAME.",
)
@json_option
def analyze(
    directory: Path,
    name: str | None,
    models: str | None,
    corpus: str | None,
    limit: int | None,
    plots: Path | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Show where the bits of a run come from.

    NAME is an analysis; without it, all are listed. They read what the run has stored. Only 'calibration' asks the
    models again, which it restores, or fits if they are not stored. Analyses of words need the text, which is read
    again by the name of the corpus.
    """
    from rich.console import Console

    from lmbench.api.results import Results
    from lmbench.cli.displays import WorkDisplay
    from lmbench.spec import split_list

    results = Results.load(directory)
    if name is None:
        if models or corpus or limit or plots or out:
            raise click.UsageError("name an analysis; without one, `lmbench analyze RUN` takes no options but --json")
        _list_analyses(as_json)
        return
    if out is not None:
        check_suffix(out)
    with WorkDisplay(Console(stderr=True), name) as display:
        labels = split_list(models or "")
        found = results.analyze(name, labels, corpus, limit=limit, progress=display)
    _print(found, as_json)
    for note in found.notes:
        echo(f"Note: {note}", err=True)
    for path in [*_write_tables(found, out), *_write_plots(found, plots)]:
        echo(f"Written: {path}", err=as_json)


def _list_analyses(as_json: bool) -> None:
    from lmbench.cli.json_lists import format_analyses
    from lmbench.report.analysis_tables import list_catalog

    if as_json:
        echo_json_lines(format_analyses())
    else:
        print_contents([list_catalog()])


def _print(found: AnalysisResult, as_json: bool) -> None:
    from lmbench.cli.json_lists import format_frames
    from lmbench.report.analysis_tables import build_tables

    if as_json:
        echo_json_lines(format_frames(found.tables))
    else:
        print_contents(build_tables(found.tables))


def _write_tables(found: AnalysisResult, out: Path | None) -> Iterator[Path]:
    """Write each table, and yield its path. Texts in CSV are escaped so that no spreadsheet runs them."""
    for name, frame in found.tables.items():
        if out is None:
            continue
        path = out if name == found.name else out.with_stem(f"{out.stem}-{name}")
        safe = frame.map(_escape) if path.suffix.lower() in (".csv", ".tsv") else frame
        atomic.write(path, encode(safe, path))
        yield path


def _escape(value: object) -> object:
    from lmbench.report.markup import csv_text

    return csv_text(value) if isinstance(value, str) else value


def _write_plots(found: AnalysisResult, folder: Path | None) -> Iterator[Path]:
    """Write each chart, and yield its path."""
    from lmbench.report.pictures import write_all

    if folder is not None:
        yield from write_all(found.plot().charts, folder)
