"""Comparisons of models and runs: tables for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from lmbench.analysis.changes import Change
from lmbench.analysis.comparison import ComparedModels, ComparedRuns
from lmbench.analysis.pair import Pair, Verdict
from lmbench.report.comparison_notes import group_by_corpus, list_model_notes, list_pair_notes, list_refusals, name_rows
from lmbench.report.contents import NONE, Column, Contents
from lmbench.report.digits import DECIMALS, choose_decimals, show_fixed

_NUMBERS = (Column("first"), Column("second"))
_TEST = (Column("low"), Column("high"), Column("%"), Column("p"))
_VERDICT = Column("verdict", "left")
_DETAILS = {"file": "file of ", "option": "option ", "algorithm": "algorithm: ", "remark": "remark on the "}
_NO_CHANGES = "Options, algorithms, versions and machines are the same."


def build_model_table(compared: ComparedModels) -> Contents:
    """Return the table of two models: a row for each corpus on which they were compared."""
    first, second = compared.model.label, compared.baseline.label
    return Contents(
        f"{first} and {second}",
        (Column("corpus", "left"), *_NUMBERS, Column("diff."), *_TEST, Column("wins"), _VERDICT),
        tuple(_model_row(pair) for pair in compared.pairs),
        (
            f"first, second: bits/byte of {_place(compared, first, second)}",
            "diff., low, high: first less second, and the ends of its paired 95 % interval",
            *_explain_test(compared.pairs, "the second"),
            "wins: documents for which the first needs fewer bits, of all",
            *_explain_verdicts(compared.pairs, "the first"),
        ),
        (*list_model_notes(compared), *list_refusals(compared.refusals)),
    )


def build_run_tables(compared: ComparedRuns) -> list[Contents]:
    """Return the tables of two runs: the rows of each corpus that have other numbers, and what else changed."""
    different = [pair for pair in compared.pairs if not pair.is_same]
    totals = {name: len(pairs) for name, pairs in group_by_corpus(compared.pairs).items()}
    tables = [_run_table(pairs, totals[name]) for name, pairs in group_by_corpus(different).items()]
    if tables:
        tables[-1] = replace(tables[-1], legend=tuple(_explain_run_tables(different)))
    return [*tables, _change_table(compared)] if compared.changes else tables


def summarize_runs(compared: ComparedRuns) -> list[str]:
    """Return sentences to print above the tables: which runs are compared, and how many rows differ."""
    pairs = compared.pairs
    same, total = sum(pair.is_same for pair in pairs), len(pairs)
    sentences = [
        f"first: {compared.before.path}",
        f"second: {compared.after.path}",
        f"{same} of {total} row{'s' * (total != 1)} {'has' if 1 in (same, total) else 'have'} the same numbers.",
    ]
    return sentences if compared.changes else [*sentences, _NO_CHANGES]


def _model_row(pair: Pair) -> tuple[str, ...]:
    comparison = pair.comparison
    documents = len(pair.model.bits[0])
    return (
        pair.corpus.name,
        show_fixed(pair.model_rate, DECIMALS),
        show_fixed(pair.baseline_rate, DECIMALS),
        *_test(pair),
        f"{comparison.wins}/{documents}",
        pair.verdict,
    )


def _run_table(pairs: Sequence[Pair], rows: int) -> Contents:
    """Return the table of the rows on one corpus that have other numbers.

    Args:
        pairs: The rows.
        rows: The number of all rows on the corpus.
    """
    return Contents(
        f"{pairs[0].corpus.name}: {len(pairs)} of {rows} row{'s' * (rows != 1)} with other numbers",
        (Column("model", "left"), *_NUMBERS, Column("change"), *_TEST, _VERDICT),
        tuple(
            (
                pair.model.label,
                show_fixed(pair.baseline_rate, DECIMALS),
                show_fixed(pair.model_rate, DECIMALS),
                *_test(pair),
                pair.verdict,
            )
            for pair in pairs
        ),
        (),
        tuple(list_pair_notes(pairs, "model")),
    )


def _explain_run_tables(pairs: Sequence[Pair]) -> Iterator[str]:
    yield "first, second: bits/byte in the first run and in the second"
    yield "change, low, high: second less first, and the ends of its paired 95 % interval"
    yield from _explain_test(pairs, "the first")
    yield from _explain_verdicts(pairs, "the second")


def _change_table(compared: ComparedRuns) -> Contents:
    rows = [_row_of(pair) for pair in compared.pairs]
    return Contents(
        "Other differences",
        tuple(Column(heading, "left") for heading in ("what", "first", "second", "rows")),
        tuple(
            (
                f"{_DETAILS.get(change.kind, '')}{change.name}",
                _shorten(change, change.before),
                _shorten(change, change.after),
                "all" if len(change.rows) == len(rows) else name_rows(change.rows, rows),
            )
            for change in compared.changes
        ),
        (),
        ("Costs are of different machines.",) if any(change.kind == "machine" for change in compared.changes) else (),
    )


def _test(pair: Pair) -> tuple[str, ...]:
    """Return the difference, both ends of its interval, the difference in percent, and p."""
    difference, p = pair.comparison.difference, pair.comparison.adjusted_p
    decimals = choose_decimals([difference])
    ends = (NONE if end is None else show_fixed(end, decimals) for end in (difference.low, difference.high))
    return (
        show_fixed(difference.value, decimals),
        *ends,
        NONE if pair.relative is None else show_fixed(100 * pair.relative, 2),
        NONE if p is None else show_p(p),
    )


def show_p(p: float) -> str:
    """Return a p with two significant digits or more, down to 0.0001."""
    if p < 0.0001:
        return "<1e-4"
    return f"{p:.2f}" if p >= 0.1 else f"{p:.3f}" if p >= 0.001 else f"{p:.4f}"


def _explain_test(pairs: Sequence[Pair], base: str) -> Iterator[str]:
    yield f"%: the difference in percent of {base}"
    if max(len(group) for group in group_by_corpus(pairs).values()) > 1:
        yield "p: of the paired test of no difference, corrected for these rows of a corpus by Holm's method"
    else:
        yield "p: of the paired test of no difference"


def _explain_verdicts(pairs: Sequence[Pair], subject: str) -> Iterator[str]:
    """Yield the meaning of each verdict that occurs."""
    margin = f"{pairs[0].margin:g} bits/byte"
    meanings: dict[Verdict, str] = {
        "same": "the same bits for each document",
        "better": f"{subject} needs fewer bits: p < 0.05, and not equal",
        "worse": f"{subject} needs more bits: p < 0.05, and not equal",
        "equal": f"the interval lies within {margin} of 0",
        "not shown": "the text is too short to show a difference, if there is one",
        "too few": "too few documents for a verdict",
    }
    verdicts = {pair.verdict for pair in pairs}
    yield from (f"{verdict}: {meaning}" for verdict, meaning in meanings.items() if verdict in verdicts)


def _place(compared: ComparedModels, first: str, second: str) -> str:
    """Return the names of two models, with their runs if these are two."""
    one, other = compared.model.directory.path, compared.baseline.directory.path
    return f"{first} and of {second}" if one == other else f"{first} in {one} and of {second} in {other}"


def _row_of(pair: Pair) -> tuple[str, str]:
    return pair.corpus.name, pair.model.label


def _shorten(change: Change, value: str) -> str:
    """Return a value of a change. Digests keep twelve digits. An empty value is a dash."""
    if change.kind in ("algorithm", "file") and ":" in value:
        value = " ".join(f"{name}:{digest[:12]}" for name, _, digest in (part.partition(":") for part in value.split()))
    return value or NONE
