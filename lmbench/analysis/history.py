"""Usable history: bits per byte of the same weights, if an event depends on its last h events at most.

Models with the option ``history=h`` predict each event from the h events before it. `lmbench run --models
kenlm:history=0..4,kenlm` fits once, and its cells are the points of a curve. The model without the option has
the last point, the whole history. A curve that is flat from h on does not use what is further back: an n-gram of order
n is flat from n − 1 on, and an LSTM of about 2018 from about 200 words on (Khandelwal et al., "Sharp nearby, fuzzy far
away", ACL 2018). An event is whatever the model's tokenizer makes of the text, so that h counts words for one model
and bytes for another one.

The frame has a row for each model and history, from the shortest to the whole one:

- ``model``: the model, without the history.
- ``history``: h; missing for the whole history.
- ``bits_per_byte``, ``low``, ``high``: bits per byte, the mean over the seeds, with the 95 % interval.
- ``gain``, ``gain_low``, ``gain_high``: bits per byte that this history saves against the next shorter one, with the
  paired 95 % interval (docs/statistics.md); NaN for the shortest one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lmbench.analysis.ranking import SEED, Contender, choose_units, is_ranked, read_contenders
from lmbench.chart import Axis, Chart, Line
from lmbench.identity import digest
from lmbench.model import ModelSpec
from lmbench.runs.records import CorpusRecord, ModelRecord
from lmbench.runs.store import RunDirectory
from lmbench.statistics import Estimate, Units, compare_pairs, estimate_models

if TYPE_CHECKING:
    import pandas as pd

HISTORY = "history"
"""The option whose values are the numbers of events that an event may depend on."""

WHOLE = "all"
"""The name of the whole history in the chart."""

_COLUMNS = ("model", HISTORY, "bits_per_byte", "low", "high", "gain", "gain_low", "gain_high")


@dataclass(frozen=True, slots=True)
class _Curve:
    """A model with several histories.

    Attributes:
        model: The model, without the history.
        histories: The histories, from the shortest; None for the whole one.
        contenders: The model's bits with each history.
    """

    model: str
    histories: tuple[int | None, ...]
    contenders: tuple[Contender, ...]


def measure_history(directory: RunDirectory, corpus: CorpusRecord) -> pd.DataFrame:
    """Return the bits per byte of each model with each history; models that have only one are left out.

    Args:
        directory: The run.
        corpus: The corpus.

    Raises:
        ResultsError: The cells of the corpus have different documents.
    """
    import pandas as pd

    cells = [cell for cell in directory.cells(corpus.name) if is_ranked(cell)]
    rows: list[tuple[object, ...]] = []
    if cells:
        contenders, documents = read_contenders(directory, cells)
        curves = _group(contenders, {model.label: model for model in directory.manifest.models})
        units = choose_units(contenders, documents)
        rows = [row for curve in curves for row in _describe(curve, units)]
    frame = pd.DataFrame(rows, columns=list(_COLUMNS)).astype(dict.fromkeys(_COLUMNS[2:], float))
    return frame.astype({HISTORY: "Int64"})


def draw_history(frame: pd.DataFrame, corpus: str) -> Chart:
    """Return the chart of usable history, with a line for each model."""
    limits = sorted(frame[HISTORY].dropna().unique().tolist())
    names = [*map(str, limits), *([WHOLE] if frame[HISTORY].isna().any() else [])]
    return Chart(
        title=f"Usable history on {corpus}",
        description="Bits per byte of the same weights if an event depends on its last events at most. A line that is "
        "flat from some point on does not use what is further back.",
        x=Axis("history", "events", scale="categories", categories=tuple(names)),
        y=Axis("surprisal", "bits per byte"),
        series=tuple(_draw_line(str(model), group) for model, group in frame.groupby("model", sort=False)),
    )


def _draw_line(model: str, group: pd.DataFrame) -> Line:
    return Line(
        name=model,
        x=tuple(WHOLE if one != one else str(int(one)) for one in group[HISTORY].astype(float)),
        y=tuple(group["bits_per_byte"]),
        low=tuple(group["low"]),
        high=tuple(group["high"]),
    )


def _group(contenders: Sequence[Contender], models: Mapping[str, ModelRecord]) -> Iterator[_Curve]:
    """Yield the models that have several histories, each with all of them."""
    groups: dict[object, dict[int | None, Contender]] = {}
    for contender in contenders:
        [first, *_] = contender.cells
        options = models[first.model].options
        limit = options.get(HISTORY)
        history = limit if isinstance(limit, int) else None
        groups.setdefault((_identify(models[first.model]), first.train_size), {})[history] = contender
    for group in groups.values():
        histories = sorted(group, key=lambda history: (history is None, history))
        if len(histories) > 1:
            yield _Curve(_name(group, models), tuple(histories), tuple(group[history] for history in histories))


def _identify(model: ModelRecord) -> str:
    """Return the same for models that differ in their histories and seeds alone."""
    options = {name: value for name, value in model.options.items() if name not in (HISTORY, SEED)}
    return digest([ModelSpec.parse(model.spec).name, model.origin, options])


def _name(group: Mapping[int | None, Contender], models: Mapping[str, ModelRecord]) -> str:
    """Return the name of a model without its history: that of the whole history, or one made from the spec."""
    if None in group:
        return group[None].label
    [contender, *_] = group.values()
    [first, *others] = contender.cells
    spec = ModelSpec.parse(models[first.model].spec)
    dropped = (HISTORY, SEED) if others else (HISTORY,)
    whole = ModelSpec(spec.name, tuple(pair for pair in spec.arguments if pair[0] not in dropped))
    return first.row.model_copy(update={"model": str(whole)}).label


def _describe(curve: _Curve, units: Units) -> Iterator[tuple[object, ...]]:
    """Yield the row of each history."""
    bits = [contender.bits for contender in curve.contenders]
    steps = compare_pairs(bits, units, pairs=[(place - 1, place) for place in range(1, len(bits))])
    gains: list[Estimate | None] = [None, *(step.difference for step in steps)]
    for history, one, gain in zip(curve.histories, estimate_models(bits, units), gains, strict=True):
        interval = (gain.value, gain.low, gain.high) if gain else (None, None, None)
        yield curve.model, history, one.value, one.low, one.high, *interval
