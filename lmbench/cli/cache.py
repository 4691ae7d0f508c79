"""``lmbench cache``: list and remove fitted and converted models."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import click

from lmbench.cache_folder import answers_file
from lmbench.cli.options import CommandGroup
from lmbench.cli.output import echo

if TYPE_CHECKING:
    from lmbench.converted import ConvertedModel
    from lmbench.runs.fitted_models import StoredModel

_AGES = (("d", 86400.0), ("h", 3600.0), ("min", 60.0), ("s", 1.0))
_SIZES = (("GiB", 2.0**30), ("MiB", 2.0**20), ("KiB", 2.0**10), ("B", 1.0))


@click.group(
    cls=CommandGroup,
    invoke_without_command=True,
    epilog="""\b
Examples:
  lmbench cache
  lmbench cache prune --max-size 2G
  lmbench cache clear""",
)
@click.pass_context
def cache(context: click.Context) -> None:
    """List or remove the fitted and converted models that are stored.

    Every command that fits a model stores it, and restores it the next time that the same model is fitted on the same
    text. If all together take more than 10 GiB, the least recently used ones are removed. GGUF files are converted
    once; `clear` removes what they were converted to.
    """
    if context.invoked_subcommand is None:
        _list_models()


@cache.command(epilog="\b\nExample:\n  lmbench cache prune --max-size 500M")
@click.option(
    "--max-size", required=True, metavar="SIZE", help="What all fitted models may take together, such as 500M or 10G."
)
def prune(max_size: str) -> None:
    """Remove the least recently used models until the others fit.

    Models that another process is fitting or restoring stay.
    """
    from lmbench.ngrams.workspace import parse_size
    from lmbench.runs.fitted_models import FittedModels

    _report_removed(FittedModels().prune(parse_size(max_size)))


@cache.command()
def clear() -> None:
    """Remove all fitted and converted models, the answers of servers, and the results of the conformance suite.

    What killed conversions left is removed too. Models that another process is fitting, converting or restoring stay.
    """
    from lmbench.converted import ConvertedModels
    from lmbench.runs.fitted_models import FittedModels
    from lmbench.runs.verdicts import clear_verdicts

    _report_removed(FittedModels().clear())
    if converted := ConvertedModels().clear():
        echo(f"Removed {_summarize(converted, 'converted model')}.")
    if size := ConvertedModels().clear_unfinished():
        echo(f"Removed unfinished conversions, {_in_words(size, _SIZES)}.")
    if size := _size_of_answers():
        answers_file().unlink(missing_ok=True)
        echo(f"Removed the answers of servers, {_in_words(size, _SIZES)}.")
    echo(f"Removed {_count(clear_verdicts(), 'verdict')} of the conformance suite.")


def _list_models() -> None:
    from lmbench.converted import ConvertedModels
    from lmbench.runs.fitted_models import LIMIT, FittedModels
    from lmbench.runs.verdicts import list_verdicts

    store = FittedModels()
    stored = store.list_models()
    converted = ConvertedModels().list_models()
    if stored or converted:
        echo(_row(("size", "fitted", "used", "fit took", "model")))
    for model in stored:
        echo(_row(_describe(model, time.time())))
    for other in converted:
        size, used = _in_words(other.size, _SIZES), _in_words(time.time() - other.used, _AGES)
        echo(_row((size, "converted", used, "", other.name or f"damaged: {other.key}")))
    echo(f"{_summarize(stored)} of at most {_in_words(LIMIT, _SIZES)} in {store.folder}")
    if converted:
        echo(f"{_summarize(converted, 'converted model')} in {ConvertedModels().folder}")
    if unfinished := ConvertedModels().measure_unfinished():
        echo(f"unfinished conversions, {_in_words(unfinished, _SIZES)} in {ConvertedModels().folder}")
    if answers := _size_of_answers():
        echo(f"answers of servers, {_in_words(answers, _SIZES)} in {answers_file()}")
    echo(f"{_count(len(list_verdicts()), 'verdict')} of the conformance suite")


def _describe(stored: StoredModel, now: float) -> tuple[str, ...]:
    """Return the size of a model, the times since it was fitted and used, how long the fit took, and what it is."""
    size, used = _in_words(stored.size, _SIZES), _in_words(now - stored.used, _AGES)
    if stored.entry is None:
        return size, "?", used, "?", f"damaged, or of another version of lmbench: {stored.key}"
    fitted = _in_words(now - datetime.fromisoformat(stored.entry.created).timestamp(), _AGES)
    return size, fitted, used, f"{stored.entry.fit_seconds:.1f} s", f"{stored.entry.model} on {stored.entry.corpus}"


def _size_of_answers() -> int:
    """Return the bytes of the answers of servers that are stored; 0 if none are."""
    return answers_file().stat().st_size if answers_file().is_file() else 0


def _row(columns: Sequence[str]) -> str:
    return "  ".join([*(column.rjust(9) for column in columns[:-1]), columns[-1]])


def _report_removed(removed: Sequence[StoredModel]) -> None:
    echo(f"Removed {_summarize(removed)}.")


def _summarize(models: Sequence[StoredModel | ConvertedModel], kind: str = "fitted model") -> str:
    return f"{_count(len(models), kind)}, {_in_words(sum(model.size for model in models), _SIZES)}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _in_words(amount: float, units: Sequence[tuple[str, float]]) -> str:
    """Return an amount in its largest unit: ``1.2 GiB``, ``3 d``."""
    name, size = next((unit for unit in units if amount >= unit[1]), units[-1])
    count = max(amount, 0) / size
    return f"{count:.0f} {name}" if count >= 100 else f"{count:.3g} {name}"
