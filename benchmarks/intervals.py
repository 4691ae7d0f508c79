"""Measure how often 95 % intervals hold the true value, for lmbench's intervals and their rivals.

    python benchmarks/intervals.py
    LMBENCH_MIRROR=FOLDER python benchmarks/intervals.py --corpus wikitext-2
    python benchmarks/intervals.py --speed 10000

Texts of n documents are drawn whose true bits per byte, or true difference between two models, is known. Their lengths
are lognormal with a sigma of 1. The rates of the documents are normal, or skewed (gamma with a skewness of 1). With
--corpus, the documents are the articles of a training split, scored by KenLM models of order 2 and 3 that were fitted
on other articles; the truth is that of all articles. "lmbench" takes typical values, or the jackknife's t below ten
effective documents. "false" is the share of true hypotheses with p < 0.05. The bootstraps have 1,000 resamples.

The last table cuts articles into lines. Each simulated text has 60 articles, and each line is a document.

With --speed N, it measures only the time that all pairs of 20 models take on N documents, and the time of
scipy.stats.permutation_test for the same number of pairs and sign flips.
"""

from __future__ import annotations

import argparse
import math
import time
import warnings
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from scipy import stats

from lmbench import Split, TrainingText, build, load_corpus
from lmbench.arrays import Floats, Ints
from lmbench.metrics import tally
from lmbench.statistics import Estimate, Units, compare_pairs, estimate_sums
from lmbench.statistics.flips import DRAWS, arrange, draw_typical_values
from lmbench.statistics.jackknife import find_standard_errors, find_t_interval

_ALPHA = 0.05
_RESAMPLES = 1000
_MODELS = ("kenlm:order=2", "kenlm:order=3")
_ARTICLES = 60
_SPEED_MODELS = 20
Draw = Callable[[np.random.Generator, int], tuple[Floats, Floats]]
"""Draws the bits and the bytes of so many documents."""


def main() -> None:
    """Print a table for each source of documents."""
    options = _parse_options()
    if options.speed:
        _print_speed(options.speed)
        return
    print(f"{options.simulations:,} simulations")
    for name, draw, truth in _simulate_sources():
        _print_coverage(name, draw, truth, options)
    if options.corpus:
        articles = load_corpus(options.corpus).train.documents
        bits, sizes, starts = _score_lines(articles, options.folds)
        per_article, bytes_of_article = np.add.reduceat(bits, starts, axis=1), np.add.reduceat(sizes, starts)
        rows = {f"{options.corpus}, {_MODELS[1]}": per_article[1]}
        rows[f"{options.corpus}, {_MODELS[1]} less {_MODELS[0]}"] = per_article[1] - per_article[0]
        for name, row in rows.items():
            _print_coverage(name, _resample(row, bytes_of_article), row.sum() / bytes_of_article.sum(), options)
        _print_lines(bits[1], sizes, starts, options.simulations)


def _parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--simulations", type=int, default=2000, help="texts for each number")
    parser.add_argument(
        "--documents", type=lambda text: [*map(int, text.split(","))], default=[5, 10, 24, 30, 60], help="of each text"
    )
    parser.add_argument("--speed", type=int, default=0, metavar="DOCUMENTS", help="measure the time and nothing else")
    parser.add_argument("--corpus", help="corpus whose training split has articles")
    parser.add_argument("--folds", type=int, default=5, help="parts of the training split; each is scored once")
    return parser.parse_args()


