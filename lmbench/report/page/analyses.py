"""Where the bits come from: the analyses of each corpus for which there are data.

Those of words need the texts, and are left out if the page does without them. Those that ask models again are there for
the models that were named.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from lmbench.analysis.catalog import ANALYSES, Need
from lmbench.analysis.material import Material
from lmbench.analysis.ranking import Ranking
from lmbench.analysis.texts import Texts
from lmbench.chart import Chart
from lmbench.errors import LmbenchError
from lmbench.report.page.figures import Figure, make_figure
from lmbench.report.ranked_run import Predictors, RankedRun

_ELSEWHERE = "passages"  # with the pairs of models


@dataclass(frozen=True, slots=True)
class Analyses:
    """The analyses of a corpus.

    Attributes:
        corpus: The name of the corpus.
        note: Why those of words are missing; "" if they are not.
        figures: The analyses.
    """

    corpus: str
    note: str
    figures: Sequence[Figure]


def list_analyses(results: RankedRun) -> Iterator[Analyses]:
    """Yield the analyses of each corpus that has some. Those of several corpora are at the first of them."""
    shown = set[Chart]()
    for ranking in results.rankings:
        note, charts = _draw(results, ranking)
        new = [chart for chart in charts if chart not in shown]
        shown.update(new)
        if new:
            yield Analyses(ranking.corpus.name, note, list(map(make_figure, new)))


def _draw(results: RankedRun, ranking: Ranking) -> tuple[str, list[Chart]]:
    """Return why the analyses of words are missing, and the charts of the others, or of all."""
    texts = results.texts or Texts(results.directory.manifest)
    material = Material(results.directory, ranking.corpus, texts, rank=lambda: results.rankings)
    note = _explain_absence(results, material)
    if note:
        return note, list(_list_charts(material, ("cells",)))
    return "", [*_list_charts(material, ("cells", "texts")), *_list_predicted(material, results.predictors, ranking)]


def _explain_absence(results: RankedRun, material: Material) -> str:
    """Return why the analyses that need the text of a corpus are missing; "" if they are not."""
    if results.texts is None:
        return "`lmbench report` adds the analyses of words."
    try:
        material.corpus  # noqa: B018
    except LmbenchError as error:
        asked = " and calibration" * (results.predictors is not None)
        return f"The analyses of words{asked} are missing: {error}."
    return ""


def _list_charts(material: Material, needs: Sequence[Need]) -> Iterator[Chart]:
    """Yield the charts of all analyses that have data and need nothing else."""
    for analysis in ANALYSES.values():
        if analysis.need not in needs or analysis.name == _ELSEWHERE:
            continue
        try:
            yield from analysis.analyze(material).charts
        except LmbenchError:
            continue


def _list_predicted(material: Material, predictors: Predictors | None, ranking: Ranking) -> Iterator[Chart]:
    """Yield the charts of all analyses for which models predict the text again.

    Raises:
        LmbenchError: A model cannot be restored.
    """
    known = {entry.label for entry in ranking.entries}
    labels = [label for label in predictors.labels if label in known] if predictors else []
    if predictors and labels:
        asked = replace(
            material,
            labels=labels,
            restorer=predictors.restorer,
            limit=predictors.limit,
            progress=predictors.progress.part(material.name),
        )
        for analysis in ANALYSES.values():
            if analysis.need == "models":
                yield from analysis.analyze(asked).charts
