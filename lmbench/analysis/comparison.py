"""Comparisons: two models on the texts that both have scored, or two runs, row by row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from lmbench.analysis.changes import Change, find_changes
from lmbench.analysis.ranking import Contender, Documents, choose_units, is_ranked, read_contenders
from lmbench.arrays import Floats
from lmbench.errors import ResultsError, UnknownNameError
from lmbench.runs.records import Cell, CorpusRecord
from lmbench.runs.store import RunDirectory
from lmbench.statistics import FEWEST_EFFECTIVE, MARGIN, Comparison, Units, compare_pairs
from lmbench.statistics.pairs import adjust_holm

Verdict = Literal["same", "too few", "equal", "better", "worse", "not shown"]

_ROUNDING = 1e-9
_TRAINING = ("train-size=", "valid=last-10%-of-train")  # what a provenance says of the training split alone
_MOST_REASONS = 3


@dataclass(frozen=True, slots=True)
class Pair:
    """A model and a baseline on the same test text.

    Attributes:
        corpus: The text, as the model's run read it.
        other_corpus: The text, as the baseline's run read it. Its training split may be another one.
        model: The model and its bits.
        baseline: The baseline and its bits.
        comparison: The model as the first one, and the baseline as the second one.
        units: What was resampled.
        margin: Bits per byte within which the two are equal.
    """

    corpus: CorpusRecord
    other_corpus: CorpusRecord
    model: Contender
    baseline: Contender
    comparison: Comparison
    units: Units
    margin: float

    @property
    def model_rate(self) -> float:
        """Bits per byte of the model."""
        return self.model.total / self.comparison.size

    @property
    def baseline_rate(self) -> float:
        """Bits per byte of the baseline."""
        return self.baseline.total / self.comparison.size

    @property
    def is_same(self) -> bool:
        """Whether both need the same bits for each document under each seed, up to rounding."""
        return _agree(self.model, self.baseline)

    @property
    def verdict(self) -> Verdict:
        """How the model does: better or worse than the baseline by more than chance and the margin, or neither."""
        if self.is_same:
            return "same"
        if self.units.effective < FEWEST_EFFECTIVE:
            return "too few"
        if self.comparison.equal:
            return "equal"
        if not self.comparison.differs:
            return "not shown"
        return "better" if self.comparison.difference.value < 0 else "worse"

    @property
    def relative(self) -> float | None:
        """The difference as a share of the baseline's bits per byte; None if these are 0."""
        return self.comparison.difference.value / self.baseline_rate if self.baseline.total else None

    @property
    def sought(self) -> float:
        """The size of the observed difference, or the margin if that is larger."""
        return max(abs(self.comparison.difference.value), self.margin)

    @property
    def bytes_needed(self) -> float | None:
        """How many bytes of such text show a difference of the size `sought`; None if `sought` is 0."""
        return self.comparison.bytes_needed(self.sought) if self.sought > 0 else None

    @property
    def is_trained_differently(self) -> bool:
        """Whether the two runs have other training or validation texts."""
        return any(
            getattr(self.corpus, name) != getattr(self.other_corpus, name)
            for name in ("train_fingerprint", "valid_fingerprint")
        )


@dataclass(frozen=True, slots=True)
class Refusal:
    """A corpus, or a row, that cannot be compared.

    Attributes:
        corpus: The corpus.
        model: The model; "" for all of them.
        reason: Why, in one line.
    """

    corpus: str
    model: str
    reason: str


@dataclass(frozen=True, slots=True)
class RunModel:
    """A model of a run.

    Attributes:
        directory: The run.
        label: The name of the model in its tables.
    """

    directory: RunDirectory
    label: str


@dataclass(frozen=True, slots=True)
class ComparedModels:
    """Two models on the texts that both have scored.

    Attributes:
        model: The model.
        baseline: The one that it is compared with.
        pairs: Their comparison on each corpus.
        refusals: The corpora on which they cannot be compared.
    """

    model: RunModel
    baseline: RunModel
    pairs: tuple[Pair, ...]
    refusals: tuple[Refusal, ...]


