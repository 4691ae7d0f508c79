"""The analyses by name, on a run whose words have known bits, and on crafted cells."""

import re

import numpy as np
import pytest

from lmbench import Corpus, Split, build
from lmbench.analysis.catalog import ANALYSES, find_analysis
from lmbench.analysis.material import MOST_MODELS, Material
from lmbench.analysis.texts import Texts
from lmbench.corpora.synthetic.sources import generate_corpus
from lmbench.errors import CorpusError, LmbenchError, ResultsError, UnknownNameError
from lmbench.score import Score
from tests.analysis.crafted import NOISE, add, add_model, model_record, new_run
from tests.report.cells import cell, store_bits, store_scores, text

DOCUMENTS = tuple(f"The hard word\nof {number} Привет words ,\n" + "and more\n" * number for number in range(12))
CORPUS = Corpus("c", Split(("The word of words\nand more ,\n" * 3,)), Split(()), Split(DOCUMENTS), "", tokenized=True)
PRICES = {
    "kenlm": lambda word: 60 if word == "Привет" else 2,
    "hmm": lambda word: {"hard": 100, "and": 3.5}.get(word, 2),
    "uniform": lambda word: 8 * max(len(word.encode()), 1),
}


def score_words(document, price):
    """Return the score of a document whose events are words with the space before them, and line ends."""
    pieces = re.findall(r" ?[^\s]+|\n", document)
    ends = np.cumsum([len(piece.encode()) for piece in pieces])
    return Score(ends, -np.log(2) * np.array([price(piece.strip()) for piece in pieces]), np.zeros(len(ends)))


def record_of(corpus):
    return text(
        corpus.name,
        test_fingerprint=corpus.test.fingerprint,
        test_documents=len(corpus.test.documents),
        train_fingerprint=corpus.train.fingerprint,
        valid_fingerprint=corpus.valid.fingerprint,
        train_bytes=corpus.train.size,
        floor_note=corpus.floor_note,
    )


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    directory = new_run(tmp_path_factory.mktemp("catalog") / "run", record_of(CORPUS))
    for label, price in PRICES.items():
        store_scores(directory, cell(label), DOCUMENTS, [score_words(each, price) for each in DOCUMENTS])
    store_scores(directory, cell("kenlm", train_size="50%"), DOCUMENTS, [score_words(d, len) for d in DOCUMENTS])
    return directory


def material(directory, *labels, corpus=CORPUS, **fields):
    [record] = [one for one in directory.manifest.corpora if one.name == corpus.name]
    return Material(directory, record, Texts(directory.manifest, corpus), labels, **fields)


def analyze(name, *args, **fields):
    found = find_analysis(name).analyze(material(*args, **fields))
    assert next(iter(found.tables)) == name
    assert found.charts
    return found


@pytest.mark.parametrize(
    "name", ["frequency", "line-position", "document-position", "script", "characters", "memorization"]
)
def test_classes_of_words_sum_to_the_bits_of_the_cell(scored, name):
    found = analyze(name, scored, *PRICES)
    frame = found.tables[name]
    sums = frame.groupby("model")["bits"].sum()
    for label, price in PRICES.items():
        assert sums[label] == pytest.approx(sum(price(word) for d in DOCUMENTS for word in d.split()) + _ends(label))
    assert found.charts[0].title.endswith(" on c")


def _ends(label):
    return PRICES[label]("") * sum(document.count("\n") for document in DOCUMENTS)


def test_words_are_counted_in_the_training_text(scored):
    frame = analyze("frequency", scored, "hmm", "kenlm").tables["frequency"].set_index(["class", "model"])
    assert frame.loc[("0", "kenlm"), "words"] == 36  # hard, a number, Привет
    assert frame.loc[("0", "hmm"), "bits"] == 12 * (100 + 2 + 2)
    assert frame.loc[("0", "kenlm"), "difference"] == pytest.approx((64 - 104) / 3)


