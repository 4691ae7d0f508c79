"""The tables of a run as HTML: for a notebook, light or dark, and as a page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape

from lmbench.printable import printable
from lmbench.report.contents import Column, Contents
from lmbench.report.methods import describe_methods
from lmbench.report.ranked_run import RankedRun
from lmbench.report.tables import list_tables

_STYLE = "overflow-x:auto;margin-bottom:1em"  # no colors, which a dark page would not suit
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Results of lmbench</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font-family: system-ui, sans-serif; margin: 2em auto; max-width: 90em; padding: 0 1em; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; }}
th, td {{ padding: 0.2em 0.7em; white-space: nowrap; }}
thead th {{ border-bottom: 1px solid; }}
code {{ overflow-wrap: anywhere; }}
</style>
</head>
<body>
<h1>Results</h1>
{body}
</body>
</html>
"""


def format_tables(results: RankedRun) -> str:
    """Return all tables of a run as HTML without colors, to be shown in a page of any."""
    return "\n".join(map(format_table, list_tables(results)))


def format_table(contents: Contents) -> str:
    """Return a table as HTML, with its notes. The meanings of its headings open on a click."""
    head = "".join(f"<th{_align(column)}>{_text(column.heading)}</th>" for column in contents.columns)
    rows = "".join(f"<tr>{_row(contents, number)}</tr>" for number in range(len(contents.rows)))
    legend = "".join(f"<li>{_text(line)}</li>" for line in contents.legend)
    return (
        f'<div style="{_STYLE}"><strong>{_text(contents.title)}</strong>\n'
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>\n"
        f"{''.join(_notes(contents.notes))}"
        f"{f'<details><summary>What the columns mean</summary><ul>{legend}</ul></details>' if legend else ''}</div>"
    )


def format_html(results: RankedRun) -> str:
    """Return the page of a run: its tables, methods and signatures."""
    methods = describe_methods(results)
    references = "".join(f"<li>{_text(reference)}</li>" for reference in methods.references)
    signatures = "".join(
        f"<li>{_text(cell.label)}: <code>{_text(cell.signature)}</code></li>"
        for cell in results.cells
        if cell.signature
    )
    parts = [
        format_tables(results),
        f"<h2>Methods</h2><p>{_text(' '.join(methods.sentences))}</p><ul>{references}</ul>" if references else "",
        f"<h2>Signatures</h2><ul>{signatures}</ul>" if signatures else "",
    ]
    return _PAGE.format(body="\n".join(filter(None, parts)))


def _row(contents: Contents, number: int) -> str:
    """Return the cells of a row, in bold if its model is the best one or does not differ from it."""
    texts = contents.rows[number]
    bold = ("<b>", "</b>") if number in contents.best else ("", "")
    return "".join(
        f"<td{_align(column)}>{bold[0]}{_text(text)}{bold[1]}</td>"
        for column, text in zip(contents.columns, texts, strict=True)
    )


def _notes(notes: Iterable[str]) -> Iterator[str]:
    return (f'<p style="margin:0.3em 0">{_text(note)}</p>' for note in notes)


def _align(column: Column) -> str:
    return f' style="text-align:{column.align}"'


def _text(text: str) -> str:
    return escape(printable(text))
