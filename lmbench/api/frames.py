"""The stored results of a run as data frames."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from lmbench.analysis.events import ScoredDocument, read_events
from lmbench.analysis.task_ranking import TaskRanking
from lmbench.corpus import Corpus
from lmbench.errors import ResultsError, UnknownNameError
from lmbench.model import LanguageModel
from lmbench.runs.cell_files import read_documents
from lmbench.runs.records import Cell
from lmbench.runs.store import RunDirectory
from lmbench.score import Score
from lmbench.words.measures import word_columns
from lmbench.words.outlook import look_ahead
from lmbench.words.spans import align_words, word_spans

if TYPE_CHECKING:
    import pandas as pd

_NATS = math.log(2)  # in a bit


def choose_cells(directory: RunDirectory, model: str | None, corpus: str | None) -> list[Cell]:
    """Return the cells with numbers of a model and a corpus.

    Args:
        directory: The run.
        model: The label of a model; None for all.
        corpus: The name of a corpus; None for all.

    Raises:
        UnknownNameError: The run does not have the model or the corpus.
    """
    rows = directory.manifest.text_rows
    for kind, name, known in (
        ("model of these results", model, {row.model for row in rows}),
        ("corpus of these results", corpus, {row.corpus for row in rows}),
    ):
        if name is not None and name not in known:
            raise UnknownNameError(kind, name, known)
    return [
        cell
        for cell in directory.cells()
        if cell.metrics and model in (None, cell.model) and corpus in (None, cell.corpus)
    ]


def list_documents(directory: RunDirectory, cell: Cell) -> pd.DataFrame:
    """Return the counts and sums of each document of a cell."""
    import pandas as pd

    columns = read_documents(directory.folder(cell.row))
    return pd.DataFrame({"document": np.arange(len(columns["bytes"]))} | dict(columns))


def list_events(directory: RunDirectory, cell: Cell, corpus: Corpus) -> pd.DataFrame:
    """Return the text, the place and the bits of each event of a cell."""
    import pandas as pd

    parts = [
        pd.DataFrame(
            {
                "document": scored.number,
                "event": np.arange(len(scored.ends)),
                "start": scored.starts,
                "end": scored.ends,
                "text": scored.cut(np.stack([scored.starts, scored.ends], axis=1)),
                "bits": scored.bits,
                "spelling_bits": scored.spelling_bits,
            }
        )
        for scored in read_events(directory, cell, corpus)
    ]
    return pd.concat(parts, ignore_index=True)


def list_words(directory: RunDirectory, cell: Cell, corpus: Corpus, model: LanguageModel | None = None) -> pd.DataFrame:
    """Return the text, the place and the bits of each word of a cell.

    Args:
        directory: The run.
        cell: The cell.
        corpus: Its corpus.
        model: The model, ready to score, to move the space between two words to the first one; None to leave it with
            the second one.

    Raises:
        LmbenchError: The events are not stored, or the model cannot tell where words end.
    """
    import pandas as pd

    parts = [_list_words(scored, corpus.spaced, model) for scored in read_events(directory, cell, corpus)]
    return pd.concat(parts, ignore_index=True)


def list_items(ranking: TaskRanking, metric: str | None) -> pd.DataFrame:
    """Return the values of a metric on each item of a task, one column for each model.

    Args:
        ranking: The task.
        metric: The name of a metric; None for the one that ranks the models.

    Raises:
        UnknownNameError: The task does not have the metric.
    """
    import pandas as pd

    name, known = metric or ranking.main.metric.name, [one.name for one in ranking.task.metrics]
    if name not in known:
        raise UnknownNameError(f"metric of {ranking.task.name}", name, known)
    answers = ranking.answers
    return pd.DataFrame(
        {"item": answers.ids}
        | {group: list(values) for group, values in answers.groups.items()}
        | {cell.label: pd.array(answers.read(cell, name), dtype="Float64") for cell in answers.cells}
    )


def join_cells(cells: Sequence[Cell], describe: Callable[[Cell], pd.DataFrame]) -> pd.DataFrame:
    """Return the rows of all cells, with the model, the corpus and the share of the training text of each.

    Raises:
        ResultsError: There are no cells.
    """
    import pandas as pd

    if not cells:
        raise ResultsError("none of these cells has numbers; to_pandas() says why")
    parts = []
    for cell in cells:
        part = describe(cell)
        for place, (name, value) in enumerate(
            (("model", cell.model), ("corpus", cell.corpus), ("train_size", cell.train_size))
        ):
            part.insert(place, name, value)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def _list_words(scored: ScoredDocument, spaced: bool, model: LanguageModel | None) -> pd.DataFrame:
    import pandas as pd

    score = Score(scored.ends, -_NATS * scored.bits, -_NATS * scored.spelling_bits)
    rows = align_words(scored.ends, word_spans(scored.text, spaced))
    columns = word_columns(scored.text, score, rows)
    if model is not None:
        columns["bits"] = look_ahead(model, scored.text, score, rows).correct(columns["bits"])
    return pd.DataFrame({"document": scored.number} | columns)
