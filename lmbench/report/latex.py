"""table.tex: a table of each corpus for a paper, with booktabs, and a paragraph on methods."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from lmbench.analysis.ranking import Ranking
from lmbench.printable import printable
from lmbench.report.contents import Contents
from lmbench.report.methods import describe_methods
from lmbench.report.ranked_run import RankedRun
from lmbench.report.ranked_tables import build_ranked_table
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
        "…": r"\ldots{}",
    }
)  # fmt: skip
_PER_BYTE = 2  # the place of bits per byte in a row, after rank and model
_COLUMNS = 6  # up to the difference to the best, and one measure more
_HYPHENS = re.compile("--+")  # LaTeX would join them
_NOT_A_LABEL = re.compile("[^A-Za-z0-9]+")


def format_latex(results: RankedRun) -> str:
    """Return the tables of the corpora that have numbers, as LaTeX to be included in a document."""
    tables = [
        "\n".join(_format_table(build_ranked_table(results, ranking), ranking, _list_notes(results, ranking)))
        for ranking in results.rankings
        if ranking.entries
    ]
    return "\n".join([_HEAD, *tables, *_format_methods(results)]) + "\n"


def escape(text: str) -> str:
    """Return text in which LaTeX finds no commands, in one line."""
    separate = _HYPHENS.sub(lambda hyphens: "\N{NULL}".join(hyphens[0]), printable(text).strip())
    return separate.translate(_ESCAPES)


def _list_notes(results: RankedRun, ranking: Ranking) -> list[str]:
    """Return what has to be known about the numbers, and what the marks mean."""
    return [*describe_ranking(ranking), *results.marks.notes(results.cells_of(ranking))]


def _format_table(contents: Contents, ranking: Ranking, notes: Sequence[str]) -> Iterator[str]:
    """Yield the lines of a table. Rows without numbers are left out, and columns for which a page has no room."""
    columns = contents.columns[:_COLUMNS]
    yield "\\begin{table}\n\\centering\\footnotesize\\setlength{\\tabcolsep}{3pt}"
    yield f"\\caption{{{escape(contents.title)}.}}"
    yield f"\\label{{tab:{_NOT_A_LABEL.sub('-', ranking.corpus.name)}}}"
    yield f"\\begin{{tabular}}{{@{{}}{''.join(column.align[0] for column in columns)}@{{}}}}\n\\toprule"
    yield f"{' & '.join(escape(column.heading) for column in columns)} \\\\\n\\midrule"
    for number, row in enumerate(contents.rows):
        if row[_PER_BYTE]:
            texts = [escape(text) for text in row[:_COLUMNS]]
            yield f"{' & '.join(_emphasize(texts, number, contents.best))} \\\\"
    yield "\\bottomrule\n\\end{tabular}"
    yield f"\\par\\smallskip\\raggedright {escape(' '.join(notes))}"
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
