"""Comparisons: two models on the texts that both have scored, or two runs, row by row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from lmbench.analysis.changes import Change, find_changes
from lmbench.analysis.pair import Pair
from lmbench.analysis.shared_texts import CorpusResults, match_texts
from lmbench.errors import ResultsError, UnknownNameError
from lmbench.runs.store import RunDirectory
from lmbench.statistics import MARGIN
from lmbench.statistics.pairs import adjust_holm

_MOST_REASONS = 3


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


def group_refusals(refusals: Iterable[Refusal]) -> dict[str, list[str]]:
    """Return what was refused for each reason: corpora, or models on them."""
    names: dict[str, list[str]] = {}
    for refusal in refusals:
        name = f"{refusal.model} on {refusal.corpus}" if refusal.model else refusal.corpus
        names.setdefault(refusal.reason, []).append(name)
    return names


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
    texts = match_texts(model.directory, baseline.directory, corpora)
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


def compare_all(
    directory: RunDirectory, margin: float = MARGIN, model: str | None = None, baseline: str | None = None
) -> tuple[Pair, ...]:
    """Compare the models of a run with each other on each corpus, each with every better one as its baseline.

    The p of each pair is corrected for the number of pairs of the corpus.

    Args:
        directory: The run.
        margin: Bits per byte within which two models are equal.
        model: The model that is compared with every other one; None for each.
        baseline: The model that every other one is compared with; None for each.

    Raises:
        UnknownNameError: The run does not have the model or the baseline.
        ResultsError: No corpus has two models that can be compared.
    """
    texts = match_texts(directory, directory, ())
    given = [label for label in (model, baseline) if label is not None]
    _require_known(f"model of {directory.path}", given, [text.one for text in texts])
    pairs, refusals = list[Pair](), list[Refusal]()
    for text in texts:
        absent = [reason for label in given if (reason := _explain_absence(text.one, RunModel(directory, label)))]
        labels = sorted(text.one.contenders, key=lambda label: text.one.contenders[label].total)
        if absent or len(labels) < 2:
            refusals.append(Refusal(text.name, "", "; ".join(absent) or "fewer than two models have numbers"))
        else:
            pairs += _correct(text.compare(_pair_up(labels, model, baseline), margin))
    _require_some(pairs, refusals)
    return tuple(pairs)


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
    texts = match_texts(before, after, corpora)
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


def _pair_up(labels: Sequence[str], model: str | None, baseline: str | None) -> list[tuple[str, str]]:
    """Return each model and its baseline, given the labels of the models that have numbers, the best first."""
    if model is not None and baseline is not None:
        return [(model, baseline)]
    if model is not None:
        return [(model, other) for other in labels if other != model]
    if baseline is not None:
        return [(other, baseline) for other in labels if other != baseline]
    return [(worse, better) for better, worse in combinations(labels, 2)]


def _explain_absence(results: CorpusResults, side: RunModel) -> str:
    if side.label in results.contenders:
        return ""
    return results.absent.get(side.label, f"{side.directory.path} does not have {side.label} on it")


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


def _require_known(kind: str, labels: Iterable[str], results: Sequence[CorpusResults]) -> None:
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
    by_reason = [f"{', '.join(named)}: {reason}" for reason, named in group_refusals(refusals).items()]
    rest = f"; and {len(by_reason) - _MOST_REASONS} more reasons" if len(by_reason) > _MOST_REASONS else ""
    reasons = "; ".join(by_reason[:_MOST_REASONS]) or "the runs do not have a row in common"
    raise ResultsError(f"nothing can be compared: {reasons}{rest}")