def test_the_models_are_the_best_of_each_rung_fitted_on_the_whole_text(scored):
    assert [one.label for one in material(scored).contenders] == ["kenlm", "hmm"]
    assert [one.label for one in material(scored, "uniform", "kenlm (50% of train)").contenders] == [
        "uniform",
        "kenlm (50% of train)",
    ]
    with pytest.raises(UnknownNameError, match="unknown model of this analysis on c 'kenln'; did you mean 'kenlm'"):
        _ = material(scored, "kenln").contenders
    with pytest.raises(
        ResultsError, match=r"kenlm \(50% of train\) lacks what this analysis needs on c \(models .* hmm"
    ):
        material(scored, "kenlm (50% of train)").choose(PRICES)


def test_at_most_eight_models_are_chosen(tmp_path):
    directory = new_run(tmp_path / "run", record_of(CORPUS))
    for order in range(1, 11):
        label = f"kenlm:order={order}"
        add_model(directory, model_record(label, {"order": order}))
        scores = [score_words(each, lambda word, order=order: 30 - order) for each in DOCUMENTS]
        store_scores(directory, cell(label), DOCUMENTS, scores)
    labels = [one.label for one in material(directory).contenders]
    assert labels == [f"kenlm:order={order}" for order in range(10, 10 - MOST_MODELS, -1)]


def test_pairs_of_models_are_mixed_and_compared(scored):
    assert len(analyze("complementarity", scored, *PRICES).tables["complementarity"]) == 3
    found = analyze("passages", scored)
    frame = found.tables["passages"]
    assert [chart.title for chart in found.charts] == [
        "Where kenlm loses most to hmm on c",
        "Where hmm loses most to kenlm on c",
    ]
    assert frame[frame.model == "hmm"].text.tolist()[:12] == ["hard"] * 12
    assert all("Привет" in words for words in frame[frame.model == "kenlm"].text.tolist()[:12])
    for labels in (["hmm"], ["hmm", "kenlm", "uniform"]):
        with pytest.raises(ResultsError, match="passages compares two models"):
            analyze("passages", scored, *labels)


def test_what_a_text_lacks_is_named(scored):
    with pytest.raises(CorpusError, match="not tagged"):
        analyze("part-of-speech", scored)
    plain = Corpus("c", Split(("a",)), Split(()), Split(DOCUMENTS), "")
    assert analyze("script", scored, corpus=plain)
    for name in ("frequency", "memorization", "learning-curves"):
        with pytest.raises(ResultsError, match="the training text of c is another one than in the run"):
            analyze(name, scored, corpus=plain)
    with pytest.raises(UnknownNameError, match="did you mean 'frequency'"):
        find_analysis("frequencies")
    with pytest.raises(ResultsError, match=r"no model on c has several values of history=…"):
        analyze("history", scored)
    with pytest.raises(ResultsError, match="name the models"):
        analyze("calibration", scored)
    with pytest.raises(ResultsError, match="on one rung"):
        analyze("ladder", scored, "kenlm")


def test_lines_as_documents_have_one_position(tmp_path):
    lines = Corpus("c", Split(("a b\n",)), Split(()), Split(("a b\n", "b a\n")), "")
    directory = new_run(tmp_path / "run", record_of(lines))
    store_scores(directory, cell("a"), lines.test.documents, [score_words(d, len) for d in lines.test.documents])
    assert analyze("line-position", directory, corpus=lines)
    with pytest.raises(ResultsError, match="each document of c is one line; see line-position"):
        analyze("document-position", directory, corpus=lines)
    with pytest.raises(ResultsError, match="all words of c are of one class: lower case"):
        analyze("characters", directory, corpus=lines)


def test_without_a_training_text_nothing_is_known_by_heart(tmp_path):
    """A text that is scored as a whole, by pretrained models."""
    whole = Corpus("c", Split(()), Split(()), Split(("a b\n", "b a\n")), "")
    directory = new_run(tmp_path / "run", record_of(whole))
    store_scores(directory, cell("a"), whole.test.documents, [score_words(d, len) for d in whole.test.documents])
    for name in ("frequency", "memorization", "learning-curves"):
        with pytest.raises(ResultsError, match="c does not have a training text"):
            analyze(name, directory, corpus=whole)


