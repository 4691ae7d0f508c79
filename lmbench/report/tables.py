"""Tables of a run: for the terminal, as Markdown, and all numbers as CSV."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from csv import DictWriter
from dataclasses import dataclass
from io import StringIO

from rich import box
from rich.markup import escape
from rich.table import Table
from tabulate import tabulate

from lmbench.checks import Outcome
from lmbench.metrics import Metrics
from lmbench.printable import printable
from lmbench.report.exhibits import page_name
from lmbench.report.markup import code, plain
from lmbench.runs.store import Cell, CorpusRecord, RunDirectory


@dataclass(frozen=True, slots=True)
class _Measure:
    """How good a model is, in a number of the table: its heading, what it means, and how it is shown."""

    name: str
    meaning: str
    show: Callable[[Metrics], str]


_ALIGN = ("right", "left", *("right",) * 8)
_COSTS = "Fit and score: wall-clock seconds. MiB: peak resident memory of the cell's process, libraries included."
_UNVERIFIED = "‡ unverified: did not pass the conformance suite, or could not be checked."
_PRETRAINED = "† trained elsewhere, on other and more text: its rank is no comparison of methods."
_PSEUDO = (
    "Each token given all others of its text, those after it too: no probabilities of a text, and not to be compared "
    "with any number above. 2^(bits / the model's own tokens): only models of one tokenizer compare with each other."
)
_PSEUDO_COLUMNS = ("model", "corpus", "pseudo-ppl a token", "score s", "params", "MiB")
_PSEUDO_ALIGN = ("left", "left", *("right",) * 4)
_PER_BYTE = _Measure(
    "bits/byte",
    "all bits over the test split's UTF-8 bytes; rows are ranked by it, lower is better",
    lambda metrics: f"{metrics.bits_per_byte:.4f}",
)
_INTERVAL = _Measure(
    "95 % CI",
    "bootstrap of bits/byte over documents",
    lambda metrics: "–" if metrics.low is None or metrics.high is None else f"{metrics.low:.2f}–{metrics.high:.2f}",
)
_PER_CHARACTER = _Measure(
    "bits/char",
    "all bits over the code points; no white space separates the words of this text",
    lambda metrics: f"{metrics.bits_per_character:.4f}",
)
_PER_WORD = _Measure(
    "word ppl",
    "2^(bits / (words + line ends)), unknown words' spelling paid",
    lambda metrics: _perplexity(metrics.word_perplexity),
)
_OOV = _Measure("OOV", "share of the model's events that had to be spelled", lambda metrics: f"{metrics.oov_rate:.1%}")
_EXCESS = _Measure(
    "excess",
    "bits/byte above the floor, which no model beats on average",
    lambda metrics: "–" if metrics.excess is None else f"{metrics.excess:.4f}",
)


def ranked(cells: Sequence[Cell]) -> list[Cell]:
    """Cells that have a number by bits per byte, then the others in the order of the run."""
    return sorted(cells, key=lambda cell: (cell.metrics is None, cell.metrics.bits_per_byte if cell.metrics else 0))


def markdown(directory: RunDirectory) -> str:
    """The tables of all corpora, with what the numbers mean and the signatures."""
    parts, doubts = ["# Results\n"], _doubts(directory)
    for corpus, cells in _by_corpus(directory):
        table = tabulate(
            [[plain(text) for text in row] for row in _rows(corpus, cells, doubts)],
            headers=_columns(corpus),
            tablefmt="pipe",
            colalign=_ALIGN,
            disable_numparse=True,
        )
        parts += [
            f"## {plain(_title(corpus))}\n",
            table + "\n",
            *(f"{plain(note)}\n" for note in _notes(corpus, cells, doubts)),
        ]
    parts += _pseudo_markdown(directory)
    parts += _exhibits(directory)
    parts += [
        "## Signatures\n",
        *(f"- {plain(cell.model)}: {code(cell.signature)}" for cell in directory.cells() if cell.signature),
    ]
    machine = directory.manifest
    parts.append(f"\nPython {machine.python}, {machine.platform}, {machine.cpus} CPUs, {machine.created}.")
    return "\n".join(parts) + "\n"


def terminal(directory: RunDirectory) -> list[Table]:
    """One table a corpus, for rich to print."""
    doubts = _doubts(directory)
    tables = [_terminal_table(corpus, cells, doubts) for corpus, cells in _by_corpus(directory)]
    return tables + ([_pseudo_terminal(rows)] if (rows := _pseudo_rows(directory)) else [])


def checks(outcomes: Sequence[Outcome]) -> Table:
    """What the conformance suite said of one model, for rich to print."""
    table = Table("check", "result", "seconds", "detail", box=box.SIMPLE_HEAD)
    for outcome in outcomes:
        table.add_row(outcome.check, outcome.status, f"{outcome.seconds:.2f}", escape(outcome.detail))
    return table


def csv(directory: RunDirectory) -> str:
    """One row a cell with every number, unrounded; empty where there is none."""
    rows, doubts = [], _doubts(directory)
    for cell in directory.cells():
        row: dict[str, object] = {
            "model": cell.model,
            "corpus": cell.corpus,
            "status": cell.status,
            "pretrained": cell.pretrained,
            "unverified": doubts[cell.model],
        }
        if cell.metrics and cell.pseudo:
            row["pseudo_perplexity"] = cell.metrics.token_perplexity
        elif cell.metrics:
            row |= cell.metrics.model_dump()
        row |= cell.costs.model_dump() if cell.costs else {}
        rows.append(row | {"signature": cell.signature, "error": cell.error})
    table = StringIO(newline="")
    writer = DictWriter(table, list(dict.fromkeys(name for row in rows for name in row)), lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: "" if _is_nan(value) else value for name, value in row.items()} for row in rows)
    return table.getvalue()


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)


def write(directory: RunDirectory) -> None:
    """Rebuild the run's table files."""
    directory.write_text("table.md", markdown(directory))
    directory.write_text("table.csv", csv(directory))


