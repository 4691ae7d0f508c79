"""A run whose results are read and ranked once, for all of its tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lmbench.analysis.across import Group, choose_baseline, summarize_corpora
from lmbench.analysis.material import Restorer
from lmbench.analysis.questions import Questions
from lmbench.analysis.ranking import Entry, Ranking, rank_models
from lmbench.analysis.task_ranking import TaskEntry, TaskRanking, rank_task
from lmbench.analysis.texts import Texts
from lmbench.progress import SILENT, Progress
from lmbench.report.marks import Marks
from lmbench.runs.records import Cell, CorpusRecord, Row
from lmbench.runs.store import RunDirectory
from lmbench.statistics import MARGIN


@dataclass(frozen=True, slots=True)
class Predictors:
    """Models that predict the texts again for a page.

    Attributes:
        labels: Their names in the tables.
        restorer: Returns the model of a cell, ready to score.
        limit: How many documents of each text they predict, the first ones; None for all.
        progress: Receives reports.
    """

    labels: tuple[str, ...]
    restorer: Restorer
    limit: int | None = None
    progress: Progress = SILENT


@dataclass(frozen=True, slots=True)
class RankedRun:
    """What the tables of a run are made from.

    Attributes:
        directory: The run.
        cells: The stored cells, in the order of the run.
        missing: The rows of corpora without a cell that can be believed.
        marks: The marks of the cells.
        rankings: The ranking of each corpus, in the order of the run.
        groups: The models over several corpora.
        baseline: The model that others are compared with; None if no model has numbers.
        texts: The test texts, for what a page says of words; None to leave it out.
        tasks: The ranking of each task, in the order of the run.
        task_cells: The stored cells of tasks, in the order of the run.
        missing_tasks: The rows of tasks without a cell that can be believed.
        questions: The items of the tasks.
        predictors: The models whose calibration a page shows; None for none.
    """

    directory: RunDirectory
    cells: tuple[Cell, ...]
    missing: tuple[Row, ...]
    marks: Marks
    rankings: tuple[Ranking, ...]
    groups: tuple[Group, ...]
    baseline: str | None
    questions: Questions
    texts: Texts | None = None
    tasks: tuple[TaskRanking, ...] = ()
    task_cells: tuple[Cell, ...] = ()
    missing_tasks: tuple[Row, ...] = ()
    predictors: Predictors | None = None

    @classmethod
    def read(
        cls,
        directory: RunDirectory,
        margin: float = MARGIN,
        baseline: str | None = None,
        texts: Texts | None = None,
        questions: Questions | None = None,
    ) -> RankedRun:
        """Read the results of a run and rank its models.

        Args:
            directory: The run.
            margin: Bits per byte within which models are equal.
            baseline: The model that others are compared with; None to choose one.
            texts: The test texts, for what a page says of words; None to leave it out.
            questions: The items of the tasks; None to read them again by their names.

        Raises:
            LmbenchError: The cells of a corpus have different documents or those of a task different items, or no model
                has the label of the baseline.
        """
        rankings = tuple(rank_models(directory, corpus, margin) for corpus in directory.manifest.corpora)
        questions = questions or Questions(directory.manifest)
        tasks = tuple(rank_task(directory, task, questions) for task in directory.manifest.tasks)
        return cls(
            directory=directory,
            cells=tuple(directory.cells()),
            missing=tuple(directory.missing()),
            marks=Marks.of(directory),
            rankings=rankings,
            groups=summarize_corpora(rankings, baseline) if rankings else (),
            baseline=choose_baseline(rankings or [ranking.main for ranking in tasks], baseline),
            questions=questions,
            texts=texts,
            tasks=tasks,
            task_cells=tuple(directory.task_cells()),
            missing_tasks=tuple(directory.missing("task")),
        )

    @property
    def all_cells(self) -> tuple[Cell, ...]:
        """The stored cells of corpora, and then those of tasks."""
        return (*self.cells, *self.task_cells)

    def cells_of_task(self, ranking: TaskRanking) -> list[Cell]:
        """Return the cells of a task."""
        return [cell for cell in self.task_cells if cell.corpus == ranking.task.name]

    def models_of_task(self, ranking: TaskRanking) -> dict[str, TaskEntry | Cell]:
        """Return each model of a task by its name: its entry, or the cell that failed."""
        failed = {cell.label: cell for cell in self.cells_of_task(ranking) if cell.status != "ok"}
        return {name_entry(entry): entry for entry in ranking.main.entries} | failed

    def cells_of(self, ranking: Ranking) -> list[Cell]:
        """Return the cells of a corpus, ranked or not, apart from pseudo-probabilities."""
        return [cell for cell in self.cells if cell.corpus == ranking.corpus.name and not cell.pseudo]

    def skipped(self, corpus: CorpusRecord) -> list[str]:
        """Return the labels of the pretrained models that the run has no cells of on a synthetic source."""
        if not corpus.floor_note:
            return []
        asked = {row.model for row in self.directory.manifest.text_rows if row.corpus == corpus.name}
        models = self.directory.manifest.models
        return [model.label for model in models if model.pretrained and model.label not in asked]

    def places(self) -> Iterator[tuple[Ranking, Entry, Cell]]:
        """Yield each ranked cell with its entry and ranking."""
        for ranking in self.rankings:
            for entry in ranking.entries:
                for cell in entry.cells:
                    yield ranking, entry, cell


def name_entry(entry: Entry | TaskEntry) -> str:
    """Return the name of an entry, as tables show it: "transformer (5 seeds)"."""
    return f"{entry.label} ({len(entry.cells)} seeds)" if len(entry.cells) > 1 else entry.label


def show_rank(entry: Entry | TaskEntry) -> str:
    """Return the rank of an entry: "2=" if it shares it; "" if no ranking is claimed."""
    return "" if entry.rank is None else f"{entry.rank}{'=' * entry.is_tied}"
