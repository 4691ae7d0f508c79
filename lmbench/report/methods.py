"""The methods of a run's statistics, with references: only those that its tables use."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lmbench.about import own_version
from lmbench.analysis.ranking import Ranking
from lmbench.analysis.task_ranking import MetricRanking
from lmbench.report.ranked_run import RankedRun
from lmbench.statistics import FEWEST_EFFECTIVE, Units
from lmbench.statistics.flips import DRAWS, MOST_EXACT

_BENJAMINI = (
    'Benjamini, Y. and Heller, R. (2008). "Screening for partial conjunction hypotheses." Biometrics 64, 1215–1222.'
)
_CARD = 'Card, D. et al. (2020). "With little power comes great responsibility." EMNLP, 9263–9274.'
_CLOPPER = (
    'Clopper, C. J. and Pearson, E. S. (1934). "The use of confidence or fiducial limits illustrated in the case of '
    'the binomial." Biometrika 26, 404–413.'
)
_EFRON = "Efron, B. and Tibshirani, R. J. (1993). An introduction to the bootstrap. Chapman & Hall."
_HARTIGAN = 'Hartigan, J. A. (1969). "Using subsample values as typical values." JASA 64, 1303–1317.'
_HOEFFDING = 'Hoeffding, W. (1963). "Probability inequalities for sums of bounded random variables." JASA 58, 13–30.'
_HOLM = (
    'Holm, S. (1979). "A simple sequentially rejective multiple test procedure." Scandinavian Journal of Statistics 6, '
    "65–70."
)
_KISH = "Kish, L. (1965). Survey sampling. Wiley."
_MCNEMAR = (
    'McNemar, Q. (1947). "Note on the sampling error of the difference between correlated proportions or percentages." '
    "Psychometrika 12, 153–157."
)
_OWEN = 'Owen, A. B. (2007). "The pigeonhole bootstrap." Annals of Applied Statistics 1, 386–411.'
_POST = 'Post, M. (2018). "A call for clarity in reporting BLEU scores." WMT, 186–191.'
_PIEPHO = (
    'Piepho, H.-P. (2004). "An algorithm for a letter-based representation of all-pairwise comparisons." Journal of '
    "Computational and Graphical Statistics 13, 456–466."
)


@dataclass(frozen=True, slots=True)
class Methods:
    """How the statistics of a run were computed.

    Attributes:
        sentences: What was done.
        references: What the sentences refer to, in alphabetical order.
    """

    sentences: tuple[str, ...]
    references: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Statement:
    """A sentence or two, and what it refers to."""

    text: str
    references: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Text:
    """The test text of a corpus that has a ranking.

    Attributes:
        ranking: The ranking.
        units: What was resampled.
    """

    ranking: Ranking
    units: Units

    @property
    def counted(self) -> str:
        """The number of units: "24 documents"."""
        units = self.units
        return f"{len(units.sizes):,} {'documents' if len(units.sizes) == units.documents else 'blocks'}"


_BITS = _Statement("Bits per byte are the bits of all test documents divided by their UTF-8 bytes.")


def describe_methods(results: RankedRun) -> Methods:
    """Return the methods that the tables of a run use; no sentences if no model has numbers."""
    texts = [_Text(ranking, ranking.units) for ranking in results.rankings if ranking.units is not None]
    ranked = [metric for ranking in results.tasks for metric in ranking.metrics if metric.entries]
    if not texts and not ranked:
        return Methods((), ())
    several = [text for text in texts if len(text.units.sizes) > 1]
    found = [
        *([_BITS] if texts else []),
        *_describe_intervals([text for text in several if not text.ranking.has_too_few_documents]),
        *_describe_few([text for text in several if text.ranking.has_too_few_documents]),
        *_describe_comparisons([text.ranking for text in several if text.ranking.comparisons]),
        *_describe_seeds([text.ranking for text in texts]),
        *_describe_groups(results),
        *_describe_tasks(ranked),
        _name_versions(),
    ]
    references = {reference for statement in found for reference in statement.references}
    return Methods(tuple(statement.text for statement in found), tuple(sorted(references)))


def _describe_intervals(texts: Sequence[_Text]) -> Iterator[_Statement]:
    """Yield how the intervals and p values were found of texts that have enough documents."""
    if not texts:
        return
    are_random = any(len(text.units.sizes) > MOST_EXACT for text in texts)
    halves = f"{DRAWS:,} random halves" if are_random else "all halves"
    halves += f" (all of at most {MOST_EXACT})" * (are_random and any(len(t.units.sizes) <= MOST_EXACT for t in texts))
    yield _Statement(
        f"95 % intervals and p values are those of typical values (Hartigan 1969), from {halves} of "
        f"{_list_counted(texts)}.",
        (_HARTIGAN,),
    )
    if are_random:
        yield _Statement(
            f"p values below 1/{DRAWS + 1:,} are Hoeffding's bound on a sum of random signs (1963).", (_HOEFFDING,)
        )
    if blocks := [text.ranking.corpus.name for text in texts if text.units.are_blocks]:
        yield _Statement(
            f"Documents of {', '.join(blocks)} depend on their neighbors, so blocks of neighbors were resampled."
        )


def _describe_few(texts: Sequence[_Text]) -> Iterator[_Statement]:
    if texts:
        yield _Statement(
            f"The {_list_counted(texts)} count as fewer than {FEWEST_EFFECTIVE:g} of equal size (Kish 1965). Intervals "
            "are those of t with the jackknife's standard error (Efron and Tibshirani 1993); no ranking is claimed.",
            (_EFRON, _KISH),
        )


def _describe_comparisons(rankings: Sequence[Ranking]) -> Iterator[_Statement]:
    if not rankings:
        return
    pairs = _join_range(len(ranking.comparisons) for ranking in rankings)
    yield _Statement(
        f"Models were compared in pairs ({pairs} on each corpus), on the same documents, with p values corrected by "
        "Holm's method (1979) within the corpus. Two models count as equal if the 95 % interval of their difference "
        f"lies within ±{rankings[0].margin:g} bits/byte.",
        (_HOLM,),
    )
    yield _Statement(
        "A rank is 1 plus the number of models that are better by more than chance; models that do not differ share a "
        "letter (Piepho 2004). The difference that a text shows is what a test of level 5 % finds with a power of "
        "80 %: 2.80 paired standard errors (Card et al. 2020).",
        (_CARD, _PIEPHO),
    )


def _describe_seeds(rankings: Sequence[Ranking]) -> Iterator[_Statement]:
    seeds = [len(entry.cells) for ranking in rankings for entry in ranking.entries if len(entry.cells) > 1]
    if seeds:
        yield _Statement(
            f"Models with {_join_range(seeds)} seeds have their mean. Their intervals and p values are those of t, "
            "with the variance of seeds and documents crossed (Owen 2007).",
            (_OWEN,),
        )


def _describe_groups(results: RankedRun) -> Iterator[_Statement]:
    if results.groups:
        yield _Statement(
            f"Over several corpora, ratios to {results.groups[0].baseline} have a geometric mean, with t intervals on "
            "their logarithms. The number of corpora with a shown difference is a lower bound at 95 % by partial "
            "conjunction (Benjamini and Heller 2008).",
            (_BENJAMINI,),
        )


def _describe_tasks(ranked: Sequence[MetricRanking]) -> Iterator[_Statement]:
    """Yield how the values of metrics, their intervals and their p values were found."""
    if not ranked:
        return
    yield _Statement(
        "On a task, the value of a metric is the mean over its items. An item counts 1 if its right choice is the "
        "likeliest, and 1/k if it shares that place with k − 1 others, so that guessing gives 1 divided by the number "
        "of choices."
    )
    exact = [entry.is_exact for metric in ranked if metric.units is not None for entry in metric.entries]
    if any(exact):
        yield _Statement(
            "Intervals of such credits are exact (Clopper and Pearson 1934), and pairs of models were compared on the "
            "same items by the exact test of McNemar (1947), or by flipped signs if credit is shared.",
            (_CLOPPER, _MCNEMAR),
        )
    if not all(exact):
        yield _Statement(
            "Intervals and p values of other values are those of typical values (Hartigan 1969) over the items.",
            (_HARTIGAN,),
        )
    if any(metric.metric.corpus for metric in ranked):
        yield _Statement(
            "BLEU and chrF of all texts have the bootstrap intervals and the approximate randomization of sacrebleu "
            "(Post 2018).",
            (_POST,),
        )
    yield _Statement("The p values of a task are corrected by Holm's method (1979) for each metric.", (_HOLM,))


def _name_versions() -> _Statement:
    from importlib.metadata import version

    return _Statement(f"Computed by lmbench {own_version()} with NumPy {np.__version__} and SciPy {version('scipy')}.")


def _list_counted(texts: Iterable[_Text]) -> str:
    """Return what was resampled on each corpus: "24 documents (fables-en) and 50 blocks (wiki)"."""
    named: dict[str, list[str]] = {}
    for text in texts:
        named.setdefault(text.counted, []).append(text.ranking.corpus.name)
    *others, last = (f"{counted} ({', '.join(corpora)})" for counted, corpora in named.items())
    return f"{', '.join(others)} and {last}" if others else last


def _join_range(counts: Iterable[int]) -> str:
    """Return the smallest and the largest number: "3 to 36", or "36" if they are the same."""
    found = sorted(set(counts))
    return str(found[0]) if len(found) == 1 else f"{found[0]} to {found[-1]}"