def test_stored_cells_have_a_ladder_costs_and_histories(tmp_path):
    directory = new_run(tmp_path / "run")
    add(directory, "uniform", 800 + NOISE)
    add(directory, "kenlm", 200 + NOISE, model=model_record("kenlm", {"order": 5, "history": None}))
    for history in (0, 1):
        label = f"kenlm:history={history}"
        add(directory, label, 300 - history + NOISE, model=model_record(label, {"order": 5, "history": history}))
    assert analyze("ladder", directory).tables["ladder"].model.tolist() == ["uniform", "kenlm"]
    assert analyze("ladder", directory, "uniform", "kenlm:history=0").tables["ladder"].model.tolist() == [
        "uniform",
        "kenlm:history=0",
    ]
    assert set(analyze("costs", directory, "uniform", "kenlm").tables["costs"].model) == {"uniform", "kenlm"}
    add(directory, "uniform", 800 + NOISE, train_size="50%")
    assert len(set(analyze("costs", directory).tables["costs"].model)) == 4
    assert analyze("history", directory, "kenlm").tables["history"].bits_per_byte.is_monotonic_decreasing
    with pytest.raises(ResultsError, match=r"uniform lacks .* \(models that have it: kenlm\)"):
        analyze("history", directory, "uniform")


def test_sizes_of_the_training_text_have_curves_and_an_excess(tmp_path):
    source = generate_corpus("markov:lines=200")
    sizes = np.array([len(line.encode()) for line in source.test.documents])
    directory = new_run(tmp_path / "run", record_of(source))
    for label, least in (("a", 2.0), ("b", 3.0)):
        add_model(directory, model_record(label))
        for share, size in ((0.5, "50%"), (1, "")):
            made = cell(label, corpus=source.name, train_size=size)
            store_bits(directory, made, np.full(len(sizes), least + 1 / share), sizes, np.full(len(sizes), 1.0) * sizes)
    curves = analyze("learning-curves", directory, "b", corpus=source).tables
    assert curves["learning-curves"].bits_per_byte.tolist() == [5, 4]
    assert list(curves) == ["learning-curves", "fits", "crossings"]
    excess = analyze("excess", directory, corpus=source).tables["excess"]
    assert excess.excess.tolist() == pytest.approx([3, 2, 4, 3])


def test_models_are_restored_to_see_whether_they_are_calibrated(tmp_path):
    source = generate_corpus("markov:lines=200")
    lines = source.test.documents
    directory = new_run(tmp_path / "run", record_of(source))
    sizes = np.array([len(line.encode()) for line in lines])
    store_bits(directory, cell("kenlm:order=1", corpus=source.name), 1.0, sizes)  # without events

    def restore(record, stored, corpus):
        model = build(record.spec)
        model.prepare(corpus.training)
        return model

    fields = {"corpus": source, "restorer": restore, "limit": 10}
    found = analyze("calibration", directory, "kenlm:order=1", **fields)
    entropy = found.tables["entropy"].groupby("model").events.sum()
    assert dict(entropy) == {"kenlm:order=1": _count(lines[:10]), "the source": _count(lines[:10])}
    assert [chart.title.partition(" of ")[2] for chart in found.charts[:2]] == [f"kenlm:order=1 on {source.name}"] * 2
    assert len(found.charts) == 4
    first = f" Only the first 10 of {len(lines)} documents count."
    assert all(chart.description.endswith(first) for chart in found.charts)
    with pytest.raises(LmbenchError, match="not restored here"):
        analyze("calibration", directory, "kenlm:order=1", corpus=source)


def _count(lines):
    return sum(len(line.split()) + line.count("\n") for line in lines)


def test_each_analysis_says_what_it_shows_and_needs():
    assert len(ANALYSES) == 15
    assert all(analysis.shows.endswith(".") and analysis.requires for analysis in ANALYSES.values())
