"""An analysis of a run: its data frames and its charts, over one corpus or several."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lmbench.analysis.catalog import Analysis, Findings
from lmbench.analysis.material import Material
from lmbench.errors import LmbenchError, ResultsError, UnknownNameError
from lmbench.report.pictures import Picture

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class AnalysisResult:
    """What an analysis found in a run. A notebook shows its charts.

    docs/analyses.md describes each analysis, and the columns of its data frames.

    Attributes:
        name: The name of the analysis.
        tables: Its data frames by name. The first one has the name of the analysis. The first column is the corpus.
        notes: For each corpus that is left out, why; and how many cells of the others are missing.
    """

    name: str
    tables: Mapping[str, pd.DataFrame]
    notes: Sequence[str]
    _picture: Picture

    def to_pandas(self, table: str | None = None) -> pd.DataFrame:
        """Return a data frame.

        Args:
            table: The name of a table; None for that of the analysis.

        Raises:
            UnknownNameError: There is no such table.
        """
        name = self.name if table is None else table
        if name not in self.tables:
            raise UnknownNameError(f"table of {self.name}", name, self.tables)
        return self.tables[name]

    def plot(self) -> Picture:
        """Return its charts as a picture, which a notebook shows and `save` writes as .svg, .png or .pdf."""
        return self._picture

    def __repr__(self) -> str:
        return f"{self.name}\n{self.to_pandas()}"

    def _repr_svg_(self) -> str:
        return self._picture._repr_svg_()


def analyze(analysis: Analysis, materials: Iterable[Material]) -> AnalysisResult:
    """Run an analysis on each corpus of a run.

    Args:
        analysis: The analysis.
        materials: What it reads of each corpus.

    Raises:
        LmbenchError: No corpus has what it needs.
    """
    found, problems, notes = dict[str, Findings](), dict[str, LmbenchError](), list[str]()
    for material in materials:
        notes += _note_missing(material)
        try:
            found[material.name] = analysis.analyze(material)
        except LmbenchError as error:
            problems[material.name] = error
    if not found:
        raise _explain(analysis, list(problems.values()))
    return AnalysisResult(
        name=analysis.name,
        tables=_join(found),
        notes=[*notes, *(f"{corpus} is left out: {error}" for corpus, error in problems.items())],
        _picture=Picture(tuple(chart for findings in found.values() for chart in findings.charts)),
    )


def _note_missing(material: Material) -> Iterator[str]:
    """Yield how many cells of a corpus cannot be analyzed, if there are any."""
    rows = [row for row in material.directory.manifest.text_rows if row.corpus == material.name]
    missing = [row for row in material.directory.missing() if row.corpus == material.name]
    if missing:
        count = f"{len(missing)} of {len(rows)} cells of {material.name}"
        yield f"{count} are missing or damaged, and `lmbench run` evaluates them"


def _explain(analysis: Analysis, problems: Sequence[LmbenchError]) -> LmbenchError:
    """Return the error of a run in which no corpus has what an analysis needs."""
    if not problems:
        return ResultsError("the run does not have a corpus")
    if len(set(map(str, problems))) == 1 or all(isinstance(problem, UnknownNameError) for problem in problems):
        return problems[0]
    return ResultsError(f"no corpus has what {analysis.name} needs ({analysis.requires}); the first one: {problems[0]}")


def _join(found: Mapping[str, Findings]) -> dict[str, pd.DataFrame]:
    """Return the tables of all corpora, each below the other, with the corpus as the first column."""
    import pandas as pd

    parts: dict[str, list[pd.DataFrame]] = {}
    for corpus, findings in found.items():
        for name, frame in findings.tables.items():
            labeled = frame.copy()
            labeled.insert(0, "corpus", corpus)
            parts.setdefault(name, []).append(labeled)
    return {name: pd.concat(frames, ignore_index=True) for name, frames in parts.items()}
