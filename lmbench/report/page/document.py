"""The page of a run, as one HTML file."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING

from lmbench.about import CITATION, own_version
from lmbench.chart import Chart
from lmbench.report.across_tables import build_across_table
from lmbench.report.audits import summarize_audits
from lmbench.report.contents import Column, Contents
from lmbench.report.drawing.style import page_style
from lmbench.report.markdown import list_machines
from lmbench.report.methods import Methods, describe_methods
from lmbench.report.page.analyses import Analyses, list_analyses
from lmbench.report.page.corpora import CorpusSection, describe_corpora
from lmbench.report.page.figures import Figure, make_figure
from lmbench.report.page.findings import list_findings
from lmbench.report.page.learned import Learned, list_learned
from lmbench.report.page.matrices import Matrix, build_overview
from lmbench.report.page.needs import build_needs_table, build_open_table, draw_needs
from lmbench.report.page.pairs import Pairs, describe_pairs
from lmbench.report.page.tasks import TasksSection, describe_tasks
from lmbench.report.page.templating import make_environment, read_template
from lmbench.report.pseudo_table import build_pseudo_table
from lmbench.report.ranked_run import RankedRun

if TYPE_CHECKING:
    from markupsafe import Markup


@dataclass(frozen=True, slots=True)
class Needs:
    """The text that would be needed.

    Attributes:
        table: The differences that the texts show.
        figure: The text that differences take; None if it is unknown.
        open: The pairs whose difference is not shown; None if there are none.
    """

    table: Contents
    figure: Figure | None
    open: Contents | None


@dataclass(frozen=True, slots=True)
class Colophon:
    """The methods, and the files with the numbers.

    Attributes:
        methods: The methods, with references.
        audits: A sentence on the audits of each corpus.
        machines: Where the cells were evaluated.
        failures: The cells without numbers; None if all have them.
        signatures: The signature of each cell.
        study: The text of study.toml; "" if the run does not have it.
        downloads: The names of the files in the same folder, each with its contents.
        citation: How to cite lmbench.
    """

    methods: Methods
    audits: Sequence[str]
    machines: Sequence[str]
    failures: Contents | None
    signatures: Contents
    study: str
    downloads: Sequence[tuple[str, str]]
    citation: str


@dataclass(frozen=True, slots=True)
class Page:
    """Everything that the page shows, from top to bottom.

    Attributes:
        title: The title.
        facts: Names and values: time, machine, command and version.
        findings: Sentences on the results and their certainty.
        overview: All models on all corpora.
        across: The models over several corpora.
        corpora: A section for each corpus.
        tasks: The tasks; None without any.
        pseudo: Numbers that are not probabilities; None without any.
        pairs: Two models side by side.
        analyses: The analyses of each corpus.
        needs: The text that would be needed.
        learned: The exhibits of the models.
        colophon: Methods, signatures and files.
    """

    title: str
    facts: Sequence[tuple[str, str]]
    findings: Sequence[str]
    overview: Matrix
    across: Sequence[Contents]
    corpora: Sequence[CorpusSection]
    tasks: TasksSection | None
    pseudo: Contents | None
    pairs: Pairs
    analyses: Sequence[Analyses]
    needs: Needs
    learned: Sequence[Learned]
    colophon: Colophon


@dataclass(frozen=True, slots=True)
class Shell:
    """The parts of the file that are not text.

    Attributes:
        style: The style sheet.
        script: The script, which sorts and filters tables.
        script_hash: The only script that a browser runs in the page.
    """

    style: Markup
    script: Markup
    script_hash: str


_DOWNLOADS = {
    "table.csv": "all numbers of all cells and compressors, unrounded",
    "pairs.csv": "all paired differences",
    "table.parquet": "the same as table.csv",
    "pairs.parquet": "the same as pairs.csv",
    "table.md": "the tables as Markdown",
    "table.tex": "the tables for a paper in LaTeX",
}


_OF_CORPORA = ("table.csv", "pairs.csv", "table.parquet", "pairs.parquet")
_OF_TASKS = {
    "tasks.csv": "all numbers of all models on all tasks, unrounded",
    "tasks.parquet": "the same as tasks.csv",
}


def format_page(results: RankedRun, is_alone: bool = False) -> str:
    """Return the page of a run.

    Args:
        results: The run.
        is_alone: Whether the page is outside the run directory, so that it cannot link to the other files there.
    """
    return render(describe_run(results, is_alone))


def render(page: Page) -> str:
    """Return the file of a page."""
    return make_environment().get_template("report.html").render(page=page, shell=_make_shell(page))


def describe_run(results: RankedRun, is_alone: bool = False) -> Page:
    """Return everything that the page shows of a run; see `format_page`."""
    figure = draw_needs(results.rankings)
    return Page(
        title=_name_run(results),
        facts=list(_list_facts(results)),
        findings=list_findings(results),
        overview=build_overview(results),
        across=list(map(build_across_table, results.groups)),
        corpora=describe_corpora(results),
        tasks=describe_tasks(results),
        pseudo=build_pseudo_table(results.cells),
        pairs=describe_pairs(results),
        analyses=list(list_analyses(results)),
        needs=Needs(
            build_needs_table(results.rankings),
            make_figure(figure) if figure else None,
            build_open_table(results.rankings),
        ),
        learned=list(list_learned(results)),
        colophon=_describe_colophon(results, is_alone),
    )


def list_charts(page: Page) -> Iterator[Chart]:
    """Yield the charts of a page, with titles that name their corpus. Of differences, it has those to the baseline."""
    for section in page.corpora:
        yield from (figure.chart for _, figure in section.forests[:1])
    for task in page.tasks.tasks if page.tasks else ():
        yield from (figure.chart for figure in task.figures)
    for view in page.pairs.views:
        yield _name_corpus(view.scatter.chart, view.corpus)
    for analyses in page.analyses:
        yield from (figure.chart for figure in analyses.figures)
    if page.needs.figure:
        yield page.needs.figure.chart
    for learned in page.learned:
        yield from (_name_corpus(figure.chart, f"{learned.model} on {learned.places}") for figure in learned.figures)


def _name_corpus(chart: Chart, corpus: str) -> Chart:
    return replace(chart, title=f"{chart.title} on {corpus}")


def _name_run(results: RankedRun) -> str:
    manifest = results.directory.manifest
    models, corpora, tasks = len(manifest.models), len(manifest.corpora), len(manifest.tasks)
    texts = [f"{corpora} {'corpus' if corpora == 1 else 'corpora'}"] if corpora or not tasks else []
    questions = [f"{tasks} task{'s' * (tasks != 1)}"] if tasks else []
    return f"{models} language model{'s' * (models != 1)} on {' and '.join(texts + questions)}"


def _list_facts(results: RankedRun) -> Iterator[tuple[str, str]]:
    manifest = results.directory.manifest
    yield "Started", f"{datetime.fromisoformat(manifest.created):%Y-%m-%d %H:%M %Z}"
    for machine in list_machines(results.all_cells):
        yield "Machine", machine
    if manifest.study is not None:
        yield "Repeat it", "lmbench run study.toml"
    yield "Version", f"lmbench {own_version()}"


def _describe_colophon(results: RankedRun, is_alone: bool) -> Colophon:
    study = results.directory.manifest.study
    return Colophon(
        methods=describe_methods(results),
        audits=summarize_audits(results.directory),
        machines=list_machines(results.all_cells),
        failures=_build_failures(results),
        signatures=_build_signatures(results),
        study=study.format() if study else "",
        downloads=[] if is_alone else list(_list_downloads(results)),
        citation=f"{CITATION}, version {own_version()}.",
    )


def _list_downloads(results: RankedRun) -> Iterator[tuple[str, str]]:
    """Yield the names of the files in the same folder, each with its contents."""
    manifest = results.directory.manifest
    for name, contents in _DOWNLOADS.items():
        if manifest.corpora or not manifest.tasks or name not in _OF_CORPORA:
            yield name, contents
    if manifest.tasks:
        yield from _OF_TASKS.items()


def _build_failures(results: RankedRun) -> Contents | None:
    """Return the cells without numbers, with the reasons; None if all have them."""
    failed = [cell for cell in results.all_cells if cell.status != "ok"]
    rows: list[tuple[str, ...]] = [(cell.label, cell.corpus, cell.status, cell.error) for cell in failed]
    rows += [
        (row.label, row.corpus, "missing", "not stored, or damaged")
        for row in (*results.missing, *results.missing_tasks)
    ]
    columns = tuple(Column(name, "left") for name in ("model", _name_place(results), "status", "reason"))
    return Contents("Cells without numbers", columns, tuple(rows), (), ()) if rows else None


def _build_signatures(results: RankedRun) -> Contents:
    columns = tuple(Column(name, "left") for name in ("model", _name_place(results), "signature"))
    rows = tuple((cell.label, cell.corpus, cell.signature) for cell in results.all_cells if cell.signature)
    return Contents(
        "Signatures", columns, rows, (), ("Everything that a number depends on; quote it with the number.",)
    )


def _name_place(results: RankedRun) -> str:
    """Return the heading of what models were evaluated on."""
    return "corpus or task" if results.tasks else "corpus"


def _make_shell(page: Page) -> Shell:
    from markupsafe import Markup

    script = read_template("report.js")
    digest = b64encode(sha256(script.encode()).digest()).decode()
    sheets = ("report.css", "tasks.css") if page.tasks else ("report.css",)
    style = page_style() + "".join(map(read_template, sheets))
    return Shell(Markup(style), Markup(script), digest)
