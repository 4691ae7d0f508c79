"""The tables over several corpora: each model's bits per byte over those of a baseline."""

from __future__ import annotations

from lmbench.analysis.across import Group, Summary
from lmbench.report.contents import Column, Contents
from lmbench.report.digits import choose_decimals, show_fixed, show_interval
from lmbench.statistics import Estimate

_LEGEND = (
    "ratio: bits/byte over those of the baseline, geometric mean over the corpora",
    "95 % CI: interval of the ratio; next corpus: of that on one more such corpus",
    "better: on how many corpora; shown better, shown worse: on how many at least",
    "Models are not ranked over corpora: the choice of corpora would decide.",
)


def build_across_table(group: Group) -> Contents:
    """Return the table of the corpora of a kind."""
    decimals = choose_decimals(
        Estimate(each.average.value, each.average.low, each.average.high) for each in group.summaries
    )
    headings = ("ratio", "95 % CI", "next corpus", "better", "shown better", "shown worse")
    return Contents(
        title=f"{group.kind.capitalize()} text: bits/byte over those of {group.baseline} on {len(group.corpora)} "
        f"corpora ({', '.join(group.corpora)})",
        columns=(Column("model", "left"), *map(Column, headings)),
        rows=tuple(_show_summary(summary, decimals) for summary in group.summaries),
        legend=_LEGEND,
        notes=(),
    )


def _show_summary(summary: Summary, decimals: int) -> tuple[str, ...]:
    average = summary.average
    following = Estimate(average.value, average.next_low, average.next_high)
    return (
        summary.label,
        show_fixed(average.value, decimals),
        show_interval(average, decimals),
        show_interval(following, decimals),
        f"{summary.better} of {len(summary.corpora)}",
        str(summary.shown_better),
        str(summary.shown_worse),
    )
