"""The corpora of two runs: whether their test texts are the same, and which models can be compared on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lmbench.analysis.pair import Pair, agree
from lmbench.analysis.ranking import Contender, Documents, choose_units, is_ranked, read_contenders
from lmbench.arrays import Floats
from lmbench.corpus import HELD_OUT
from lmbench.errors import ResultsError, UnknownNameError
from lmbench.runs.records import Cell, CorpusRecord
from lmbench.runs.store import RunDirectory
from lmbench.statistics import compare_pairs

_TRAINING = ("train-size=", "train-draw=", HELD_OUT)  # what a provenance says of the training split alone


@dataclass(frozen=True, slots=True)
class CorpusResults:
    """The results of a run on a corpus.

    Attributes:
        corpus: The corpus; None if the run does not have it.
        contenders: The models with numbers that can be compared, by label.
        documents: Their documents; None without such models.
        absent: For each other label, why it lacks such numbers, in one line.
    """

    corpus: CorpusRecord | None
    contenders: Mapping[str, Contender]
    documents: Documents | None
    absent: Mapping[str, str]

    @property
    def labels(self) -> Sequence[str]:
        """The names of the models in the run's table."""
        return [*self.contenders, *self.absent]


@dataclass(frozen=True, slots=True)
class SharedText:
    """A corpus in two runs, or twice in one.

    Attributes:
        name: The name of the corpus.
        one: The results of the one run.
        other: The results of the other.
    """

    name: str
    one: CorpusResults
    other: CorpusResults

    def find_mismatch(self) -> str:
        """Return why no two models can be compared on this corpus, in one line; "" if they can."""
        one, other = self.one, self.other
        if one.corpus is None or other.corpus is None:
            return "only one of the runs has it"
        if reason := _find_mismatch(one.corpus, other.corpus):
            return reason
        if one.documents and other.documents and not np.array_equal(one.documents.sizes, other.documents.sizes):
            counts = f"{len(one.documents.sizes):,} and {len(other.documents.sizes):,}"
            return f"the test text is divided into other documents ({counts})"
        return ""

    def explain_absence(self, label: str) -> str:
        """Return why one of the runs lacks numbers of a model, in one line; "" if both have some."""
        return self.one.absent.get(label, "") or self.other.absent.get(label, "")

    def compare(self, labels: Sequence[tuple[str, str]], margin: float) -> list[Pair]:
        """Return comparisons of models of the one run with baselines of the other.

        Args:
            labels: The labels of each model and of its baseline.
            margin: Bits per byte within which the two are equal.
        """
        one, other, documents = self.one.corpus, self.other.corpus, self.one.documents
        if one is None or other is None or documents is None:
            return []
        units = choose_units([*self.one.contenders.values(), *self.other.contenders.values()], documents)
        sides = [(self.one.contenders[label], self.other.contenders[baseline]) for label, baseline in labels]
        bits = [array for model, baseline in sides for array in _pair_bits(model, baseline)]
        found = compare_pairs(bits, units, margin, [(number, number + 1) for number in range(0, len(bits), 2)])
        return [
            Pair(one, other, *side, replace(comparison, first=0, second=1), units, margin)
            for side, comparison in zip(sides, found, strict=True)
        ]

    def swapped(self) -> SharedText:
        """Return the same with the results in the other order."""
        return SharedText(self.name, self.other, self.one)


def _pair_bits(model: Contender, baseline: Contender) -> tuple[Floats, Floats]:
    """Return the bits of both, (seeds, documents).

    If both are the same model, their seeds are not independent, so that the mean over them is compared.
    """
    if agree(model, baseline):
        return model.bits.mean(axis=0, keepdims=True), baseline.bits.mean(axis=0, keepdims=True)
    return model.bits, baseline.bits


def match_texts(one: RunDirectory, other: RunDirectory, names: Sequence[str]) -> list[SharedText]:
    """Return the corpora that either run has, in the order of the first one.

    Args:
        one: The one run.
        other: The other one, or the same.
        names: The names of the corpora; empty for all.

    Raises:
        UnknownNameError: Neither run has a corpus.
    """
    sides = [{corpus.name: corpus for corpus in run.manifest.corpora} for run in (one, other)]
    known = sides[0] | sides[1]
    for name in names:
        if name not in known:
            raise UnknownNameError("corpus of these runs" if one is not other else f"corpus of {one.path}", name, known)
    texts = []
    for name in dict.fromkeys(names or known):
        first = _read_results(one, name, sides[0].get(name))
        second = first if one is other else _read_results(other, name, sides[1].get(name))
        texts.append(SharedText(name, first, second))
    return texts


def _read_results(directory: RunDirectory, name: str, corpus: CorpusRecord | None) -> CorpusResults:
    cells = directory.cells(name)
    ranked = [cell for cell in cells if is_ranked(cell)]
    absent = _list_absent(directory, name) | {cell.label: _explain(cell) for cell in cells if not is_ranked(cell)}
    if not ranked:
        return CorpusResults(corpus, {}, None, absent)
    try:
        contenders, documents = read_contenders(directory, ranked)
    except ResultsError as error:
        return CorpusResults(corpus, {}, None, absent | {cell.label: str(error) for cell in ranked})
    return CorpusResults(corpus, {contender.label: contender for contender in contenders}, documents, absent)


def _list_absent(directory: RunDirectory, corpus: str) -> dict[str, str]:
    """Return why rows on a corpus lack a cell, by label."""
    damage = {found.row.slot: f"its cell is damaged: {found.reason}" for found in directory.damage()}
    return {
        row.label: damage.get(row.slot, f"its cell in {directory.path} is missing; `lmbench run` evaluates it")
        for row in directory.missing()
        if row.corpus == corpus
    }


def _explain(cell: Cell) -> str:
    """Return why a cell lacks numbers that can be compared."""
    if cell.status != "ok":
        return f"{cell.label} {'failed' if cell.status == 'failed' else 'is unavailable'}: {cell.error}"
    if cell.pseudo:
        return f"the scores of {cell.label} are not probabilities of a text"
    return f"the numbers of {cell.label} are impossible: {cell.doubt}"


def _find_mismatch(one: CorpusRecord, other: CorpusRecord) -> str:
    """Return why the test texts of two corpora of the same name do not compare; "" if they do."""
    read = [_describe_test_reading(corpus) for corpus in (one, other)]
    reading = f", read as {read[0]} and as {read[1]}" if read[0] != read[1] else ""
    if one.test_fingerprint != other.test_fingerprint:
        return f"the test texts differ ({_describe_test(one)}, and {_describe_test(other)}{reading})"
    if one.tokenized != other.tokenized:
        return "the test text is tokenized in one run alone"
    return f"the test text was read in two ways{reading.replace(', read', ':', 1)}" if reading else ""


def _describe_test(corpus: CorpusRecord) -> str:
    return f"{corpus.test_bytes:,} bytes in {corpus.test_documents:,} documents, sha256 {corpus.test_fingerprint[:12]}"


def _describe_test_reading(corpus: CorpusRecord) -> str:
    """Return how a test text was read, without what is said of the training split alone."""
    return ",".join(part for part in corpus.provenance.split(",") if not part.startswith(_TRAINING))
