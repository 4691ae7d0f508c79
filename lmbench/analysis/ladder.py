"""The ladder: how many bits each step of knowledge saves on one text.

A rung is what a model knows: nothing (``uniform``), how frequent words are (order 1), the word before (order 2), the
two words before (order 3) and so on; the bytes of the document so far (``ppm``), its words (``cache``, ``mix``), a
hidden state, the whole document (``transformer``), and other texts (pretrained models). The low rungs are regularities
of neighboring words, the high ones those of a document and of a language. The model of a rung is the one of its kind
that needs fewest bits. Its saving is measured against the best of all rungs below it, and is negative if its kind
of knowledge does not make up for what the others know.

The frame has a row for each rung:

- ``rung``, ``model``: the kind of knowledge, and the model.
- ``bits_per_byte``: bits per byte, the mean over the seeds.
- ``saved``, ``low``, ``high``: bits per byte that it saves against the best rung below, with the paired 95 % interval
  (docs/statistics.md); NaN for the lowest rung.
- ``below``: the model of the best rung below; "" for the lowest one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from lmbench.analysis.history import HISTORY
from lmbench.analysis.ranking import Contender, choose_units, is_ranked, read_contenders
from lmbench.chart import Axis, Chart, Points
from lmbench.model import ModelSpec
from lmbench.runs.records import CorpusRecord, ModelRecord
from lmbench.runs.store import RunDirectory
from lmbench.statistics import Units, compare_pairs

if TYPE_CHECKING:
    import pandas as pd

_COUNT_MODELS = ("kenlm", "ngram", "nltk")
KNOWS_NOTHING = 0
"""The lowest place on the ladder."""

_KINDS = {
    "uniform": (KNOWS_NOTHING, "nothing"),
    "ppm": (2, "the bytes before"),
    "cache": (3, "the words of the document"),
    "mix": (4, "a mixture"),
    "hmm": (5, "hidden states"),
    "transformer": (6, "the whole document"),
}
_OTHER = (7, "another model")
_PRETRAINED = (8, "other texts")

Rung = tuple[int, int, str]
"""Its place on the ladder, the order of n-grams, and its name."""


def measure_ladder(directory: RunDirectory, corpus: CorpusRecord, labels: Sequence[str] = ()) -> pd.DataFrame:
    """Return the ladder of a corpus of a run, from the lowest rung.

    Args:
        directory: The run.
        corpus: The corpus.
        labels: The names of the models; empty for all.

    Raises:
        ResultsError: The cells of the corpus have different documents.
    """
    import pandas as pd

    columns = ["rung", "model", "bits_per_byte", "saved", "low", "high", "below"]
    cells = [cell for cell in directory.cells(corpus.name) if is_ranked(cell) and not cell.train_size]
    if not cells:
        return pd.DataFrame(columns=columns)
    contenders, documents = read_contenders(directory, cells)
    chosen = [contender for contender in contenders if not labels or contender.label in labels]
    rungs = choose_best(chosen, directory.manifest.models)
    rows = _describe(rungs, choose_units(contenders, documents))
    return pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(columns[2:6], float))


def draw_ladder(frame: pd.DataFrame, corpus: str) -> Chart:
    """Return the chart of a ladder. The intervals are those of the steps, drawn at their upper ends."""
    names = tuple(f"{rung}: {model}" for rung, model in zip(frame["rung"], frame["model"], strict=True))
    above = frame["bits_per_byte"] + frame["saved"]
    return Chart(
        title=f"The ladder of {corpus}",
        description="Bits per byte of each kind of knowledge. The interval is that of the difference to the best model "
        "further up.",
        x=Axis("surprisal", "bits per byte", scale="log"),
        y=Axis("what the model knows", scale="categories", categories=names),
        series=(
            Points("", tuple(frame["bits_per_byte"]), names, tuple(above - frame["high"]), tuple(above - frame["low"])),
        ),
    )


def choose_best(contenders: Iterable[Contender], models: Iterable[ModelRecord]) -> list[tuple[Rung, Contender]]:
    """Return the rungs from the lowest one, each with the model that needs fewest bits.

    A model whose history is cut knows less than its kind does, and has a rung only if no other model is on it.

    Args:
        contenders: The models with their bits.
        models: The models of the run.
    """
    records = {model.label: model for model in models}
    best: dict[Rung, Contender] = {}
    for contender in sorted(contenders, key=lambda one: (_is_cut(one, records), one.total)):
        [first, *_] = contender.cells
        best.setdefault(place_on_ladder(records[first.model], first.pretrained), contender)
    return sorted(best.items(), key=lambda rung: rung[0])


def _is_cut(contender: Contender, models: Mapping[str, ModelRecord]) -> bool:
    """Return whether the history of a model is cut."""
    return models[contender.cells[0].model].options.get(HISTORY) is not None


def place_on_ladder(model: ModelRecord, is_pretrained: bool) -> Rung:
    """Return the rung of a model.

    Args:
        model: The model.
        is_pretrained: Whether any of its weights are pretrained.
    """
    name, order = ModelSpec.parse(model.spec).name, model.options.get("order")
    if is_pretrained:
        place, kind = _PRETRAINED
        return place, 0, kind
    if name in _COUNT_MODELS and isinstance(order, int):
        return 1, order, f"order {order}"
    place, kind = _KINDS.get(name, _OTHER)
    return place, 0, kind


def _describe(rungs: Sequence[tuple[Rung, Contender]], units: Units) -> Iterator[tuple[object, ...]]:
    """Yield the row of each rung."""
    steps = _find_steps([contender.total for _, contender in rungs])
    compared = compare_pairs([contender.bits for _, contender in rungs], units, pairs=steps)
    differences = [None, *(step.difference for step in compared)]
    below = ["", *(rungs[before][1].label for before, _ in steps)]
    for ((*_, name), contender), saved, before in zip(rungs, differences, below, strict=True):
        interval = (saved.value, saved.low, saved.high) if saved else (None, None, None)
        yield name, contender.label, contender.total / units.sizes.sum(), *interval, before


def _find_steps(totals: Sequence[float]) -> list[tuple[int, int]]:
    """Return, for each rung but the lowest one, the best rung below it and the rung."""
    return [(min(range(place), key=totals.__getitem__), place) for place in range(1, len(totals))]
