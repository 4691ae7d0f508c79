"""What analyses read: a corpus of a run, its text, and some of its models. Each is read once, when it is needed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from lmbench.analysis.alignment import AlignedText, align
from lmbench.analysis.events import are_stored, read_events
from lmbench.analysis.ladder import KNOWS_NOTHING, choose_best
from lmbench.analysis.ranking import Contender, Ranking, is_ranked, rank_models, read_contenders
from lmbench.analysis.texts import Texts
from lmbench.analysis.words import WordRows, align_to_words
from lmbench.corpus import Corpus
from lmbench.errors import ResultsError, UnknownNameError
from lmbench.model import LanguageModel
from lmbench.progress import SILENT, Progress
from lmbench.runs.records import Cell, CorpusRecord, ModelRecord
from lmbench.runs.store import RunDirectory

MOST_MODELS = 8
"""Models that are chosen for an analysis of words, at most."""

Restorer = Callable[[ModelRecord, Cell, Corpus], LanguageModel]
"""Returns the model of a cell, ready to score."""


@dataclass(frozen=True)
class Material:
    """A corpus of a run, and the models to analyze.

    Attributes:
        directory: The run.
        record: The corpus.
        texts: The texts of the run.
        labels: The names of the models in the tables; empty to choose them.
        rank: Returns the rankings of all corpora of the run; None to compute them here.
        restorer: Returns the model of a cell, ready to score; None if no analysis needs it.
        limit: How many documents a model predicts again, the first ones; None for all.
        progress: Receives reports.
    """

    directory: RunDirectory
    record: CorpusRecord
    texts: Texts
    labels: Sequence[str] = ()
    rank: Callable[[], Sequence[Ranking]] | None = None
    restorer: Restorer | None = None
    limit: int | None = None
    progress: Progress = SILENT

    @property
    def name(self) -> str:
        """The name of the corpus."""
        return self.record.name

    @cached_property
    def corpus(self) -> Corpus:
        """The corpus with its texts.

        Raises:
            ResultsError: It cannot be read.
        """
        return self.texts.find(self.name)

    @cached_property
    def rankings(self) -> Sequence[Ranking]:
        """The rankings of all corpora of the run."""
        if self.rank is not None:
            return self.rank()
        return [rank_models(self.directory, corpus) for corpus in self.directory.manifest.corpora]

    @cached_property
    def known_models(self) -> list[Contender]:
        """All models with numbers on the corpus.

        Raises:
            ResultsError: Their cells have different documents, or there are none.
        """
        cells = [cell for cell in self.directory.cells(self.name) if is_ranked(cell)]
        if not cells:
            raise ResultsError(f"no model has numbers on {self.name}")
        return read_contenders(self.directory, cells)[0]

    @cached_property
    def contenders(self) -> list[Contender]:
        """The models to analyze word by word: those that were asked for, in this order.

        If none were, they are the best ones of the rungs of the ladder, the one that needs fewest bits first, and at
        most eight. The lowest rung, which knows nothing, is left out, and so are models that were fitted on a part of
        the training text.

        Raises:
            LmbenchError: A model is unknown, or no model has stored events.
        """
        stored = {one.label: one for one in self.known_models if all(map(are_stored, one.cells))}
        if self.labels:
            return [stored[label] for label in self.choose(stored)]
        whole = [one for one in stored.values() if not one.cells[0].train_size]
        if not whole:
            raise ResultsError(f"the run has not stored the events of any model on {self.name}")
        best = choose_best(whole, self.directory.manifest.models)
        informed = [one for rung, one in best if rung[0] > KNOWS_NOTHING] or [one for _, one in best]
        return sorted(informed, key=lambda one: one.total)[:MOST_MODELS]

    @cached_property
    def aligned(self) -> AlignedText:
        """The text in spans at whose ends each of the models has an event end; of several seeds, it has the first."""
        events = {one.label: read_events(self.directory, one.cells[0], self.corpus) for one in self.contenders}
        return align(events, self.corpus)

    @cached_property
    def words(self) -> WordRows:
        """The text in words."""
        return align_to_words(self.aligned, self.texts.find_words(self.name))

    def check_training_text(self) -> None:
        """Check that there is a training text, and that it is that of the run. `Texts.find` checks the test text.

        Raises:
            ResultsError: There is none, it is another one, or the corpus cannot be read.
        """
        self.texts.check_training_text(self.name)
        if not self.corpus.train.documents:
            raise ResultsError(f"{self.name} does not have a training text")

    @property
    def documents(self) -> Sequence[str]:
        """The documents that models predict again."""
        return self.corpus.test.documents[: self.limit]

    def restore(self, cell: Cell) -> LanguageModel:
        """Return the model of a cell, ready to score.

        Raises:
            LmbenchError: It cannot be restored, or it would be fitted on another text.
        """
        if self.restorer is None:
            raise ResultsError("models are not restored here")
        record = next(record for record in self.directory.manifest.models if record.label == cell.model)
        if not record.pretrained:
            self.texts.check_fitted_text(self.name)
        return self.restorer(record, cell, self.corpus)

    def choose(self, known: Iterable[str]) -> list[str]:
        """Return the names of models that were asked for; all names if none was.

        Raises:
            ResultsError: One is a model of the run that the analysis lacks.
            UnknownNameError: One is not known.
        """
        names = list(dict.fromkeys(known))
        for label in self.labels:
            if label not in names and label in self._list_rows():
                others = ", ".join(sorted(names)) or "none"
                raise ResultsError(
                    f"{label} lacks what this analysis needs on {self.name} (models that have it: {others})"
                )
            if label not in names:
                raise UnknownNameError(f"model of this analysis on {self.name}", label, names)
        return list(dict.fromkeys(self.labels)) or names

    def _list_rows(self) -> set[str]:
        """Return the names of all rows of the corpus, also of those without numbers."""
        return {row.label for row in self.directory.manifest.text_rows if row.corpus == self.name}
