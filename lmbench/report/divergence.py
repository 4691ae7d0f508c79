"""Divergences of whole distributions: tables for the terminal, and JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import numpy as np

from lmbench.analysis.divergence import Divergence
from lmbench.arrays import Floats
from lmbench.report.contents import NONE, Column, Contents
from lmbench.report.digits import show_fixed

_SHARES = (99.9, 99.0, 95.0, 90.0, 75.0, 50.0, 25.0, 10.0, 5.0, 1.0, 0.1)


def build_divergence_table(model: str, baseline: str, divergences: Mapping[str, Divergence]) -> Contents:
    """Return the table of two models' distributions: two columns for each corpus.

    Args:
        model: The name of the model.
        baseline: The name of the one that it is compared with.
        divergences: Their divergences, by corpus.
    """
    rows = [_texts(divergence) for divergence in divergences.values()]
    columns = [Column(f"{corpus}: {measure}") for corpus in divergences for measure in ("KL", "Δp, %")]
    return Contents(
        f"{model} against {baseline}",
        (Column("", "left"), *columns),
        tuple((name, *(text for row in rows for text in row[name])) for name in rows[0]),
        (
            f"KL: divergence of the distributions of {model} from those of {baseline}, in nats for each event",
            "Δp: the probability of the text's event, the first model's less the second's, in percent",
            "same top: events for which both consider the same event the most likely one, in percent",
        ),
        tuple(f"{corpus}: {len(divergence.nats):,} events." for corpus, divergence in divergences.items()),
    )


def format_divergences(model: str, baseline: str, divergences: Mapping[str, Divergence]) -> list[str]:
    """Return the same as JSON objects, one for each corpus. Probabilities are between 0 and 1."""
    shared = {"model": model, "baseline": baseline}
    return [json.dumps(shared | _numbers(*item), ensure_ascii=False) for item in divergences.items()]


def _texts(divergence: Divergence) -> dict[str, tuple[str, str]]:
    """Return the texts of both columns by the name of their row."""
    nats, percent = divergence.nats, 100 * divergence.changes
    quantiles = {
        "median" if share == 50 else f"{share} %": (show_fixed(kl, 6), show_fixed(change, 3))
        for share, kl, change in zip(_SHARES, _quantiles(nats), _quantiles(percent), strict=True)
    }
    return {
        "mean": (show_fixed(float(nats.mean()), 6), show_fixed(float(percent.mean()), 3)),
        "maximum": (show_fixed(float(nats.max()), 6), show_fixed(float(percent.max()), 3)),
        **quantiles,
        "minimum": (show_fixed(float(nats.min()), 6), show_fixed(float(percent.min()), 3)),
        "root mean square": (NONE, show_fixed(100 * divergence.root_mean_square, 3)),
        "same top": (NONE, show_fixed(100 * divergence.agreement, 3)),
    }


def _numbers(corpus: str, divergence: Divergence) -> dict[str, object]:
    return {
        "corpus": corpus,
        "events": len(divergence.nats),
        "divergence": _summarize(divergence.nats),
        "change": _summarize(divergence.changes) | {"root_mean_square": divergence.root_mean_square},
        "same_top": divergence.agreement,
    }


def _summarize(values: Floats) -> dict[str, object]:
    """Return numbers by their names in JSON; None for infinity, which JSON does not have."""
    quantiles = dict(zip((f"{share:g}" for share in _SHARES), _quantiles(values), strict=True))
    ends = {"mean": float(values.mean()), "maximum": float(values.max()), "minimum": float(values.min())}
    return {name: _finite(value) for name, value in ends.items()} | {
        "percentiles": {share: _finite(value) for share, value in quantiles.items()}
    }


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _quantiles(values: Floats) -> Iterator[float]:
    """Yield the percentiles, interpolated between the two nearest values."""
    ordered = np.sort(values)
    for share in _SHARES:
        place = share / 100 * (len(ordered) - 1)
        low, high = ordered[int(place)], ordered[min(int(place) + 1, len(ordered) - 1)]
        part = place - int(place)
        yield float(low if part == 0 else (1 - part) * low + part * high)