@dataclass(frozen=True, slots=True)
class ComparedRuns:
    """The rows that two runs have in common, and the others.

    Attributes:
        before: The first run, whose rows are the baselines.
        after: The second run.
        pairs: The comparison of each row. Its p is corrected for the number of rows of the corpus that differ.
        changes: The other differences between the rows that were compared.
        refusals: The rows and corpora that cannot be compared.
        only_before: The corpus and the label of each row that only the first run has.
        only_after: The corpus and the label of each row that only the second run has.
    """

    before: RunDirectory
    after: RunDirectory
    pairs: tuple[Pair, ...]
    changes: tuple[Change, ...]
    refusals: tuple[Refusal, ...]
    only_before: tuple[tuple[str, str], ...]
    only_after: tuple[tuple[str, str], ...]


def compare_models(
    model: RunModel, baseline: RunModel, corpora: Sequence[str] = (), margin: float = MARGIN
) -> ComparedModels:
    """Compare two models, of one run or of two, on each corpus that both have.

    Args:
        model: The model.
        baseline: The one that it is compared with.
        corpora: The names of the corpora; empty for all.
        margin: Bits per byte within which the two are equal.

    Raises:
        UnknownNameError: A run does not have the model or the corpus.
        ResultsError: The two cannot be compared on any corpus.
    """
    texts = _match_texts(model.directory, baseline.directory, corpora)
    for side, results in ((model, [text.one for text in texts]), (baseline, [text.other for text in texts])):
        _require_known(f"model of {side.directory.path}", [side.label], results)
    pairs, refusals = list[Pair](), list[Refusal]()
    for text in texts:
        if model.label not in text.one.labels and baseline.label not in text.other.labels:
            continue
        reason = text.find_mismatch() or _explain_absence(text.one, model) or _explain_absence(text.other, baseline)
        if reason:
            refusals.append(Refusal(text.name, "", reason))
        else:
            pairs += text.compare([(model.label, baseline.label)], margin)
    _require_some(pairs, refusals)
    return ComparedModels(model, baseline, tuple(pairs), tuple(refusals))


def compare_runs(
    before: RunDirectory,
    after: RunDirectory,
    models: Sequence[str] = (),
    corpora: Sequence[str] = (),
    margin: float = MARGIN,
) -> ComparedRuns:
    """Compare the rows that two runs have in common: those of the same model, corpus and share of training text.

    Args:
        before: The first run.
        after: The second run.
        models: The labels of the models; empty for all.
        corpora: The names of the corpora; empty for all.
        margin: Bits per byte within which two rows are equal.

    Raises:
        UnknownNameError: The runs do not have a model or a corpus.
        ResultsError: No row can be compared.
    """
    texts = _match_texts(before, after, corpora)
    _require_known("model of these runs", models, [side for text in texts for side in (text.one, text.other)])
    pairs, refusals = list[Pair](), list[Refusal]()
    only_before, only_after = list[tuple[str, str]](), list[tuple[str, str]]()
    for text in texts:
        old, new = (_choose(side.labels, models) for side in (text.one, text.other))
        common = [label for label in old if label in new]
        only_before += [(text.name, label) for label in old if label not in new]
        only_after += [(text.name, label) for label in new if label not in old]
        if common and (reason := text.find_mismatch()):
            refusals.append(Refusal(text.name, "", reason))
        else:
            absent = {label: text.explain_absence(label) for label in common}
            refusals += [Refusal(text.name, label, why) for label, why in absent.items() if why]
            compared = [(label, label) for label in common if not absent[label]]
            pairs += _correct(text.swapped().compare(compared, margin))
    _require_some(pairs, refusals)
    changes = find_changes(before, after, [(pair.baseline, pair.model) for pair in pairs])
    return ComparedRuns(before, after, tuple(pairs), changes, tuple(refusals), tuple(only_before), tuple(only_after))


@dataclass(frozen=True, slots=True)
class _Results:
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
class _Text:
    """A corpus in two runs, or twice in one."""

    name: str
    one: _Results
    other: _Results

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
        """Return the comparisons of models of the one run with baselines of the other, by their labels."""
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

    def swapped(self) -> _Text:
        """Return the same with the results in the other order."""
        return _Text(self.name, self.other, self.one)