def _exhibits(directory: RunDirectory) -> list[str]:
    """Links to the pages on which models show what they learned."""
    links = [
        f"- [{plain(cell.model)} on {plain(cell.corpus)}]({page_name(cell)}): "
        + plain("; ".join(printable(exhibit.title) for exhibit in exhibits))
        for cell in directory.cells()
        if (exhibits := directory.exhibits(cell))
    ]
    return ["## What the models learned\n", *links, ""] if links else []


def _by_corpus(directory: RunDirectory) -> list[tuple[CorpusRecord, list[Cell]]]:
    cells = directory.cells()
    return [
        (corpus, ranked([cell for cell in cells if cell.corpus == corpus.name and not cell.pseudo]))
        for corpus in directory.manifest.corpora
    ]


def _pseudo_rows(directory: RunDirectory) -> list[tuple[str, ...]]:
    """What has a number that is no probability's, in the order of the run."""
    return [
        (
            cell.model,
            cell.corpus,
            _perplexity(cell.metrics.token_perplexity),
            _seconds(cell.costs.score_seconds),
            "–" if cell.costs.parameters is None else _short(cell.costs.parameters),
            f"{cell.costs.peak_bytes / 2**20:.0f}",
        )
        for cell in directory.cells()
        if cell.pseudo and cell.metrics and cell.costs
    ]


def _pseudo_markdown(directory: RunDirectory) -> list[str]:
    rows = [[plain(text) for text in row] for row in _pseudo_rows(directory)]
    table = tabulate(rows, headers=_PSEUDO_COLUMNS, tablefmt="pipe", colalign=_PSEUDO_ALIGN, disable_numparse=True)
    return ["## Pseudo-perplexities\n", f"{_PSEUDO}\n", f"{table}\n"] if rows else []


def _pseudo_terminal(rows: Sequence[tuple[str, ...]]) -> Table:
    table = Table(title="Pseudo-perplexities", caption=_PSEUDO, title_justify="left", caption_justify="left")
    table.box, table.padding, table.pad_edge = box.SIMPLE_HEAD, (0, 0), False
    for column, align in zip(_PSEUDO_COLUMNS, _PSEUDO_ALIGN, strict=True):
        table.add_column(column, justify="left" if align == "left" else "right", overflow="fold")
    for row in rows:
        table.add_row(*map(escape, row))
    return table


def _title(corpus: CorpusRecord) -> str:
    return f"{corpus.name}: {corpus.test_bytes:,} bytes of test text in {corpus.test_documents:,} documents"


