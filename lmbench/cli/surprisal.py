"""``lmbench surprisal``: what each word of some items costs each model."""

from __future__ import annotations

from pathlib import Path

import click

from lmbench import atomic
from lmbench.cli.data_files import check_suffix, encode
from lmbench.cli.output import echo, echo_text
from lmbench.errors import ResultsError

_LAYOUTS = ("text", "jsonl", "json", "csv", "tsv")


@click.command(
    epilog="""\b
Examples:
  lmbench surprisal --models smollm2,kenlm:order=5 --corpus wikitext-2 --text items.tsv --out long.csv
  lmbench surprisal --models gpt2 --text items.csv --column sentence --boundary trailing --add entropy
  echo 'The old man the boat.' | lmbench surprisal --models kenlm --text -"""
)
@click.option("--models", required=True, metavar="SPECS", help="Models, separated by commas.")
@click.option(
    "--text",
    required=True,
    metavar="FILE",
    help="Items: a table (CSV, TSV, JSON, JSON lines, Parquet), or a plain text with one item a line; '-' is standard "
    "input.",
)
@click.option(
    "--column", metavar="NAME", help="Column that holds the items. [default: sentence or text, or the only one]"
)
@click.option(
    "--region-column",
    metavar="NAME",
    help="Column that divides each item into regions, with | between them. [default: words are the regions]",
)
@click.option(
    "--words",
    default="spaces",
    show_default=True,
    metavar="KIND",
    help="What the words are: 'spaces' for those that white space separates, 'jieba' for Chinese.",
)
@click.option(
    "--boundary",
    default="leading",
    show_default=True,
    metavar="KIND",
    help="'leading': a word includes the white space before it. 'trailing': it includes the probability that it ends.",
)
@click.option(
    "--add",
    default="",
    metavar="COLUMNS",
    help="Further columns, separated by commas: entropy, rank, difference (to the first model).",
)
@click.option(
    "--corpus",
    default="pydocs",
    show_default=True,
    metavar="NAME",
    help="Corpus to fit models on that are not pretrained. Options may follow its name.",
)
@click.option("--refit", is_flag=True, help="Fit models even if they were fitted on this text and stored.")
@click.option("--format", "layout", type=click.Choice(_LAYOUTS), help="Format of FILE. [default: by name and content]")
@click.option("--encoding", default="utf-8", show_default=True, metavar="NAME", help="Encoding of FILE.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write: .csv, .tsv, .jsonl or .parquet. [default: CSV on standard output]",
)
def surprisal(
    models: str,
    text: str,
    column: str | None,
    region_column: str | None,
    words: str,
    boundary: str,
    add: str,
    corpus: str,
    refit: bool,
    layout: str | None,
    encoding: str,
    out: Path | None,
) -> None:
    """Print the surprisal of each word of each item, in bits.

    Each item is one document. There is one row for each model, item and word, with the other columns of the items.
    docs/surprisal.md explains the columns, and which boundary to choose.
    """
    from rich.console import Console

    from lmbench.api.ready_models import Training
    from lmbench.api.surprisal import measure_items
    from lmbench.cli.displays import WorkDisplay
    from lmbench.corpora.formats import TextFormat
    from lmbench.words.items import Columns, read_items
    from lmbench.words.measures import Settings

    settings = Settings.parse(boundary, add, words)
    _check_out(out, text)
    items = read_items(text, Columns(column, region_column, settings.spaced), TextFormat(None, encoding, None, layout))
    if out is not None:
        encode(items.kept, out)  # to refuse columns that the format does not have before anything is scored
    with WorkDisplay(Console(stderr=True), "surprisal") as display:
        table = measure_items(models, items, settings, Training(corpus, refit, display))
    if out is None:
        echo_text(table.to_csv(index=False), end="")
    else:
        atomic.write(out, encode(table, out))
        echo(f"Written: {out}")


def _check_out(out: Path | None, text: str) -> None:
    """Check, before anything is scored, that the table can be written.

    Raises:
        ResultsError: It cannot.
    """
    if out is None:
        return
    check_suffix(out)
    if out.exists() and Path(text).exists() and out.samefile(text):
        raise ResultsError(f"{out} holds the items; choose another file")