def _agree(model: Contender, baseline: Contender) -> bool:
    """Return whether two models need the same bits, up to rounding."""
    bits, others = model.bits, baseline.bits
    return bits.shape == others.shape and bool(np.allclose(bits, others, rtol=_ROUNDING, atol=0))


def _pair_bits(model: Contender, baseline: Contender) -> tuple[Floats, Floats]:
    """Return the bits of both, (seeds, documents).

    If both are the same model, their seeds are not independent, so that the mean over them is compared.
    """
    if _agree(model, baseline):
        return model.bits.mean(axis=0, keepdims=True), baseline.bits.mean(axis=0, keepdims=True)
    return model.bits, baseline.bits


def _match_texts(one: RunDirectory, other: RunDirectory, names: Sequence[str]) -> list[_Text]:
    """Return the corpora that either run has, in the order of the first one."""
    sides = [{corpus.name: corpus for corpus in run.manifest.corpora} for run in (one, other)]
    known = sides[0] | sides[1]
    for name in names:
        if name not in known:
            raise UnknownNameError("corpus of these runs" if one is not other else f"corpus of {one.path}", name, known)
    texts = []
    for name in dict.fromkeys(names or known):
        results = _read_results(one, name, sides[0].get(name))
        texts.append(_Text(name, results, results if one is other else _read_results(other, name, sides[1].get(name))))
    return texts


def _read_results(directory: RunDirectory, name: str, corpus: CorpusRecord | None) -> _Results:
    cells = [cell for cell in directory.cells() if cell.corpus == name]
    ranked = [cell for cell in cells if is_ranked(cell)]
    absent = _list_absent(directory, name) | {cell.label: _explain(cell) for cell in cells if not is_ranked(cell)}
    if not ranked:
        return _Results(corpus, {}, None, absent)
    try:
        contenders, documents = read_contenders(directory, ranked)
    except ResultsError as error:
        return _Results(corpus, {}, None, absent | {cell.label: str(error) for cell in ranked})
    return _Results(corpus, {contender.label: contender for contender in contenders}, documents, absent)


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


def _explain_absence(results: _Results, side: RunModel) -> str:
    if side.label in results.contenders:
        return ""
    return results.absent.get(side.label, f"{side.directory.path} does not have {side.label} on it")


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


def _choose(labels: Sequence[str], chosen: Sequence[str]) -> Sequence[str]:
    """Return the labels that are chosen; all if none are."""
    return [label for label in labels if label in chosen] if chosen else labels


def _correct(pairs: Sequence[Pair]) -> Iterator[Pair]:
    """Yield the pairs with p corrected for their number by Holm's method.

    Rows with the same numbers do not count. Their p is 1 whatever the test is, so they cannot be false alarms (Tarone,
    "A modified Bonferroni method for discrete data", 1990).
    """
    adjusted = adjust_holm([None if pair.is_same else pair.comparison.difference.p for pair in pairs])
    for pair, p in zip(pairs, adjusted, strict=True):
        yield pair if p is None else replace(pair, comparison=replace(pair.comparison, adjusted_p=p))


def _require_known(kind: str, labels: Iterable[str], results: Sequence[_Results]) -> None:
    known = dict.fromkeys(label for side in results for label in side.labels)
    for label in labels:
        if label not in known:
            raise UnknownNameError(kind, label, known)


def _require_some(pairs: Sequence[Pair], refusals: Sequence[Refusal]) -> None:
    """Check that something was compared.

    Raises:
        ResultsError: Nothing was. The message has the reasons.
    """
    if pairs:
        return
    names: dict[str, list[str]] = {}
    for refusal in refusals:
        name = f"{refusal.model} on {refusal.corpus}" if refusal.model else refusal.corpus
        names.setdefault(refusal.reason, []).append(name)
    by_reason = [f"{', '.join(named)}: {reason}" for reason, named in names.items()]
    rest = f"; and {len(by_reason) - _MOST_REASONS} more reasons" if len(by_reason) > _MOST_REASONS else ""
    reasons = "; ".join(by_reason[:_MOST_REASONS]) or "the runs do not have a row in common"
    raise ResultsError(f"nothing can be compared: {reasons}{rest}")