def _notes(corpus: CorpusRecord, cells: Sequence[Cell], doubts: Mapping[str, str]) -> list[str]:
    notes = [" ".join([*(f"{measure.name}: {measure.meaning}." for measure in _measures(corpus)), _COSTS])]
    doubted = [cell.model for cell in cells if cell.metrics and doubts[cell.model]]
    if doubted:
        reasons = dict.fromkeys(doubts[model] for model in doubted)
        told = [f"{', '.join(m for m in doubted if doubts[m] == reason)}: {reason}" for reason in reasons]
        notes.append(f"{_UNVERIFIED} {'; '.join(told)}.")
    if any(cell.pretrained for cell in cells):
        notes.append(_PRETRAINED)
    floor = next((cell.metrics.floor for cell in cells if cell.metrics), None)
    if floor is not None:
        notes.append(f"Floor: {floor:.4f} bits/byte, {corpus.floor_note}.")
    if corpus.overlap is not None:
        notes.append(f"Overlap: {corpus.overlap}.")
    notes += [f"{cell.model} is {cell.status}: {cell.error}" for cell in cells if cell.error]
    return notes


def _doubts(directory: RunDirectory) -> dict[str, str]:
    """Why each model of a run is unverified; empty for those that are verified."""
    found = directory.verifications()
    models = [cell.model for cell in directory.cells()]
    return {model: found[model].doubt if model in found else "not checked" for model in models}


def _measures(corpus: CorpusRecord) -> tuple[_Measure, ...]:
    """What a corpus's table has: four, so that 80 columns show them whole. The others are in table.csv."""
    if not corpus.spaced:
        return _PER_CHARACTER, _PER_BYTE, _INTERVAL, _OOV
    return (_PER_BYTE, _EXCESS, _INTERVAL, _PER_WORD) if corpus.floor_note else (_PER_BYTE, _INTERVAL, _PER_WORD, _OOV)


def _columns(corpus: CorpusRecord) -> tuple[str, ...]:
    return ("", "model", *(measure.name for measure in _measures(corpus)), "fit s", "score s", "params", "MiB")


def _rows(corpus: CorpusRecord, cells: Sequence[Cell], doubts: Mapping[str, str]) -> list[tuple[str, ...]]:
    return [_row(corpus, str(rank), cell, doubts[cell.model]) for rank, cell in enumerate(cells, start=1)]


def _row(corpus: CorpusRecord, rank: str, cell: Cell, doubt: str) -> tuple[str, ...]:
    metrics, costs = cell.metrics, cell.costs
    if metrics is None or costs is None:
        return ("", cell.model, cell.status, *[""] * 7)
    return (
        rank,
        cell.model + " †" * cell.pretrained + " ‡" * bool(doubt),
        *(measure.show(metrics) for measure in _measures(corpus)),
        "–" if costs.fit_seconds is None else _seconds(costs.fit_seconds),
        _seconds(costs.score_seconds),
        "–" if costs.parameters is None else _short(costs.parameters),
        f"{costs.peak_bytes / 2**20:.0f}",
    )


def _terminal_table(corpus: CorpusRecord, cells: Sequence[Cell], doubts: Mapping[str, str]) -> Table:
    caption = "\n".join(map(escape, _notes(corpus, cells, doubts)))
    table = Table(title=escape(_title(corpus)), caption=caption, title_justify="left", caption_justify="left")
    table.box, table.padding, table.pad_edge = box.SIMPLE_HEAD, (0, 0), False
    for column, align in zip(_columns(corpus), _ALIGN, strict=True):
        if align == "left":
            table.add_column(column, overflow="fold", min_width=14)
        else:
            table.add_column(column, justify="right", no_wrap=True)
    for row in _rows(corpus, cells, doubts):
        table.add_row(*map(escape, row))
    return table


def _perplexity(value: float) -> str:
    return f"{value:,.1f}" if value < 1e6 else f"{value:.2e}"


def _seconds(value: float) -> str:
    return f"{value:.1f}" if value < 100 else f"{value:.0f}"


def _short(count: int) -> str:
    for unit, name in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if count >= unit:
            return f"{count / unit:.3g}{name}"
    return str(count)
