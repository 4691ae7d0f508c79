"""Comparisons of models and runs: tables for the terminal, and the sentences around them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from lmbench.analysis.changes import Change
from lmbench.analysis.comparison import ComparedModels, ComparedRuns, Refusal
from lmbench.analysis.pair import Pair, Verdict
from lmbench.analysis.ranking import Contender
from lmbench.report.contents import Column, Contents
from lmbench.report.digits import DECIMALS, choose_decimals, show_fixed
from lmbench.report.marks import Marks
from lmbench.report.uncertainty import describe_single_seeds, describe_units, show_bytes
from lmbench.runs.store import RunDirectory

_NONE = "–"
_NUMBERS = (Column("first"), Column("second"))
_TEST = (Column("low"), Column("high"), Column("%"), Column("p"))
_VERDICT = Column("verdict", "left")
_DETAILS = {"file": "file of ", "option": "option ", "algorithm": "algorithm: ", "remark": "remark on the "}
_NO_CHANGES = "Options, algorithms, versions and machines are the same."
_PRETRAINED_OR_DOUBTED = ("†", "‡")


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
        (*_model_notes(compared), *_refused(compared.refusals)),
    )


def build_run_tables(compared: ComparedRuns) -> list[Contents]:
    """Return the tables of two runs: the rows of each corpus that have other numbers, and what else changed."""
    different = [pair for pair in compared.pairs if not pair.is_same]
    totals = {name: len(pairs) for name, pairs in _by_corpus(compared.pairs).items()}
    tables = [_run_table(pairs, totals[name]) for name, pairs in _by_corpus(different).items()]
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


def list_run_notes(compared: ComparedRuns) -> list[str]:
    """Return sentences to print below the tables: marks, and the rows that were not compared."""
    pairs = compared.pairs
    notes = _join_by_name({name: _text_notes(rows) for name, rows in _by_corpus(pairs).items()})
    notes += _mark_notes(
        {
            "first": (compared.before, [pair.baseline for pair in pairs]),
            "second": (compared.after, [pair.model for pair in pairs]),
        }
    )
    for name, rows in (("first", compared.only_before), ("second", compared.only_after)):
        if rows:
            notes.append(f"Only in the {name} run: {_list_rows(rows)}.")
    return [*notes, *_refused(compared.refusals)]


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
        tuple(_pair_notes(pairs, "model")),
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
                "all" if len(change.rows) == len(rows) else _list_rows(change.rows, rows),
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
    ends = (_NONE if end is None else show_fixed(end, decimals) for end in (difference.low, difference.high))
    return (
        show_fixed(difference.value, decimals),
        *ends,
        _NONE if pair.relative is None else show_fixed(100 * pair.relative, 2),
        _NONE if p is None else _show_p(p),
    )


def _show_p(p: float) -> str:
    """Return a p with two significant digits or more, down to 0.0001."""
    if p < 0.0001:
        return "<1e-4"
    return f"{p:.2f}" if p >= 0.1 else f"{p:.3f}" if p >= 0.001 else f"{p:.4f}"


def _explain_test(pairs: Sequence[Pair], base: str) -> Iterator[str]:
    yield f"%: the difference in percent of {base}"
    if max(len(group) for group in _by_corpus(pairs).values()) > 1:
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


def _model_notes(compared: ComparedModels) -> Iterator[str]:
    pairs, sides = compared.pairs, (compared.model, compared.baseline)
    yield from _pair_notes(pairs, "corpus")
    yield from _join_by_name({pair.corpus.name: _text_notes([pair]) for pair in pairs})
    contenders = [[pair.model for pair in pairs], [pair.baseline for pair in pairs]]
    if sides[0].directory.path == sides[1].directory.path:
        yield from _mark_notes({"": (sides[0].directory, [*contenders[0], *contenders[1]])})
    else:
        names = ("first", "second")
        yield from _mark_notes(
            {name: (side.directory, group) for name, side, group in zip(names, sides, contenders, strict=True)}
        )


def _pair_notes(pairs: Sequence[Pair], named: str) -> Iterator[str]:
    """Yield what the verdict "not shown" means for each of the pairs, and what was resampled.

    Args:
        pairs: The pairs.
        named: Whether the rows are named by their "model" or "corpus".
    """
    for pair in pairs:
        name = pair.model.label if named == "model" else pair.corpus.name
        if pair.verdict == "not shown":
            yield f"{name}: {_describe_power(pair)}"
    for name, group in _by_corpus(pairs).items():
        yield from (f"{name}: {sentence}" for sentence in describe_units(group[0].units))


def _describe_power(pair: Pair) -> str:
    """Return which difference this text shows, and how much text the observed one needs."""
    detectable, needed = pair.comparison.detectable, pair.bytes_needed
    if detectable is None or needed is None:
        return "not shown."
    shown = choose_decimals([pair.comparison.difference])
    return (
        f"this text shows a difference of at least {show_fixed(detectable, shown)} bits/byte, with a probability of "
        f"80 %. One of {show_fixed(pair.sought, max(shown, DECIMALS))} needs about {show_bytes(needed)} of such text."
    )


def _text_notes(pairs: Sequence[Pair]) -> list[str]:
    """Return what must be known of how models were trained: on other texts, or with seeds. The corpus is the same."""
    one, other, notes = pairs[0].other_corpus, pairs[0].corpus, list[str]()
    if pairs[0].is_trained_differently:
        notes.append(
            f"The training or validation texts differ ({one.train_bytes:,} and {other.train_bytes:,} bytes of training "
            "text)."
        )
    contenders = {side.label: side for pair in pairs for side in (pair.model, pair.baseline)}
    several = [(label, len(contender.cells)) for label, contender in contenders.items() if len(contender.cells) > 1]
    notes += [f"{label}: the mean over {seeds} seeds." for label, seeds in several]
    single = [label for label, one in contenders.items() if one.is_seeded and len(one.cells) == 1]
    return [*notes, *describe_single_seeds(single)]


def _mark_notes(sides: Mapping[str, tuple[RunDirectory, Sequence[Contender]]]) -> list[str]:
    """Return the sentences that explain the marks † and ‡ of cells, after the name of the run if only one has them."""
    found = {}
    for name, (directory, contenders) in sides.items():
        marks, by_corpus = Marks.of(directory), dict[str, list[str]]()
        cells = {cell.key: cell for contender in contenders for cell in contender.cells}
        for corpus in dict.fromkeys(cell.corpus for cell in cells.values()):
            notes = marks.notes([cell for cell in cells.values() if cell.corpus == corpus])
            by_corpus[corpus] = [note for note in notes if note.startswith(_PRETRAINED_OR_DOUBTED)]
        found[f"{name} run"] = _join_by_name(by_corpus)
    return _join_by_name(found)


def _join_by_name(notes: Mapping[str, Sequence[str]]) -> list[str]:
    """Return each note once, after the names that it is about, unless it is about all of them."""
    names: dict[str, list[str]] = {}
    for name, sentences in notes.items():
        for sentence in sentences:
            names.setdefault(sentence, []).append(name)
    return [
        sentence if len(about) == len(notes) else f"{', '.join(about)}: {sentence}" for sentence, about in names.items()
    ]


def _place(compared: ComparedModels, first: str, second: str) -> str:
    """Return the names of two models, with their runs if these are two."""
    one, other = compared.model.directory.path, compared.baseline.directory.path
    return f"{first} and of {second}" if one == other else f"{first} in {one} and of {second} in {other}"


def _refused(refusals: Iterable[Refusal]) -> Iterator[str]:
    names: dict[str, list[str]] = {}
    for refusal in refusals:
        name = f"{refusal.model} on {refusal.corpus}" if refusal.model else refusal.corpus
        names.setdefault(refusal.reason, []).append(name)
    yield from (f"Not compared: {', '.join(refused)}: {reason}." for reason, refused in names.items())


def _by_corpus(pairs: Iterable[Pair]) -> dict[str, list[Pair]]:
    found: dict[str, list[Pair]] = {}
    for pair in pairs:
        found.setdefault(pair.corpus.name, []).append(pair)
    return found


def _row_of(pair: Pair) -> tuple[str, str]:
    return pair.corpus.name, pair.model.label


def _list_rows(rows: Sequence[tuple[str, str]], known: Sequence[tuple[str, str]] = ()) -> str:
    """Return the models of rows, each with its corpora unless these are all on which it is known."""
    corpora: dict[str, list[str]] = {}
    for corpus, label in rows:
        corpora.setdefault(label, []).append(corpus)
    everywhere = {label: [corpus for corpus, other in known if other == label] for label in corpora}
    return "; ".join(
        label if found == everywhere[label] else f"{label} on {', '.join(found)}" for label, found in corpora.items()
    )


def _shorten(change: Change, value: str) -> str:
    """Return a value of a change. Digests keep twelve digits. An empty value is a dash."""
    if change.kind in ("algorithm", "file") and ":" in value:
        value = " ".join(f"{name}:{digest[:12]}" for name, _, digest in (part.partition(":") for part in value.split()))
    return value or _NONE
