"""Sentences around comparisons: what was resampled, marks, and the rows that were not compared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from lmbench.analysis.comparison import ComparedModels, ComparedRuns, Refusal, group_refusals
from lmbench.analysis.pair import Pair
from lmbench.analysis.ranking import Contender
from lmbench.report.digits import DECIMALS, choose_decimals, show_fixed
from lmbench.report.marks import Marks
from lmbench.report.uncertainty import describe_single_seeds, describe_units, show_bytes
from lmbench.runs.records import Cell
from lmbench.runs.store import RunDirectory


def list_run_notes(compared: ComparedRuns) -> list[str]:
    """Return sentences to print below the tables: marks, and the rows that were not compared."""
    pairs = compared.pairs
    notes = _join_by_name({name: _text_notes(rows) for name, rows in group_by_corpus(pairs).items()})
    notes += _mark_notes(
        {
            "first": (compared.before, [pair.baseline for pair in pairs]),
            "second": (compared.after, [pair.model for pair in pairs]),
        }
    )
    for name, rows in (("first", compared.only_before), ("second", compared.only_after)):
        if rows:
            notes.append(f"Only in the {name} run: {name_rows(rows)}.")
    return [*notes, *list_refusals(compared.refusals)]


def list_model_notes(compared: ComparedModels) -> Iterator[str]:
    """Yield sentences on the pairs, how the models were trained, and their marks."""
    pairs, sides = compared.pairs, (compared.model, compared.baseline)
    yield from list_pair_notes(pairs, "corpus")
    yield from _join_by_name({pair.corpus.name: _text_notes([pair]) for pair in pairs})
    contenders = [[pair.model for pair in pairs], [pair.baseline for pair in pairs]]
    if sides[0].directory.path == sides[1].directory.path:
        yield from _mark_notes({"": (sides[0].directory, [*contenders[0], *contenders[1]])})
    else:
        names = ("first", "second")
        yield from _mark_notes(
            {name: (side.directory, group) for name, side, group in zip(names, sides, contenders, strict=True)}
        )


def list_pair_notes(pairs: Sequence[Pair], named: str) -> Iterator[str]:
    """Yield what the verdict "not shown" means for each of the pairs, and what was resampled.

    Args:
        pairs: The pairs.
        named: Whether the rows are named by their "model" or "corpus".
    """
    for pair in pairs:
        name = pair.model.label if named == "model" else pair.corpus.name
        if pair.verdict == "not shown":
            yield f"{name}: {_describe_power(pair)}"
    for name, group in group_by_corpus(pairs).items():
        yield from (f"{name}: {sentence}" for sentence in describe_units(group[0].units))


def list_refusals(refusals: Iterable[Refusal]) -> Iterator[str]:
    """Yield what was not compared, once for each reason."""
    grouped = group_refusals(refusals)
    yield from (f"Not compared: {', '.join(refused)}: {reason}." for reason, refused in grouped.items())


def group_by_corpus(pairs: Iterable[Pair]) -> dict[str, list[Pair]]:
    """Return the pairs on each corpus, by its name."""
    found: dict[str, list[Pair]] = {}
    for pair in pairs:
        found.setdefault(pair.corpus.name, []).append(pair)
    return found


def name_rows(rows: Sequence[tuple[str, str]], known: Sequence[tuple[str, str]] = ()) -> str:
    """Return the models of rows, each with its corpora unless these are all on which it is known."""
    corpora: dict[str, list[str]] = {}
    for corpus, label in rows:
        corpora.setdefault(label, []).append(corpus)
    everywhere = {label: [corpus for corpus, other in known if other == label] for label in corpora}
    return "; ".join(
        label if found == everywhere[label] else f"{label} on {', '.join(found)}" for label, found in corpora.items()
    )


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
    single = [label for label, contender in contenders.items() if contender.has_one_seed]
    return [*notes, *describe_single_seeds(single)]


def _mark_notes(sides: Mapping[str, tuple[RunDirectory, Sequence[Contender]]]) -> list[str]:
    """Return the sentences that explain the marks † and ‡ of cells, after the name of the run if only one has them."""
    found = {}
    for name, (directory, contenders) in sides.items():
        marks, by_corpus = Marks.of(directory), dict[str, list[Cell]]()
        for cell in {cell.key: cell for contender in contenders for cell in contender.cells}.values():
            by_corpus.setdefault(cell.corpus, []).append(cell)
        found[f"{name} run"] = _join_by_name({corpus: marks.notes(cells) for corpus, cells in by_corpus.items()})
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
