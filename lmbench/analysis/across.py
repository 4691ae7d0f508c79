"""Several corpora of a run: each model's bits per byte over those of a baseline, natural and synthetic text apart.

Models are not ranked over corpora, and natural and synthetic text have separate means: nobody drew the corpora at
random, so the choice of the corpora would decide who is first (Demšar, "Statistical comparisons of classifiers over
multiple data sets", 2006; Benavoli et al., "Should we really use post-hoc tests based on mean-ranks?", 2016).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lmbench.analysis.ranking import Ranking
from lmbench.analysis.task_ranking import MetricRanking
from lmbench.errors import UnknownNameError
from lmbench.statistics import Average, Estimate, average_ratios, count_shown

_BASELINE = "kenlm"
_FEWEST = 2


@dataclass(frozen=True, slots=True)
class Summary:
    """A model and the baseline, on the corpora of a kind on which both have numbers.

    Attributes:
        label: The name of the model.
        corpora: The names of the corpora.
        ratios: Bits per byte over those of the baseline on each corpus: below 1 if the model is better.
        average: The geometric mean of the ratios.
        better: The number of corpora on which the model is better. Those on which the two are equal do not count.
        shown_better: The lower bound, at a confidence of 95 %, of the number of corpora on which the model is better.
        shown_worse: That of the number of corpora on which it is worse.
    """

    label: str
    corpora: tuple[str, ...]
    ratios: tuple[float, ...]
    average: Average
    better: int
    shown_better: int
    shown_worse: int


@dataclass(frozen=True, slots=True)
class Group:
    """The corpora of a kind.

    Attributes:
        kind: "natural", or "synthetic" if the source of the texts is known, and so their floor.
        baseline: The name of the model that the others are divided by.
        corpora: The names of the corpora on which the baseline has numbers.
        summaries: The other models, in alphabetical order.
    """

    kind: str
    baseline: str
    corpora: tuple[str, ...]
    summaries: tuple[Summary, ...]


@dataclass(frozen=True, slots=True)
class _Duel:
    """A model and the baseline on one corpus.

    Attributes:
        corpus: The name of the corpus.
        ratio: The model's bits per byte over those of the baseline.
        difference: The model's bits per byte less those of the baseline.
        equal: Whether the two are equal for all purposes.
        is_decidable: Whether the corpus has enough documents to rank models.
    """

    corpus: str
    ratio: float
    difference: Estimate
    equal: bool
    is_decidable: bool

    def find_p(self, sign: int) -> float:
        """Return the p of the hypothesis that the difference does not have a sign, for tests of both signs at once.

        It is the two-sided p if the difference has the sign, so that it agrees with the interval, and else 1. So it is
        if the two are equal, or if the corpus has too few documents.
        """
        p = self.difference.p
        if p is None or self.equal or not self.is_decidable or self.difference.value * sign <= 0:
            return 1.0
        return p


def choose_baseline(rankings: Sequence[Ranking | MetricRanking], asked: str | None = None) -> str | None:
    """Return the label of the entry that others are compared with; None if no model has numbers.

    Args:
        rankings: The ranking of each corpus of a run, or of each task.
        asked: The label of an entry. None for kenlm, such as a tuned one, or if the run does not have it, for the model
            with numbers on the most corpora.

    Raises:
        UnknownNameError: No model with numbers has the label that was asked for.
    """
    labels = _list_labels(rankings)
    if not labels:
        return None
    if asked is None:
        return _find_usual(labels, rankings)
    if asked not in labels:
        raise UnknownNameError("baseline", asked, labels)
    return asked


def summarize_corpora(rankings: Sequence[Ranking], baseline: str | None = None) -> tuple[Group, ...]:
    """Compare the models with a baseline on natural and on synthetic corpora, if there are two or more of a kind.

    A text that a run has under several names counts once.

    Args:
        rankings: The ranking of each corpus of a run.
        baseline: The label of an entry; None to choose one.

    Raises:
        UnknownNameError: No model with numbers has the label of the baseline.
    """
    chosen = choose_baseline(rankings, baseline)
    if chosen is None:
        return ()
    different = _list_different(rankings)
    natural = [ranking for ranking in different if not ranking.corpus.floor_note]
    synthetic = [ranking for ranking in different if ranking.corpus.floor_note]
    groups = [_summarize_group("natural", natural, chosen), _summarize_group("synthetic", synthetic, chosen)]
    return tuple(group for group in groups if len(group.corpora) >= _FEWEST and group.summaries)


def _list_labels(rankings: Sequence[Ranking | MetricRanking]) -> list[str]:
    """Return the labels of all entries, each once."""
    return list(dict.fromkeys(entry.label for ranking in rankings for entry in ranking.entries))


def _list_different(rankings: Sequence[Ranking]) -> list[Ranking]:
    """Return the rankings, and of those whose corpora are one text under several names the first one."""
    found: dict[str, Ranking] = {}
    for ranking in rankings:
        found.setdefault(ranking.corpus.digest, ranking)
    return list(found.values())


def _find_usual(labels: Sequence[str], rankings: Sequence[Ranking | MetricRanking]) -> str:
    """Return kenlm, or kenlm with other options, or else any model: the one with numbers on the most corpora."""
    if _BASELINE in labels:
        return _BASELINE
    candidates = [label for label in labels if label.startswith(f"{_BASELINE}:")] or labels
    return max(candidates, key=lambda label: sum(find_number(ranking, label) is not None for ranking in rankings))


def find_number(ranking: Ranking | MetricRanking, label: str) -> int | None:
    """Return the number of an entry, or None if the corpus does not have it."""
    return next((number for number, entry in enumerate(ranking.entries) if entry.label == label), None)


def _summarize_group(kind: str, rankings: Sequence[Ranking], baseline: str) -> Group:
    members = [ranking for ranking in rankings if find_number(ranking, baseline) is not None]
    labels = sorted(label for label in _list_labels(members) if label != baseline)
    summaries = (_summarize(label, baseline, members) for label in labels)
    found = tuple(summary for summary in summaries if summary is not None)
    return Group(kind, baseline, tuple(ranking.corpus.name for ranking in members), found)


def _summarize(label: str, baseline: str, rankings: Sequence[Ranking]) -> Summary | None:
    """Return a model and the baseline; None if they do not have a ratio on any corpus."""
    found = (_find_duel(ranking, label, baseline) for ranking in rankings)
    duels = [duel for duel in found if duel is not None]
    if not duels:
        return None
    ratios = tuple(duel.ratio for duel in duels)
    return Summary(
        label=label,
        corpora=tuple(duel.corpus for duel in duels),
        ratios=ratios,
        average=average_ratios(np.array(ratios)),
        better=sum(duel.ratio < 1 and not duel.equal for duel in duels),
        shown_better=count_shown([duel.find_p(-1) for duel in duels]),
        shown_worse=count_shown([duel.find_p(1) for duel in duels]),
    )


def _find_duel(ranking: Ranking, label: str, baseline: str) -> _Duel | None:
    """Return a model and the baseline, or None if they do not have a ratio: one is missing, or needs no bits."""
    first, second = find_number(ranking, label), find_number(ranking, baseline)
    if first is None or second is None:
        return None
    above, below = (ranking.entries[number].per_byte.value for number in (first, second))
    if min(above, below) <= 0:
        return None
    pair = next(pair for pair in ranking.comparisons if {pair.first, pair.second} == {first, second})
    pair = pair if pair.first == first else pair.reversed()
    return _Duel(ranking.corpus.name, above / below, pair.difference, pair.equal, not ranking.has_too_few_documents)
