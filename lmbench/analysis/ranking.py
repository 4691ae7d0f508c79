"""The ranking of one corpus of a run: which models are better than which, by more than chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from lmbench.arrays import AnyInts, Floats
from lmbench.errors import ResultsError
from lmbench.identity import digest
from lmbench.model import ModelSpec
from lmbench.runs.cell_files import read_documents
from lmbench.runs.records import Cell, CorpusRecord, Manifest, ModelRecord
from lmbench.runs.store import RunDirectory
from lmbench.statistics import (
    MARGIN,
    Comparison,
    Estimate,
    Units,
    compare_pairs,
    estimate_models,
    find_differing,
    find_letters,
    find_ranks,
)

SEED = "seed"
"""The option whose values are the seeds of one model."""


@dataclass(frozen=True, slots=True)
class Seeds:
    """A model on a corpus or a task: one cell, or those of several seeds.

    Attributes:
        label: The name of the model, without the seed if there are several.
        cells: The cells, one a seed.
        is_seeded: Whether the model is trained here with a seed, so that its numbers vary from seed to seed.
        untuned: The options that the validation split could choose, and that have their defaults.
    """

    label: str
    cells: tuple[Cell, ...]
    is_seeded: bool = field(default=False, kw_only=True)
    untuned: tuple[str, ...] = field(default=(), kw_only=True)

    @property
    def name(self) -> str:
        """The label without the share of the training text."""
        [first, *_] = self.cells
        return self.label.removesuffix(first.row.model_copy(update={"model": ""}).label)

    @property
    def has_one_seed(self) -> bool:
        """Whether the model was trained with one seed, so that its intervals do not include training."""
        return self.is_seeded and len(self.cells) == 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing(Seeds):
    """The place of a model in a ranking.

    Attributes:
        seed_deviation: The standard deviation of the model's value between the seeds; None for one seed.
        rank: 1 and the number of models that are better by more than chance; None if no ranking is claimed.
        is_tied: Whether some other model does not differ from this one.
        letters: The model's compact letters: models that do not differ share one. "" if no ranking is claimed.
        to_best: The comparison of this model with the best one; None for the best one.
    """

    seed_deviation: float | None = None
    rank: int | None = None
    is_tied: bool = False
    letters: str = ""
    to_best: Comparison | None = None

    @property
    def is_best(self) -> bool:
        """Whether the model is the best one, or does not differ from it; False if no ranking is claimed."""
        return self.rank is not None and not (self.to_best and self.to_best.differs)


@dataclass(frozen=True, slots=True)
class Entry(Standing):
    """A model in a ranking by bits per byte.

    Attributes:
        per_byte: Bits per byte, the mean over the seeds.
        excess: Bits per byte above the floor of the source; None if the source is unknown.
    """

    per_byte: Estimate
    excess: Estimate | None = None


@dataclass(frozen=True, slots=True)
class Ranking:
    """The models of a run on one corpus.

    Attributes:
        corpus: The corpus.
        units: What was resampled; None if no cell has numbers.
        entries: The models, from best to worst.
        comparisons: The comparison of each entry with each later one, by their numbers in `entries`.
        margin: Bits per byte within which models are equal.
    """

    corpus: CorpusRecord
    units: Units | None
    entries: tuple[Entry, ...]
    comparisons: tuple[Comparison, ...]
    margin: float = MARGIN

    @property
    def has_too_few_documents(self) -> bool:
        """Whether the documents are too few, or too unequal, to rank models."""
        return self.units is not None and self.units.are_too_few


@dataclass(frozen=True, slots=True)
class Contender(Seeds):
    """A model and its bits.

    Attributes:
        bits: (seeds, documents).
    """

    bits: Floats

    @property
    def total(self) -> float:
        """All bits, the mean over the seeds."""
        return float(self.bits.sum()) / len(self.bits)


@dataclass(frozen=True, slots=True)
class Documents:
    """What the documents of a test text are divided by and compared with.

    Attributes:
        sizes: (documents,) bytes.
        lines: (documents,) line ends.
        floor: (documents,) bits that the source of the text needs; None if it is unknown.
    """

    sizes: AnyInts
    lines: AnyInts
    floor: Floats | None


def rank_models(directory: RunDirectory, corpus: CorpusRecord, margin: float = MARGIN) -> Ranking:
    """Return the ranking of the models on a corpus of a run. Pseudo-probabilities and impossible numbers are left out.

    Args:
        directory: The run.
        corpus: The corpus.
        margin: Bits per byte within which models are equal.

    Raises:
        ResultsError: The cells of the corpus have different documents.
    """
    cells = [cell for cell in directory.cells(corpus.name) if is_ranked(cell)]
    if not cells:
        return Ranking(corpus, None, (), (), margin)
    contenders, documents = read_contenders(directory, cells)
    contenders.sort(key=lambda contender: contender.total)
    units = choose_units(contenders, documents)
    comparisons = compare_pairs([contender.bits for contender in contenders], units, margin)
    entries = _describe(contenders, documents, units)
    if not units.are_too_few:
        entries = _rank(entries, comparisons)
    return Ranking(corpus, units, tuple(_compare_with_best(entries, comparisons)), comparisons, margin)


def is_ranked(cell: Cell) -> bool:
    """Return whether a cell has bits per byte that an honest model can have."""
    return cell.metrics is not None and not cell.pseudo and not cell.impossible


def is_trained(cell: Cell) -> bool:
    """Return whether the cell's model was trained here, from pretrained weights or others."""
    return not cell.pretrained or (cell.costs is not None and cell.costs.fit_seconds is not None)


