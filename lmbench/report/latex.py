"""table.tex: a table of each corpus and task for a paper, with booktabs, and a paragraph on methods."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lmbench.analysis.ranking import Ranking
from lmbench.analysis.task_ranking import TaskRanking
from lmbench.printable import printable
from lmbench.report.contents import Contents
from lmbench.report.methods import describe_methods
from lmbench.report.ranked_run import RankedRun
from lmbench.report.ranked_tables import build_ranked_table
from lmbench.report.task_tables import RESULTS, build_task_table
from lmbench.report.uncertainty import describe_ranking

_HEAD = r"""% Written by `lmbench report`. Include it with \usepackage{booktabs} and \input{table.tex}. Names in scripts
% that pdfLaTeX does not know need XeLaTeX or LuaLaTeX, and a font that has them.
% Bold: the best model. Underlined: models that do not differ from it.
"""
_ESCAPES = str.maketrans(
    {
        "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
        "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"\textless{}", ">": r"\textgreater{}",
        "|": r"\textbar{}", '"': r"\char34{}", "`": r"\textasciigrave{}",
        "–": "--", "−": "$-$", "±": r"$\pm$", "≥": r"$\geq$", "×": r"$\times$", "°": r"\textdegree{}",
        "\N{NULL}": "{}", "†": r"\textdagger{}", "‡": r"\textdaggerdbl{}", "§": r"\S{}", "✗": r"$\times$",
        "…": r"\ldots{}", "≈": r"$\approx$",
    }
)  # fmt: skip
_PER_BYTE = 2  # the place of bits per byte in a row, after rank and model
_COLUMNS = 6  # up to the difference to the best, and one measure more
_MOST_COLUMNS = 9
_HYPHENS = re.compile("--+")  # LaTeX would join them
_NOT_A_LABEL = re.compile("[^A-Za-z0-9]+")


@dataclass(frozen=True, slots=True)
class _Table:
    """A table for a paper.

    Attributes:
        contents: All of it.
        name: The name of the corpus or task.
        notes: What has to be known about the numbers, and what the marks mean.
        columns: How many of its columns a page has room for.
    """

    contents: Contents
    name: str
    notes: Sequence[str]
    columns: int


def format_latex(results: RankedRun) -> str:
    """Return the tables of the corpora and tasks that have numbers, as LaTeX to be included in a document."""
    tables = [
        _Table(build_ranked_table(results, ranking), ranking.corpus.name, _list_notes(results, ranking), _COLUMNS)
        for ranking in results.rankings
        if ranking.entries
    ]
    tables += [_make_task_table(results, ranking) for ranking in results.tasks if ranking.main.entries]
    return "\n".join([_HEAD, *("\n".join(_format_table(table)) for table in tables), *_format_methods(results)]) + "\n"


def escape(text: str) -> str:
    """Return text in which LaTeX finds no commands, in one line."""
    separate = _HYPHENS.sub(lambda hyphens: "\N{NULL}".join(hyphens[0]), printable(text).strip())
    return separate.translate(_ESCAPES)


def _list_notes(results: RankedRun, ranking: Ranking) -> list[str]:
    """Return what has to be known about the numbers, and what the marks mean."""
    return [*describe_ranking(ranking), *results.marks.notes(results.cells_of(ranking))]


def _make_task_table(results: RankedRun, ranking: TaskRanking) -> _Table:
    """Return the table of a task, with its other metrics as far as a page has room for them."""
    contents = build_task_table(results, ranking)
    columns = min(RESULTS + len(ranking.others), _MOST_COLUMNS)
    return _Table(contents, ranking.task.name, contents.notes, columns)


def _format_table(table: _Table) -> Iterator[str]:
    """Yield the lines of a table. Rows without numbers are left out, and columns for which a page has no room."""
    contents = table.contents
    columns = contents.columns[: table.columns]
    yield "\\begin{table}\n\\centering\\footnotesize\\setlength{\\tabcolsep}{3pt}"
    yield f"\\caption{{{escape(contents.title)}.}}"
    yield f"\\label{{tab:{_NOT_A_LABEL.sub('-', table.name)}}}"
    yield f"\\begin{{tabular}}{{@{{}}{''.join(column.align[0] for column in columns)}@{{}}}}\n\\toprule"
    yield f"{' & '.join(escape(column.heading) for column in columns)} \\\\\n\\midrule"
    for number, row in enumerate(contents.rows):
        if row[_PER_BYTE]:
            texts = [escape(text) for text in row[: table.columns]]
            yield f"{' & '.join(_emphasize(texts, number, contents.best))} \\\\"
    yield "\\bottomrule\n\\end{tabular}"
    yield f"\\par\\smallskip\\raggedright {escape(' '.join(table.notes))}"
    yield "\\end{table}\n"


def _emphasize(texts: Sequence[str], number: int, best: Sequence[int]) -> list[str]:
    """Return the texts of a row, with name and bits per byte in bold if it is the best, or underlined if it is tied."""
    if number not in best:
        return list(texts)
    command = "textbf" if number == best[0] else "underline"
    rank, *names, per_byte = texts[: _PER_BYTE + 1]
    return [rank, *(f"\\{command}{{{text}}}" for text in (*names, per_byte)), *texts[_PER_BYTE + 1 :]]


def _format_methods(results: RankedRun) -> list[str]:
    methods = describe_methods(results)
    if not methods.sentences:
        return []
    references = "\n".join(f"% {printable(reference)}" for reference in methods.references)
    return [f"\\paragraph{{Methods.}} {escape(' '.join(methods.sentences))}", references]
