"""All analyses by name: what each one shows, what it needs, and how it is computed.

`Analysis.analyze` takes the `Material` of a corpus of a run. It returns data frames, which the modules of the analyses
describe, and charts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from lmbench.analysis.calibration import draw_entropies, draw_reliability, measure_calibration, source_predictions
from lmbench.analysis.classes import LINE_ENDS, SEVERAL, UNKNOWN, ClassPicture, draw_classes
from lmbench.analysis.complementarity import draw_complementarity, measure_complementarity
from lmbench.analysis.costs import COSTS, draw_costs, measure_costs
from lmbench.analysis.excess import draw_excess, measure_excess, name_source
from lmbench.analysis.frequency import FREQUENCY, measure_by_frequency
from lmbench.analysis.history import draw_history, measure_history
from lmbench.analysis.kinds import (
    CHARACTERS,
    NO_SCRIPT,
    PART_OF_SPEECH,
    SCRIPT,
    measure_by_characters,
    measure_by_part_of_speech,
    measure_by_script,
)
from lmbench.analysis.ladder import draw_ladder, measure_ladder
from lmbench.analysis.learning_curves import draw_curves, find_crossings, fit_curves, measure_curves, read_curves
from lmbench.analysis.material import Material
from lmbench.analysis.memorization import MATCHES, find_matches, measure_by_match, measure_unshared
from lmbench.analysis.passages import draw_passages, find_passages
from lmbench.analysis.position import (
    DOCUMENT_POSITION,
    LINE_POSITION,
    find_document_places,
    find_line_places,
    measure_by_document_position,
    measure_by_line_position,
)
from lmbench.analysis.words import WordRows
from lmbench.chart import Chart
from lmbench.corpora.synthetic.sources import is_source, make_source
from lmbench.errors import ResultsError, UnknownNameError
from lmbench.prediction import predict

if TYPE_CHECKING:
    import pandas as pd

Need = Literal["cells", "texts", "models"]
"""What an analysis reads: the stored cells alone; the texts too; or the models, which predict the texts again."""

_FEWEST = 2  # models, classes or sizes that a comparison needs
_NO_CLASSES = {LINE_ENDS, UNKNOWN, SEVERAL, NO_SCRIPT}


@dataclass(frozen=True, slots=True)
class Findings:
    """What an analysis found on a corpus.

    Attributes:
        tables: Its data frames by name. The first one has the name of the analysis.
        charts: Its charts, at least one.
    """

    tables: Mapping[str, pd.DataFrame]
    charts: tuple[Chart, ...]


@dataclass(frozen=True, slots=True)
class Analysis:
    """An analysis.

    Attributes:
        name: Its name in commands.
        shows: What it shows, in a sentence.
        requires: What a run must have for it, in a few words.
        need: What it reads.
        analyze: Returns what it finds, or raises an LmbenchError if the material lacks what it needs.
    """

    name: str
    shows: str
    requires: str
    need: Need
    analyze: Callable[[Material], Findings]


def find_analysis(name: str) -> Analysis:
    """Return the analysis of a name.

    Raises:
        UnknownNameError: There is none.
    """
    if name not in ANALYSES:
        raise UnknownNameError("analysis", name, ANALYSES)
    return ANALYSES[name]


def _analyze_ladder(material: Material) -> Findings:
    labels = material.choose(one.label for one in material.known_models)
    frame = measure_ladder(material.directory, material.record, labels)
    _require(len(frame) >= _FEWEST, f"the models on {material.name} are on one rung")
    return Findings({"ladder": frame}, (draw_ladder(frame, material.name),))


def _analyze_costs(material: Material) -> Findings:
    [ranking] = [ranking for ranking in material.rankings if ranking.corpus.name == material.name]
    entries = [entry for entry in ranking.entries if material.labels or not entry.cells[0].train_size]
    labels = material.choose(entry.label for entry in entries)
    entries = [entry for entry in entries if entry.label in labels]
    frame = measure_costs(replace(ranking, entries=tuple(entries)))
    costs = [cost for cost in COSTS if (frame["cost"] == cost).sum() >= _FEWEST]
    _require(bool(costs), f"fewer than two models on {material.name} have known costs")
    return Findings({"costs": frame}, tuple(_name(draw_costs(frame, cost), material) for cost in costs))


def _analyze_learning_curves(material: Material) -> Findings:
    material.check_training_text()
    found = read_curves(material.directory, material.corpus)
    labels = material.choose(curve.model for curve in found.curves)
    _require(bool(labels), f"no model on {material.name} has several sizes of the training text; see --train-size")
    found = replace(found, curves=tuple(curve for curve in found.curves if curve.model in labels))
    frame = measure_curves(found)
    fits = fit_curves(frame)
    tables = {"learning-curves": frame, "fits": fits, "crossings": find_crossings(found)}
    return Findings(tables, (draw_curves(frame, fits, material.name),))


def _analyze_excess(material: Material) -> Findings:
    source = name_source(material.name)
    frame = measure_excess(material.rankings)
    frame = _choose_models(frame[frame["source"] == source], material)
    sizes = frame.groupby("model")["train_bytes"].nunique()
    _require(
        bool((sizes >= _FEWEST).any()),
        f"no model on {material.name} has a known floor and several sizes of the training text; see --train-size",
    )
    return Findings({"excess": frame}, (draw_excess(frame, source),))


def _analyze_history(material: Material) -> Findings:
    frame = _choose_models(measure_history(material.directory, material.record), material)
    _require(bool(len(frame)), f"no model on {material.name} has several values of history=…")
    return Findings({"history": frame}, (draw_history(frame, material.name),))


def _analyze_calibration(material: Material) -> Findings:
    import pandas as pd

    if not material.labels:
        raise ResultsError("calibration predicts the whole text again, which takes long: name the models, one or more")
    corpus = material.corpus
    known = {one.label: one.cells[0] for one in material.known_models}
    models = {label: material.restore(known[label]) for label in material.choose(known)}
    predicted = {label: [predict(model, text) for text in material.documents] for label, model in models.items()}
    if is_source(corpus.name):
        source = make_source(corpus.name)
        predicted["the source"] = [source_predictions(source, text) for text in material.documents]
    parts, charts = list[tuple[pd.DataFrame, ...]](), list[Chart]()
    for number, (label, documents) in enumerate(predicted.items()):
        material.progress(label, number / len(predicted))
        reliability, entropy = measure_calibration(documents)
        parts.append(tuple(_label(frame, label) for frame in (reliability, entropy)))
        drawn = (draw_reliability(reliability, label), draw_entropies(entropy, label))
        charts += [_name(_note_limit(chart, material), material) for chart in drawn]
    frames = [pd.concat(each, ignore_index=True) for each in zip(*parts, strict=True)]
    return Findings(dict(zip(("calibration", "entropy"), frames, strict=True)), tuple(charts))


def _analyze_classes(
    name: str, measure: Callable[[WordRows], pd.DataFrame], picture: ClassPicture
) -> Callable[[Material], Findings]:
    """Return the function of an analysis that divides the words into classes."""

    def analyze(material: Material) -> Findings:
        frame = measure(material.words)
        classes = set(frame["class"]) - _NO_CLASSES
        _require(
            len(classes) >= _FEWEST, f"all words of {material.name} are of one class: {', '.join(classes) or 'none'}"
        )
        return Findings({name: frame}, (_name(draw_classes(frame, picture), material),))

    return analyze


def _analyze_frequency(material: Material) -> Findings:
    material.check_training_text()
    return _analyze_classes("frequency", measure_by_frequency, FREQUENCY)(material)


def _measure_by_document_position(rows: WordRows) -> pd.DataFrame:
    """Return the bits of words by their place in the document, if documents have several lines."""
    words = rows.words
    is_line = (find_line_places(words) == find_document_places(words)).all()
    _require(not is_line, f"each document of {rows.text.corpus.name} is one line; see line-position")
    return measure_by_document_position(rows)


def _analyze_memorization(material: Material) -> Findings:
    material.check_training_text()
    rows = material.words
    matches = find_matches(rows)
    frame = measure_by_match(rows, matches)
    tables = {"memorization": frame, "unshared": measure_unshared(rows, matches)}
    return Findings(tables, (_name(draw_classes(frame, MATCHES), material),))


def _analyze_complementarity(material: Material) -> Findings:
    _require(len(material.contenders) >= _FEWEST, "complementarity compares two models or more")
    frame = measure_complementarity(material.aligned)
    return Findings({"complementarity": frame}, (_name(draw_complementarity(frame), material),))


def _analyze_passages(material: Material) -> Findings:
    import pandas as pd

    chosen = [one.label for one in material.contenders]
    _require(len(chosen) >= _FEWEST and len(material.labels) in (0, 2), "passages compares two models; name two")
    first, second = chosen[:2]
    rows = replace(material, labels=(first, second)).words
    parts, charts = list[pd.DataFrame](), list[Chart]()
    for model, other in ((first, second), (second, first)):
        found = find_passages(rows, model, other)
        parts.append(_label(_label(found, other, "other"), model))
        charts.append(_name(draw_passages(found, model, other), material))
    frame = pd.concat(parts, ignore_index=True).sort_values("score", ascending=False, kind="stable", ignore_index=True)
    return Findings({"passages": frame}, tuple(charts))


def _require(condition: bool, problem: str) -> None:
    """Raise a ResultsError with this message unless the condition holds."""
    if not condition:
        raise ResultsError(problem)


def _choose_models(frame: pd.DataFrame, material: Material) -> pd.DataFrame:
    """Return the rows of the models that were asked for."""
    return frame[frame["model"].isin(material.choose(frame["model"]))].reset_index(drop=True)


def _label(frame: pd.DataFrame, label: str, column: str = "model") -> pd.DataFrame:
    """Return a frame with the label of a model as its first column."""
    frame = frame.copy()
    frame.insert(0, column, label)
    return frame


def _name(chart: Chart, material: Material) -> Chart:
    """Return a chart whose title has the name of the corpus."""
    return replace(chart, title=f"{chart.title} on {material.name}")


def _note_limit(chart: Chart, material: Material) -> Chart:
    """Return a chart whose description says how many documents were predicted, if they are not all."""
    count, total = len(material.documents), len(material.corpus.test.documents)
    if count == total:
        return chart
    return replace(chart, description=f"{chart.description} Only the first {count:,} of {total:,} documents count.")


def _list_analyses() -> Sequence[Analysis]:
    return (
        Analysis(
            "ladder",
            "How many bits each step of knowledge saves: frequencies, neighbors, documents, other texts.",
            "models of several kinds",
            "cells",
            _analyze_ladder,
        ),
        Analysis(
            "costs",
            "Bits per byte against time, parameters and memory, and the models that no other one beats in both.",
            "two models",
            "cells",
            _analyze_costs,
        ),
        Analysis(
            "history",
            "How many bits the same weights need if they see only the last events.",
            "models with several values of history=…",
            "cells",
            _analyze_history,
        ),
        Analysis(
            "excess",
            "Bits above the floor of a source, by the size of the training text.",
            "a synthetic source, and several sizes by --train-size or lines=…",
            "cells",
            _analyze_excess,
        ),
        Analysis(
            "learning-curves",
            "Bits per byte by the size of the training text, with power laws and crossings.",
            "several sizes by --train-size",
            "texts",
            _analyze_learning_curves,
        ),
        Analysis(
            "frequency",
            "Bits per word by how often the word occurs in the training text.",
            "stored events",
            "texts",
            _analyze_frequency,
        ),
        Analysis(
            "part-of-speech",
            "Bits per word by its part of speech.",
            "stored events, and a tagged corpus (CoNLL-U)",
            "texts",
            _analyze_classes("part-of-speech", measure_by_part_of_speech, PART_OF_SPEECH),
        ),
        Analysis(
            "line-position",
            "Bits per word by its place in the line.",
            "stored events",
            "texts",
            _analyze_classes("line-position", measure_by_line_position, LINE_POSITION),
        ),
        Analysis(
            "document-position",
            "Bits per word by its place in the document.",
            "stored events, and documents of several lines",
            "texts",
            _analyze_classes("document-position", _measure_by_document_position, DOCUMENT_POSITION),
        ),
        Analysis(
            "script",
            "Bits per word by the script of its letters.",
            "stored events, and words of several scripts",
            "texts",
            _analyze_classes("script", measure_by_script, SCRIPT),
        ),
        Analysis(
            "characters",
            "Bits per word by the kinds of its characters: lower case, capitals, digits, punctuation.",
            "stored events",
            "texts",
            _analyze_classes("characters", measure_by_characters, CHARACTERS),
        ),
        Analysis(
            "complementarity",
            "How many bits a mixture of two models saves against the better one.",
            "stored events of two models",
            "texts",
            _analyze_complementarity,
        ),
        Analysis(
            "memorization",
            "Bits per word by how much of the text up to it the training text has verbatim.",
            "stored events",
            "texts",
            _analyze_memorization,
        ),
        Analysis(
            "passages",
            "The passages on which one of two models needs clearly more bits than the other one.",
            "stored events of two models",
            "texts",
            _analyze_passages,
        ),
        Analysis(
            "calibration",
            "Whether a model's probabilities are the frequencies with which its events come true.",
            "models that offer distributions, named one by one",
            "models",
            _analyze_calibration,
        ),
    )


ANALYSES: Mapping[str, Analysis] = {analysis.name: analysis for analysis in _list_analyses()}
"""The analyses by name, in the order of the report."""
