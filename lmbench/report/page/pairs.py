"""Two models side by side: document by document, and word by word."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lmbench.analysis.alignment import read_aligned
from lmbench.analysis.documents import compare_documents, draw_documents
from lmbench.analysis.ladder import Rung, place_on_ladder
from lmbench.analysis.ranking import Entry, Ranking
from lmbench.analysis.words import align_to_words
from lmbench.errors import ResultsError
from lmbench.model import ModelSpec
from lmbench.report.digits import show_difference
from lmbench.report.page.excerpts import Excerpt, find_excerpts, find_typical_text, list_levels, list_steps
from lmbench.report.page.figures import Figure, make_figure
from lmbench.report.ranked_run import RankedRun, name_entry
from lmbench.runs.records import Cell
from lmbench.statistics import Comparison

_ADDED = "lmbench report RUN adds the passages on which the two differ most, and text colored by surprisal."


@dataclass(frozen=True, slots=True)
class ColoredText:
    """Words with their bits under two models.

    Attributes:
        losses: The passages on which the first model needs most bits above the second one.
        gains: The passages on which the second one needs most above the first.
        typical: A text on which they differ as on the whole test text.
    """

    losses: Sequence[Excerpt]
    gains: Sequence[Excerpt]
    typical: Sequence[Excerpt]


@dataclass(frozen=True, slots=True)
class PairView:
    """Two models on a corpus.

    Attributes:
        name: A name that no other pair has, without spaces.
        corpus: The name of the corpus.
        first: The label of the better model.
        second: The label of the other one.
        summary: Their difference, as a sentence.
        scatter: Their bits per byte on each document.
        text: The words; None if the text or the bits of its words are not known.
        note: Why they are not known.
    """

    name: str
    corpus: str
    first: str
    second: str
    summary: str
    scatter: Figure
    text: ColoredText | None
    note: str


@dataclass(frozen=True, slots=True)
class Pairs:
    """The pairs of a run.

    Attributes:
        views: The pairs.
        levels: The names of the colors of bits, each with the range of its bits.
        steps: The names of the colors of differences, each with its range.
    """

    views: Sequence[PairView]
    levels: Sequence[tuple[str, str]]
    steps: Sequence[tuple[str, str]]


def describe_pairs(results: RankedRun) -> Pairs:
    """Return the pairs of each corpus: the best two models of different kinds, and the best two without pretraining."""
    views = [
        _describe(results, ranking, pair, f"pair-{number}-{place}")
        for number, ranking in enumerate(results.rankings, start=1)
        for place, pair in enumerate(choose_pairs(results, ranking), start=1)
    ]
    return Pairs(views, list_levels(), list_steps())


def choose_pairs(results: RankedRun, ranking: Ranking) -> list[Comparison]:
    """Return the comparison of the best model with the best one of another kind: another rung of the ladder.

    The second comparison is that of the models without pretrained weights, if it is another one. Mixtures are left out,
    because they are of several kinds.
    """
    models = {model.label: model for model in results.directory.manifest.models}
    cells = [entry.cells[0] for entry in ranking.entries]
    rungs = [place_on_ladder(models[cell.model], cell.pretrained) for cell in cells]
    pure = [number for number, cell in enumerate(cells) if ModelSpec.parse(models[cell.model].spec).name != "mix"]
    trained = [number for number in pure if not cells[number].pretrained]
    pairs = {_choose_two(numbers, rungs) for numbers in (pure, trained) if len(numbers) > 1}
    return [one for one in ranking.comparisons if (one.first, one.second) in pairs]


def _choose_two(numbers: Sequence[int], rungs: Sequence[Rung]) -> tuple[int, int]:
    """Return the first of some entries, and the first one of another rung, or else the second one."""
    best, *others = numbers
    return best, next((number for number in others if rungs[number] != rungs[best]), others[0])


def _describe(results: RankedRun, ranking: Ranking, pair: Comparison, name: str) -> PairView:
    entries = [ranking.entries[number] for number in (pair.first, pair.second)]
    first, second = cells = [entry.cells[0] for entry in entries]
    frame = compare_documents(results.directory, cells)
    text, note = _color_text(results, cells)
    return PairView(
        name=name,
        corpus=ranking.corpus.name,
        first=first.label,
        second=second.label,
        summary=" ".join(_summarize(entries, pair)),
        scatter=make_figure(draw_documents(frame, first.label, second.label)),
        text=text,
        note=note,
    )


def _summarize(entries: Sequence[Entry], pair: Comparison) -> Iterator[str]:
    """Yield sentences on the difference of two models."""
    first, second = map(name_entry, entries)
    yield (
        f"Bits per byte of {first} less those of {second}: {show_difference(pair.difference)}. {first} needs fewer "
        f"bits on {pair.wins:,} document{'s' * (pair.wins != 1)}, and more on {pair.losses:,}."
    )
    if any(len(entry.cells) > 1 for entry in entries):
        yield "The points and words are those of one seed."


def _color_text(results: RankedRun, cells: Sequence[Cell]) -> tuple[ColoredText | None, str]:
    """Return the words of the test text under two models, or None and the reason why they are not known."""
    if results.texts is None:
        return None, _ADDED
    try:
        corpus = results.texts.find(cells[0].corpus)
        text = read_aligned(results.directory, cells, corpus)
        rows = align_to_words(text, results.texts.find_words(cells[0].corpus))
    except ResultsError as error:
        return None, f"Words are not shown: {error}."
    first, second = rows.text.models
    found = ColoredText(
        losses=list(find_excerpts(rows, first, second)),
        gains=list(find_excerpts(rows, second, first)),
        typical=find_typical_text(rows),
    )
    return found, ""
