"""``lmbench compare``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click
from click.core import ParameterSource

from lmbench.cli.options import margin_option
from lmbench.cli.output import echo_json_lines
from lmbench.cli.reports import print_contents
from lmbench.errors import LmbenchError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lmbench.analysis.comparison import ComparedModels, ComparedRuns
    from lmbench.analysis.divergence import Divergence
    from lmbench.analysis.task_comparison import ComparedTasks
    from lmbench.runs.store import RunDirectory

Compared = TypeVar("Compared")


@click.command(
    epilog="""\b
Examples:
  lmbench compare results/mine kenlm ppm          two models of a run
  lmbench compare results/old results/new         two runs: what changed
  lmbench compare results/old ppm results/new ppm:order=4
  lmbench compare results/mine kenlm ppm --corpus wikitext-2 --json
  lmbench compare --distributions kenlm:order=3 kenlm --corpus fables-en"""
)
@click.argument("names", metavar="RUN MODEL MODEL | RUN RUN", nargs=-1, required=True)
@click.option("--corpus", "corpora", multiple=True, metavar="NAME", help="Compare on this corpus alone; repeatable.")
@click.option("--task", "tasks", multiple=True, metavar="NAME", help="Compare on this task alone; repeatable.")
@click.option(
    "--distributions",
    is_flag=True,
    help="Compare the whole distributions of two models, which --corpus fits and scores: KL divergence, changes of "
    "probability and agreement of the most likely events.",
)
@click.option("--models", metavar="LABEL,…", help="Of two runs, compare these models alone.")
@margin_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON objects, one for each row.")
def compare(
    names: tuple[str, ...],
    corpora: tuple[str, ...],
    tasks: tuple[str, ...],
    distributions: bool,
    models: str | None,
    margin: float,
    as_json: bool,
) -> None:
    """Compare two models, or two runs.

    Models have the names of their rows in the tables; several seeds of a model are one. The differences are paired: the
    same documents, or blocks of them, are resampled for both; on tasks, the same items. Texts that differ, or were read
    in different ways, cannot be compared; if nothing can be, the exit code is 2.

    With --distributions, MODEL MODEL are specs as `lmbench run` takes them, with the same vocabulary, such as a
    quantized model and its original. The differences are those of the first model from the second.
    """
    if distributions:
        _refuse_idle_options()
        _compare_distributions(names, corpora, models, as_json)
    elif len(names) == 2:
        _print_runs(*_compare_runs(names, models, _Places(corpora, tasks), margin), as_json)
    elif models is not None:
        raise click.UsageError("--models goes with two runs; name the runs alone")
    elif len(names) in (3, 4):
        _print_models(*_compare_models(names, _Places(corpora, tasks), margin), as_json)
    else:
        raise click.UsageError("name two models of a run (RUN MODEL MODEL), two runs (RUN RUN), or RUN MODEL RUN MODEL")


def _refuse_idle_options() -> None:
    """Refuse the options of this command that --distributions does not use."""
    context = click.get_current_context()
    for name, option in (("tasks", "--task"), ("margin", "--margin")):
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"{option} does not go with --distributions")


def _compare_distributions(names: Sequence[str], corpora: Sequence[str], models: str | None, as_json: bool) -> None:
    """Fit or load two models for each corpus, compare their distributions, and print them."""
    from lmbench.corpora.loading import check_corpus
    from lmbench.report.divergence import build_divergence_table, format_divergences

    if len(names) != 2 or models is not None or not corpora:
        raise click.UsageError("--distributions goes with two models and a corpus: MODEL MODEL --corpus NAME")
    for corpus in corpora:
        check_corpus(corpus)
    found = {corpus: _measure_divergence(names, corpus) for corpus in dict.fromkeys(corpora)}
    if as_json:
        echo_json_lines(format_divergences(names[0], names[1], found))
    else:
        print_contents([build_divergence_table(names[0], names[1], found)])


def _measure_divergence(names: Sequence[str], corpus: str) -> Divergence:
    from rich.console import Console

    from lmbench.analysis.divergence import compare_distributions
    from lmbench.cli.displays import WorkDisplay
    from lmbench.cli.inputs import Fitting, load_corpus, prepare_on
    from lmbench.corpora.options import NO_OPTIONS
    from lmbench.registry import build

    models = [build(name) for name in names]
    text = load_corpus(corpus)
    for name, model in zip(names, models, strict=True):
        prepare_on(model, name, Fitting(corpus, NO_OPTIONS), text.training)
    with WorkDisplay(Console(stderr=True), f"comparing on {corpus}") as display:
        return compare_distributions(models[0], models[1], text.test.documents, display)


@dataclass(frozen=True, slots=True)
class _Places:
    """The corpora and tasks to compare on; all if none is named."""

    corpora: Sequence[str]
    tasks: Sequence[str]

    def compare(
        self, runs: Sequence[RunDirectory], on_texts: Callable[[], Compared], on_tasks: Callable[[], ComparedTasks]
    ) -> tuple[Compared | None, ComparedTasks]:
        """Compare on corpora and on tasks. If only one of the two can be compared, the other one is left out.

        Raises:
            LmbenchError: Nothing can be compared.
        """
        from lmbench.analysis.task_comparison import ComparedTasks, require_pairs

        found = ComparedTasks() if self.corpora and not self.tasks else on_tasks()
        if (self.tasks and not self.corpora) or not any(run.manifest.corpora for run in runs):
            require_pairs(found)
            return None, found
        try:
            return on_texts(), found
        except LmbenchError:
            if not found.pairs:
                raise
            return None, found


def _compare_models(
    names: Sequence[str], places: _Places, margin: float
) -> tuple[ComparedModels | None, ComparedTasks]:
    """Return the comparison of RUN MODEL MODEL, or of RUN MODEL RUN MODEL."""
    from lmbench.analysis.comparison import RunModel, compare_models
    from lmbench.analysis.task_comparison import compare_tasks
    from lmbench.runs.store import RunDirectory

    first = RunDirectory.open(Path(names[0]))
    second = RunDirectory.open(Path(names[2])) if len(names) == 4 else first
    models = (RunModel(first, names[1]), RunModel(second, names[-1]))
    return places.compare(
        (first, second),
        lambda: compare_models(*models, places.corpora, margin),
        lambda: compare_tasks(*models, places.tasks),
    )


def _compare_runs(
    names: Sequence[str], models: str | None, places: _Places, margin: float
) -> tuple[ComparedRuns | None, ComparedTasks]:
    from lmbench.analysis.comparison import compare_runs
    from lmbench.analysis.task_comparison import compare_task_runs
    from lmbench.runs.store import RunDirectory
    from lmbench.spec import split_list

    before = RunDirectory.open(Path(names[0]))
    if not Path(names[1]).exists():
        raise click.UsageError(f"{names[1]} is not a run directory; to compare models of {names[0]}, name two of them")
    after = RunDirectory.open(Path(names[1]))
    chosen = split_list(models or "")
    return places.compare(
        (before, after),
        lambda: compare_runs(before, after, chosen, places.corpora, margin),
        lambda: compare_task_runs(before, after, chosen, places.tasks),
    )


def _print_models(compared: ComparedModels | None, tasks: ComparedTasks, as_json: bool) -> None:
    from lmbench.report import task_comparison
    from lmbench.report.comparison import build_model_table
    from lmbench.report.comparison_json import format_models

    if as_json:
        echo_json_lines([*(format_models(compared) if compared else []), *task_comparison.format_tasks(tasks)])
    else:
        tables = [build_model_table(compared)] if compared else []
        print_contents([*tables, *task_comparison.build_model_tables(tasks)])


def _print_runs(compared: ComparedRuns | None, tasks: ComparedTasks, as_json: bool) -> None:
    from lmbench.report import task_comparison
    from lmbench.report.comparison import build_run_tables, summarize_runs
    from lmbench.report.comparison_json import format_runs
    from lmbench.report.comparison_notes import list_run_notes

    if as_json:
        echo_json_lines([*(format_runs(compared) if compared else []), *task_comparison.format_tasks(tasks)])
        return
    if compared:
        _print_sentences([*summarize_runs(compared), ""])
        print_contents(build_run_tables(compared))
        _print_sentences(list_run_notes(compared))
    if table := task_comparison.build_run_table(tasks):
        print_contents([table])
    _print_sentences(task_comparison.summarize_task_runs(tasks))


def _print_sentences(sentences: Sequence[str]) -> None:
    from rich.console import Console

    from lmbench.report.markup import literal

    console = Console()
    for sentence in sentences:
        console.print(literal(sentence), highlight=False)
