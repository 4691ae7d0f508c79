"""The results of a run in Python: tables, data frames and plots."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property, partial
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from lmbench import atomic
from lmbench.analysis.catalog import find_analysis
from lmbench.analysis.comparison import compare_all
from lmbench.analysis.material import Material
from lmbench.analysis.questions import Questions
from lmbench.analysis.ranking import Ranking
from lmbench.analysis.texts import Texts
from lmbench.api.analyses import AnalysisResult, analyze
from lmbench.api.frames import choose_cells, join_cells, list_documents, list_events, list_items, list_words
from lmbench.api.ready_models import restore_model
from lmbench.api.reports import add_calibration, write_report
from lmbench.corpus import Corpus
from lmbench.errors import ResultsError, UnknownNameError
from lmbench.progress import SILENT, Progress
from lmbench.report.comparison_json import list_numbers
from lmbench.report.csv_files import list_cells
from lmbench.report.pictures import Picture
from lmbench.report.ranked_run import RankedRun
from lmbench.report.ranking_plot import draw_rankings
from lmbench.report.task_files import COLUMNS, list_task_rows
from lmbench.report.task_plot import draw_task
from lmbench.runs.records import Cell
from lmbench.runs.store import RunDirectory
from lmbench.statistics import MARGIN
from lmbench.tasks.task import Task
from lmbench.words.measures import Settings

if TYPE_CHECKING:
    import pandas as pd

_WIDTH = 120  # columns of the table as text


class Results:
    """The results of models on corpora and tasks: the ranked tables, and everything that they were made from.

    They are read from a run directory, so nothing is computed twice. A notebook shows the tables of corpora and tasks.
    docs/python.md describes the columns of the data frames, and their units.

    Attributes:
        directory: The run directory.
    """

    def __init__(
        self, directory: RunDirectory, texts: Corpus | Iterable[Corpus] = (), tasks: Iterable[Task] = ()
    ) -> None:
        self.directory = directory
        self._texts = Texts(directory.manifest, texts)
        self._questions = Questions(directory.manifest, tasks)

    @classmethod
    def load(cls, path: str | Path, texts: Corpus | Iterable[Corpus] = (), tasks: Iterable[Task] = ()) -> Results:
        """Read the results in a run directory, which `save`, `run` or ``lmbench run`` wrote.

        Args:
            path: The run directory.
            texts: The corpora that `events` and `words` need if they cannot be read again by their names.
            tasks: The tasks whose items the report shows, if they cannot be read again by their names.

        Raises:
            ResultsError: It is not a run directory.
            CorpusError: The texts are not corpora.
        """
        return cls(RunDirectory.open(Path(path).expanduser()), texts, tasks)

    def save(self, path: str | Path) -> None:
        """Copy the run directory, which `load` and ``lmbench report`` read.

        Raises:
            ResultsError: The path exists already, or cannot be written.
        """
        target = Path(path).expanduser()
        atomic.check_free(target)
        if self.path.resolve() in target.resolve().parents:
            raise ResultsError(f"{target} is in the run directory itself; choose another path")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ResultsError(f"cannot write {target.parent}: {error.strerror or error}") from error
        atomic.write_new(target, partial(shutil.copytree, self.path, ignore=shutil.ignore_patterns(".lock")))

    def to_pandas(self) -> pd.DataFrame:
        """Return every number of every cell, one row for each model, corpus and share of the training text."""
        import pandas as pd

        return pd.DataFrame(list_cells(self._ranked))

    @property
    def tasks(self) -> pd.DataFrame:
        """Every number of every task: one row for each task, model and metric, and one for each cell that failed."""
        import pandas as pd

        return pd.DataFrame(list_task_rows(self._ranked), columns=list(COLUMNS))

    def items(self, task: str | None = None, metric: str | None = None) -> pd.DataFrame:
        """Return the value of each item of a task, one row for each item and one column for each model.

        Args:
            task: The name of a task; None for the only one.
            metric: The name of a metric; None for the one that ranks the models.

        Raises:
            UnknownNameError: There is no such task or metric.
        """
        known = {ranking.task.name: ranking for ranking in self._ranked.tasks}
        name = next(iter(known)) if task is None and len(known) == 1 else task or ""
        if name not in known:
            raise UnknownNameError("task of these results", name, known)
        return list_items(known[name], metric)

    def documents(self, model: str | None = None, corpus: str | None = None) -> pd.DataFrame:
        """Return the counts and sums of each document, one row for each cell and document of the test text.

        Args:
            model: The label of a model; None for all.
            corpus: The name of a corpus; None for all.

        Raises:
            UnknownNameError: There is no such model or corpus.
        """
        return self._join(model, corpus, lambda cell: list_documents(self.directory, cell))

    def events(self, model: str | None = None, corpus: str | None = None) -> pd.DataFrame:
        """Return the bits of each event, one row for each cell and event of the test text.

        Args:
            model: The label of a model; None for all.
            corpus: The name of a corpus; None for all.

        Raises:
            UnknownNameError: There is no such model or corpus.
            ResultsError: The events were not stored, or their text cannot be found.
        """
        return self._join(model, corpus, lambda cell: list_events(self.directory, cell, self._texts.find(cell.corpus)))

    def words(
        self,
        model: str | None = None,
        corpus: str | None = None,
        *,
        boundary: Literal["leading", "trailing"] = "leading",
    ) -> pd.DataFrame:
        """Return the bits of each word, one row for each cell and word of the test text.

        Args:
            model: The label of a model; None for all.
            corpus: The name of a corpus; None for all.
            boundary: Whom the space between two words belongs to: "leading", the word after it; "trailing", the word
                before it, so that its surprisal includes the probability that it ends. The latter asks the model, which
                is restored, or fitted again if it cannot be saved.

        Raises:
            LmbenchError: There is no such model or corpus, the events were not stored, their text cannot be found, or
                the model cannot be restored or cannot tell where words end.
        """
        return self._join(model, corpus, lambda cell: self._list_words(cell, boundary))

    def compare(self, model: str | None = None, baseline: str | None = None, *, margin: float = MARGIN) -> pd.DataFrame:
        """Compare two models, or all of them, by paired tests; one row for each corpus and pair.

        Args:
            model: The label of a model; None for all.
            baseline: The label of the model that it is compared with; None for all.
            margin: Bits per byte within which models are equal.

        Raises:
            LmbenchError: There is no such model, or nothing can be compared.
        """
        import pandas as pd

        pairs = compare_all(self.directory, margin, model, baseline)
        return pd.DataFrame(
            [{"model": pair.model.label, "baseline": pair.baseline.label} | list_numbers(pair) for pair in pairs]
        )

    def analyze(
        self,
        name: str,
        models: str | Sequence[str] | None = None,
        corpus: str | None = None,
        *,
        limit: int | None = None,
        progress: Progress = SILENT,
    ) -> AnalysisResult:
        """Analyze where the bits come from; docs/analyses.md describes the analyses.

        Nothing is fitted or scored again, except for "calibration".

        Args:
            name: The name of an analysis, such as "frequency".
            models: The label of a model, or several; None for all. Analyses of words then have the best models of the
                rungs of the ladder, at most eight.
            corpus: The name of a corpus; None for all that have what the analysis needs.
            limit: How many documents "calibration" predicts, the first ones; None for all.
            progress: Receives reports.

        Raises:
            LmbenchError: There is no such analysis, model or corpus, or no corpus has what the analysis needs, or the
                limit does not suit the analysis.
        """
        analysis = find_analysis(name)
        if limit is not None and (limit < 1 or analysis.need != "models"):
            raise ResultsError(f"{name} cannot be limited to {limit} documents; only calibration can, to one or more")
        choose_cells(self.directory, None, corpus)
        records = [record for record in self.directory.manifest.corpora if corpus in (None, record.name)]
        materials = (
            Material(
                directory=self.directory,
                record=record,
                texts=self._texts,
                labels=(models,) if isinstance(models, str) else tuple(models or ()),
                rank=self._rank,
                restorer=restore_model,
                limit=limit,
                progress=progress,
            )
            for record in records
        )
        return analyze(analysis, materials)

    def plot(self, corpus: str | None = None) -> Picture:
        """Draw bits per byte with their 95 % intervals, one chart for each corpus; and one for each task.

        Args:
            corpus: The name of a corpus or a task; None for all.

        Returns:
            A picture, which a notebook shows and `save` writes as .svg, .png or .pdf.

        Raises:
            UnknownNameError: There is no such corpus or task.
        """
        tasks = [ranking for ranking in self._ranked.tasks if corpus in (None, ranking.task.name)]
        if not tasks:
            choose_cells(self.directory, None, corpus)
        rankings = [ranking for ranking in self._ranked.rankings if corpus in (None, ranking.corpus.name)]
        charts = draw_rankings(rankings).charts if rankings else ()
        return Picture((*charts, *filter(None, map(draw_task, tasks))))

    def report(
        self,
        path: str | Path,
        *,
        calibration: str | Sequence[str] = (),
        limit: int | None = None,
        progress: Progress = SILENT,
    ) -> None:
        """Write the report: tables with notes, methods and signatures.

        Args:
            path: A file whose suffix is .html, .md, .tex or .csv; or a folder, for all formats and the pictures of what
                the models learned.
            calibration: The label of a model, or several, whose calibration the page shows. They predict the texts
                again; see `analyze`.
            limit: How many documents of each text they predict, the first ones; None for all.
            progress: Receives reports.

        Raises:
            LmbenchError: The path cannot be written, there is no such model, or a model cannot be restored.
        """
        write_report(add_calibration(self._ranked, calibration, limit, progress), Path(path).expanduser())

    @property
    def path(self) -> Path:
        """The run directory's folder."""
        return self.directory.path

    def __repr__(self) -> str:
        from rich.console import Console

        from lmbench.report import tables

        file = StringIO()
        console = Console(file=file, width=_WIDTH, color_system=None, force_terminal=False, force_jupyter=False)
        for table in tables.terminal(self._ranked):
            console.print(table)
        return file.getvalue().rstrip()

    def _repr_html_(self) -> str:
        from lmbench.report.html import format_tables

        return format_tables(self._ranked)

    def _join(self, model: str | None, corpus: str | None, describe: Callable[[Cell], pd.DataFrame]) -> pd.DataFrame:
        """Return the rows of all cells of a model and a corpus."""
        return join_cells(choose_cells(self.directory, model, corpus), describe)

    def _list_words(self, cell: Cell, boundary: str) -> pd.DataFrame:
        corpus = self._texts.find(cell.corpus)
        settings = Settings(boundary, words="spaces" if corpus.spaced else "jieba")
        if settings.boundary == "leading":
            return list_words(self.directory, cell, corpus)
        record = next(record for record in self.directory.manifest.models if record.label == cell.model)
        if not record.pretrained:
            self._texts.check_fitted_text(cell.corpus)
        return list_words(self.directory, cell, corpus, restore_model(record, cell, corpus))

    def _rank(self) -> Sequence[Ranking]:
        return self._ranked.rankings

    @cached_property
    def _ranked(self) -> RankedRun:
        return RankedRun.read(self.directory, texts=self._texts, questions=self._questions)