def read_contenders(directory: RunDirectory, cells: Sequence[Cell]) -> tuple[list[Contender], Documents]:
    """Return the models of cells on one corpus with their bits, the seeds of a model together, and the documents.

    Args:
        directory: The run.
        cells: The cells, at least one.

    Raises:
        ResultsError: The cells have different documents.
    """
    documents = _read_documents(directory, cells[0])
    return [
        Contender(
            label=model.label,
            cells=model.cells,
            bits=np.stack([_read_bits(directory, cell, documents) for cell in model.cells]),
            is_seeded=model.is_seeded,
            untuned=model.untuned,
        )
        for model in group_seeds(directory.manifest, cells)
    ], documents


def group_seeds(manifest: Manifest, cells: Sequence[Cell]) -> list[Seeds]:
    """Return the models of cells on one corpus or task, the seeds of a model together.

    Args:
        manifest: The record of the run.
        cells: The cells.
    """
    models = {model.label: model for model in manifest.models}
    groups: dict[object, list[Cell]] = {}
    for cell in cells:
        groups.setdefault((_identify_seedless(models[cell.model]), cell.train_size), []).append(cell)
    return [
        Seeds(
            label=_label(models[group[0].model], group),
            cells=tuple(group),
            is_seeded=SEED in models[group[0].model].options and is_trained(group[0]),
            untuned=models[group[0].model].untuned,
        )
        for group in groups.values()
    ]


def choose_units(contenders: Sequence[Contender], documents: Documents) -> Units:
    """Return what is resampled on a text."""
    bits = np.stack([contender.bits.mean(axis=0) for contender in contenders])
    return Units.choose(bits, documents.sizes, documents.lines)


def _read_documents(directory: RunDirectory, cell: Cell) -> Documents:
    columns = read_documents(directory.folder(cell.row))
    return Documents(columns["bytes"], columns["line_ends"], columns.get("floor_bits"))


def _read_bits(directory: RunDirectory, cell: Cell, documents: Documents) -> Floats:
    """Return the bits of each document, (documents,)."""
    columns = read_documents(directory.folder(cell.row))
    if not np.array_equal(columns["bytes"], documents.sizes):
        raise ResultsError(f"{directory.folder(cell.row)} has other documents than another cell of {cell.corpus}")
    return columns["bits"]


def _identify_seedless(model: ModelRecord) -> str:
    """Return the same for models that differ in their seeds alone."""
    options = {name: value for name, value in model.options.items() if name != SEED}
    return digest([model.spec.partition(":")[0], model.origin, options])


def _label(model: ModelRecord, cells: Sequence[Cell]) -> str:
    """Return the name of a model: that of its only cell, or without the seed if there are several."""
    if len(cells) == 1:
        return cells[0].label
    spec = ModelSpec.parse(model.spec)
    seed = f"{SEED}={dict(spec.arguments).get(SEED)}"
    seedless = ModelSpec(spec.name, tuple(pair for pair in spec.arguments if pair[0] != SEED))
    name = str(seedless) if model.label == model.spec else model.label.removesuffix(f" {seed}")
    return cells[0].row.model_copy(update={"model": name}).label


def _describe(contenders: Sequence[Contender], documents: Documents, units: Units) -> list[Entry]:
    bits, floor = [contender.bits for contender in contenders], documents.floor
    above = [] if floor is None else [each - floor for each in bits]
    estimates = estimate_models([*bits, *above], units)
    excesses: Sequence[Estimate | None] = estimates[len(bits) :] or [None] * len(bits)
    return [
        Entry(
            label=contender.label,
            cells=contender.cells,
            per_byte=per_byte,
            excess=excess,
            seed_deviation=_find_deviation(contender.bits.sum(axis=1) / documents.sizes.sum()),
            is_seeded=contender.is_seeded,
            untuned=contender.untuned,
        )
        for contender, per_byte, excess in zip(contenders, estimates[: len(bits)], excesses, strict=True)
    ]


def _find_deviation(per_byte: Floats) -> float | None:
    """Return the standard deviation between seeds; None for one seed."""
    return float(per_byte.std(ddof=1)) if len(per_byte) > 1 else None


def _rank(entries: Sequence[Entry], comparisons: Sequence[Comparison]) -> list[Entry]:
    differs = find_differing(len(entries), comparisons)
    ranks = find_ranks([entry.per_byte.value for entry in entries], differs)
    ties = (~differs).sum(axis=1) > 1  # no model differs from itself
    return [
        replace(entry, rank=rank, is_tied=is_tied, letters=letters)
        for entry, rank, is_tied, letters in zip(entries, ranks, ties.tolist(), find_letters(differs), strict=True)
    ]


def _compare_with_best(entries: Sequence[Entry], comparisons: Sequence[Comparison]) -> list[Entry]:
    to_best = {pair.second: pair.reversed() for pair in comparisons if pair.first == 0}
    return [replace(entry, to_best=to_best.get(number)) for number, entry in enumerate(entries)]