def _print_speed(documents: int) -> None:
    """Print the processor seconds of all pairs of models, and those of SciPy for one pair times the number of pairs."""
    rng = np.random.default_rng(0)
    sizes = rng.integers(50, 500, documents)
    bits = rng.normal(2, 0.5, (_SPEED_MODELS, documents)) * sizes
    units = Units.choose(bits, sizes, np.ones(documents, dtype=np.int64))
    began = time.process_time()
    pairs = compare_pairs(list(bits[:, None]), units)
    own = time.process_time() - began
    began = time.process_time()
    stats.permutation_test(
        (bits[0] - bits[1],),
        lambda row, axis: row.sum(axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=DRAWS,
        batch=max(1, 10**7 // documents),
        rng=rng,
    )
    peer = (time.process_time() - began) * len(pairs)
    print(f"{_SPEED_MODELS} models, {documents:,} documents, {len(pairs)} pairs: intervals and tests {own:.1f} CPU s")
    print(f"SciPy: {peer:.1f} CPU s for the tests alone, {peer / own:.1f} times as long")


def _simulate_sources() -> Iterator[tuple[str, Draw, float]]:
    """Yield the name, the documents and the true ratio of each simulated source."""

    def draw_normal(rng: np.random.Generator, documents: int) -> tuple[Floats, Floats]:
        sizes = np.ceil(rng.lognormal(7, 1, documents))
        return sizes * rng.normal(2, 0.2, documents), sizes

    def draw_skewed(rng: np.random.Generator, documents: int) -> tuple[Floats, Floats]:
        sizes = np.ceil(rng.lognormal(7, 1, documents))
        return sizes * rng.gamma(4, 0.5, documents), sizes

    yield "lognormal lengths, normal rates", draw_normal, 2.0
    yield "lognormal lengths, skewed rates", draw_skewed, 2.0


def _resample(bits: Floats, sizes: Floats) -> Draw:
    """Return what draws from known documents."""

    def draw(rng: np.random.Generator, documents: int) -> tuple[Floats, Floats]:
        chosen = rng.integers(0, len(sizes), documents)
        return bits[chosen], sizes[chosen]

    return draw


def _print_coverage(name: str, draw: Draw, truth: float, options: argparse.Namespace) -> None:
    """Print the share of intervals that hold the truth, one row a number of documents."""
    print(f"\n{name}\n  documents  lmbench    false  typical  percentile      BCa  jackknife t")
    for documents in options.documents:
        rng = np.random.default_rng(documents)
        found = [_find_intervals(*draw(rng, documents), truth, rng) for _ in range(options.simulations)]
        shares = np.mean(found, axis=0)
        widths = (7, 8, 8, 11, 8, 12)
        columns = (f"{share:>{width}.3f}" for share, width in zip(shares, widths, strict=True))
        print(f"  {documents:>9}  {' '.join(columns)}", flush=True)


def _find_intervals(bits: Floats, sizes: Floats, truth: float, rng: np.random.Generator) -> list[bool]:
    """Return whether each interval holds the truth, and after the first whether its test rejects the truth."""
    [estimate] = estimate_sums(bits[None], sizes)
    [residual] = estimate_sums((bits - truth * sizes)[None], sizes)
    typical = draw_typical_values(*arrange(bits[None], sizes), _ALPHA)
    error = float(find_standard_errors(bits[None], sizes)[0])
    intervals = (
        _ends(estimate),
        (typical.low[0], typical.high[0]),
        *_bootstrap(bits, sizes, rng),
        find_t_interval(estimate.value, error, len(sizes) - 1, _ALPHA)[:2],
    )
    holds = [low <= truth <= high for low, high in intervals]
    return [holds[0], residual.p is not None and residual.p < _ALPHA, *holds[1:]]


def _ends(estimate: Estimate) -> tuple[float, float]:
    """Return the ends of an interval over two or more units."""
    return (-math.inf, math.inf) if estimate.low is None or estimate.high is None else (estimate.low, estimate.high)


def _bootstrap(bits: Floats, sizes: Floats, rng: np.random.Generator) -> Sequence[tuple[float, float]]:
    """Return the percentile and the BCa interval of the same resamples."""

    def divide_sums(above: Floats, below: Floats, axis: int) -> Floats:
        ratio: Floats = above.sum(axis=axis) / below.sum(axis=axis)
        return ratio

    result, found = None, []
    for method in ("percentile", "BCa"):
        result = stats.bootstrap(
            (bits, sizes),
            divide_sums,
            n_resamples=0 if result else _RESAMPLES,
            paired=True,
            vectorized=True,
            method=method,
            bootstrap_result=result,
            rng=rng,
        )
        found.append(tuple(result.confidence_interval))
    return found


def _score_lines(articles: Sequence[str], folds: int) -> tuple[Floats, Floats, Ints]:
    """Return the bits of each line under each model, (models, lines), its bytes, and the first line of each article.

    Each article is scored by models that were fitted on the articles of the other folds.
    """
    lines = [article.splitlines(keepends=True) for article in articles]
    starts = np.cumsum([0, *map(len, lines[:-1])])
    bits, sizes = np.zeros((len(_MODELS), sum(map(len, lines)))), np.zeros(sum(map(len, lines)))
    for fold in range(folds):
        train = tuple(article for number, article in enumerate(articles) if number % folds != fold)
        scored = [number for number in range(len(articles)) if number % folds == fold]
        places = np.concatenate([starts[number] + np.arange(len(lines[number])) for number in scored])
        text = tuple(line for number in scored for line in lines[number])
        for row, spec in enumerate(_MODELS):
            model = build(spec)
            model.fit(TrainingText(Split(train), Split(train[:1]), tokenized=True))
            counts = tally(text, model.score(text))
            bits[row, places], sizes[places] = counts.bits, counts.bytes
    return bits, sizes, starts


def _print_lines(bits: Floats, sizes: Floats, starts: Ints, simulations: int) -> None:
    """Print the coverage of intervals over lines and over blocks of lines."""
    rng, truth, ends = np.random.default_rng(0), bits.sum() / sizes.sum(), [*starts[1:], len(sizes)]
    places = [np.arange(start, end) for start, end in zip(starts, ends, strict=True)]
    found = [_measure_lines(bits[chosen], sizes[chosen], truth) for chosen in _draw_texts(places, rng, simulations)]
    inflation, chosen_blocks, over_lines, over_units = np.array(found).T
    low, median, high = np.quantile(inflation, [0.1, 0.5, 0.9])
    print(
        f"\nlines of {_ARTICLES} articles\n  inflation {median:.1f}; in 80 % of the texts from {low:.1f} to {high:.1f}"
    )
    print(f"  blocks are used in {chosen_blocks.mean():.1%} of the texts")
    print(f"  coverage over lines {over_lines.mean():.3f}, with blocks {over_units.mean():.3f}")


def _draw_texts(places: Sequence[Ints], rng: np.random.Generator, texts: int) -> Iterator[Ints]:
    """Yield the places of the lines of each text."""
    for _ in range(texts):
        yield np.concatenate([places[article] for article in rng.integers(0, len(places), _ARTICLES)])


def _measure_lines(bits: Floats, sizes: Floats, truth: float) -> tuple[float, bool, bool, bool]:
    """Return the inflation, whether blocks are used, and whether the intervals over lines and over units hold."""
    units = Units.choose(bits[None], sizes.astype(np.int64), np.ones(len(sizes), dtype=np.int64))
    error = float(find_standard_errors(bits[None], sizes)[0])
    over_lines = abs(bits.sum() / sizes.sum() - truth) <= 1.96 * error
    factor = units.inflation[-1].factor if units.inflation else 1.0
    if not units.are_blocks:  # of thousands of lines, typical values differ little from the normal interval
        return factor, False, over_lines, over_lines
    [estimate] = estimate_sums(units.sum(bits[None]), units.sizes)
    low, high = _ends(estimate)
    return factor, True, over_lines, low <= truth <= high


if __name__ == "__main__":
    warnings.simplefilter("ignore", stats.DegenerateDataWarning)
    main()
