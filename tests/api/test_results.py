"""Results against the stored columns, and numbers that are computed here in another way."""

import math
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

import lmbench
from lmbench import Corpus, Results, Split
from lmbench.api.reports import add_calibration
from lmbench.errors import CorpusError, LmbenchError, ResultsError, UnknownNameError
from lmbench.report.ranked_run import RankedRun
from tests.api.models import Bytes
from tests.report.cells import cell, store_bits, text
from tests.storing import new_directory

MODELS = ["uniform", "kenlm:order=2", "ppm:order=1"]


@pytest.fixture(scope="module")
def corpus():
    texts = tuple(
        f"the <b>cat</b> saw {word}\nand sat\n" for word in ("one dog", "é", "two  dogs", "中文", "a mat") * 4
    )
    return Corpus("toy <i>", Split(texts), Split(texts[:2]), Split(texts[:6]), "lines")


@pytest.fixture(scope="module")
def results(corpus):
    return lmbench.run(MODELS, corpus, check=False, progress=False)


def test_a_row_for_each_cell_has_every_number(results):
    table = results.to_pandas().set_index("model")
    assert list(table.index) == MODELS
    uniform = table.loc["uniform"]
    assert uniform["bits_per_byte"] == 8
    assert uniform["word_perplexity"] == pytest.approx(2 ** (8 * uniform.bytes / (uniform.words + uniform.line_ends)))
    assert table["rank"].isna().all()  # there are too few documents to rank models
    assert {"status", "low", "high", "fit_seconds", "peak_bytes", "signature", "error"} <= set(table)


def test_documents_sum_to_the_cell(results, corpus):
    table = results.documents()
    assert list(table.columns[:4]) == ["model", "corpus", "train_size", "document"]
    assert table.loc[table.model == "uniform", "bytes"].tolist() == [
        len(text.encode()) for text in corpus.test.documents
    ]
    bits = table.groupby("model").bits.sum()
    assert bits.to_dict() == pytest.approx(results.to_pandas().set_index("model").bits.to_dict())


def test_events_spell_the_documents(results, corpus):
    table = results.events("kenlm:order=2")
    spelled = table.groupby("document").text.apply("".join)
    assert spelled.tolist() == list(corpus.test.documents)
    score = lmbench.build("kenlm:order=2")
    score.prepare(corpus.training)
    [first, *_] = score.score(corpus.test.documents)
    own = table[table.document == 0]
    assert own.end.tolist() == first.ends.tolist()
    assert own.bits.to_numpy() == pytest.approx(-first.logprobs / math.log(2), rel=1e-6)


@pytest.mark.parametrize("boundary", ["leading", "trailing"])
def test_words_sum_to_the_documents(results, boundary):
    words = results.words("kenlm:order=2", boundary=boundary)
    sums = words.groupby("document").bits.sum()
    assert sums.to_numpy() == pytest.approx(results.documents("kenlm:order=2").bits.to_numpy(), rel=1e-6)
    assert words[words.document == 2].word.tolist() == ["the", "<b>cat</b>", "saw", "two", "dogs", "and", "sat"]


def test_the_boundary_moves_bits_between_words(results):
    leading, trailing = (results.words("ppm:order=1", boundary=boundary) for boundary in ("leading", "trailing"))
    assert not np.allclose(leading.bits, trailing.bits)
    with pytest.raises(UnknownNameError, match="unknown boundary 'both'"):
        results.words(boundary="both")


def test_comparisons_are_paired_differences(results):
    [row] = results.compare("uniform", "kenlm:order=2").to_dict("records")
    bits = {model: results.documents(model).bits.sum() for model in MODELS}
    size = results.documents("uniform").bytes.sum()
    assert row["difference"] == pytest.approx((bits["uniform"] - bits["kenlm:order=2"]) / size)
    assert (row["model"], row["baseline"], row["low"] < row["difference"] < row["high"]) == (
        "uniform", "kenlm:order=2", True,
    )  # fmt: skip
    everything = results.compare()
    assert len(everything) == 3
    assert (everything.difference >= 0).all()
    assert (everything.adjusted_p >= everything.p).all()


def test_one_side_of_a_comparison_may_be_named(results):
    ours, theirs = results.compare("uniform"), results.compare(baseline="uniform")
    assert [*zip(ours.model, ours.baseline, strict=True)] == [
        ("uniform", name) for name in ("kenlm:order=2", "ppm:order=1")
    ]
    assert [*zip(theirs.model, theirs.baseline, strict=True)] == [*zip(ours.baseline, ours.model, strict=True)]
    assert theirs.difference.tolist() == pytest.approx((-ours.difference).tolist())
    assert (ours.adjusted_p >= ours.p).all()
    with pytest.raises(UnknownNameError, match="'kenlm'"):
        results.compare(baseline="kenlm")


def test_models_without_numbers_have_an_error(corpus):
    class Broken(Bytes):
        def score(self, documents):
            raise ValueError("broken")

    results = lmbench.run([Broken, "uniform"], corpus, check=False, progress=False)
    assert set(results.events().model) == {"uniform"}
    for call in (results.documents, results.events, results.words):
        with pytest.raises(ResultsError, match=r"^none of these cells has numbers; to_pandas\(\) says why"):
            call("Broken")
    with pytest.raises(ResultsError, match="Broken has no numbers on a corpus, so that its calibration is unknown"):
        results.report("none.html", calibration="Broken")
    with pytest.raises(ResultsError, match=r"^nothing can be compared: toy <i>: Broken failed: .*broken"):
        results.compare("Broken")
    with pytest.raises(ResultsError, match=r"^nothing can be compared: toy <i>: fewer than two models have numbers"):
        results.compare()


def test_an_unknown_name_is_refused(results):
    for call in (results.documents, results.events, results.words, results.compare):
        with pytest.raises(UnknownNameError, match="'kenlm:order=3'"):
            call("kenlm:order=3", "uniform") if call == results.compare else call("kenlm:order=3")
    with pytest.raises(UnknownNameError, match="unknown corpus of these results 'x'"):
        results.plot("x")


def test_saved_results_are_the_same(results, corpus, tmp_path):
    results.save(tmp_path / "saved")
    loaded = Results.load(tmp_path / "saved", [corpus])
    pd.testing.assert_frame_equal(loaded.to_pandas(), results.to_pandas())
    pd.testing.assert_frame_equal(loaded.words(), results.words())
    with pytest.raises(ResultsError, match="already exists"):
        results.save(tmp_path / "saved")
    with pytest.raises(ResultsError, match="is in the run directory itself"):
        results.save(results.path / "new" / "saved")


def test_saved_results_have_usual_permissions(results, tmp_path):
    results.save(tmp_path / "new" / "saved")
    assert (tmp_path / "new" / "saved").stat().st_mode == (tmp_path / "new").stat().st_mode


def test_texts_are_given_as_corpora(results, corpus):
    assert len(Results.load(results.path, corpus).events("uniform")) == corpus.test.size
    with pytest.raises(CorpusError, match=r"^a list is not a Corpus; write Corpus\.from_texts"):
        Results.load(results.path, [["a b", "c d"]])


def test_a_file_that_has_changed_is_named(tmp_path):
    file = tmp_path / "mine.txt"
    file.write_text("one\n\ntwo\n\nthree\n")
    results = lmbench.run("uniform", str(file), check=False, progress=False)
    file.write_text("one\n\ntwo\n\nfour\n")
    assert results.words().word.tolist() == ["three"]
    with pytest.raises(ResultsError, match=r"cannot be read again \(the test text of .*mine\.txt is another one now\)"):
        Results.load(results.path).words()


def test_texts_that_are_not_there_are_named(results, corpus, tmp_path):
    results.save(tmp_path / "saved")
    without = Results.load(tmp_path / "saved")
    assert len(without.documents()) == 18
    with pytest.raises(
        ResultsError, match=r"the texts of toy <i> are not in the run directory.*Results\.load\(path, \["
    ):
        without.events()
    other = Corpus("toy <i>", Split(()), Split(()), Split(("other\n",)), "lines")
    with pytest.raises(ResultsError, match="the test text of toy <i> is another one than in the run"):
        Results.load(tmp_path / "saved", [other]).words()


@pytest.mark.parametrize("kind", ["training", "validation"])
def test_no_model_is_fitted_again_on_another_text(results, corpus, kind):
    other = replace(corpus, train=corpus.test) if kind == "training" else replace(corpus, valid=corpus.test)
    changed, model = Results.load(results.path, other), "kenlm:order=2"
    assert changed.words(model).equals(results.words(model))
    message = f"the {kind} text of toy <i> is another one than in the run"
    with pytest.raises(ResultsError, match=message):
        changed.words(model, boundary="trailing")
    with pytest.raises(ResultsError, match=message):
        changed.analyze("calibration", model)


def test_the_table_is_text_and_html(results):
    shown = repr(results)
    assert "toy <i>:" in shown
    assert all(model in shown for model in MODELS)
    assert "\x1b" not in shown
    html = results._repr_html_()
    root = ElementTree.fromstring(f"<x>{html}</x>")
    assert root.find(".//strong").text.startswith("toy <i>:")
    assert [cell.text for cell in root.findall(".//thead//th")][:4] == ["rank", "model", "bits/byte", "95 % CI"]
    assert "color" not in html


def test_a_plot_has_a_point_for_each_model(results):
    [chart] = results.plot().charts
    assert chart.title == "toy <i>"
    points = sorted(value for series in chart.series for value in series.x)
    assert points == pytest.approx(sorted(results.to_pandas().bits_per_byte))


@pytest.mark.parametrize(("name", "start"), [("r.html", "<!doctype html>"), ("r.md", "# Results"), ("r.csv", "model,")])
def test_a_report_is_a_file(results, tmp_path, name, start):
    results.report(tmp_path / "new" / name)
    assert (tmp_path / "new" / name).read_text().startswith(start)


def test_a_report_is_a_folder_or_of_a_known_format(results, tmp_path):
    results.report(tmp_path / "folder")
    assert {file.name for file in (tmp_path / "folder").iterdir()} >= {
        "table.md",
        "table.csv",
        "pairs.csv",
        "table.tex",
    }
    with pytest.raises(ResultsError, match=r"the formats of a report are \.csv, \.html, \.md, \.tex"):
        results.report(tmp_path / "report.pdf")
    (tmp_path / "file").touch()
    with pytest.raises(LmbenchError, match="cannot write"):
        results.report(tmp_path / "file" / "report.md")


def test_an_analysis_is_a_frame_and_a_picture(results, corpus):
    found = results.analyze("frequency", ["ppm:order=1", "kenlm:order=2"])
    frame = found.to_pandas()
    bits = results.to_pandas().set_index("model").bits
    assert frame.groupby("model").bits.sum().to_dict() == pytest.approx(bits.drop("uniform").to_dict(), rel=1e-6)
    assert frame.corpus.unique().tolist() == ["toy <i>"]
    assert found._repr_svg_() == found.plot()._repr_svg_()
    assert found.notes == []
    assert repr(found).startswith("frequency\n")
    with pytest.raises(UnknownNameError, match="did you mean 'unshared'"):
        results.analyze("memorization").to_pandas("unshare")


def test_a_report_shows_the_calibration_of_the_models_that_are_named(results, tmp_path):
    results.report(tmp_path / "report.html", calibration="kenlm:order=2", limit=2)
    page = (tmp_path / "report.html").read_text()
    assert "Reliability of kenlm:order=2 on toy &lt;i&gt;" in page
    assert "Reliability of ppm" not in page
    results.report(tmp_path / "report.html")
    assert "Reliability" not in (tmp_path / "report.html").read_text()
    with pytest.raises(UnknownNameError, match="unknown model of these results 'kenlm'"):
        results.report(tmp_path / "none.html", calibration=["ppm:order=1", "kenlm"])
    with pytest.raises(ResultsError, match="cannot be limited to 0 documents"):
        results.report(tmp_path / "none.html", calibration="kenlm:order=2", limit=0)
    assert not (tmp_path / "none.html").exists()


def test_models_whose_calibration_is_shown_have_the_names_of_their_rows(tmp_path):
    directory = new_directory(tmp_path / "run", (text(),))
    store_bits(directory, cell("a", train_size="50%"), 2.0, np.full(2, 9))
    [label] = add_calibration(RankedRun.read(directory), "a (50% of train)").predictors.labels
    assert label == "a (50% of train)"
    with pytest.raises(UnknownNameError, match=r"'a' \(known: a \(50% of train\)\)"):
        add_calibration(RankedRun.read(directory), "a")


def test_corpora_without_data_are_left_out(results, corpus):
    calibration = results.analyze("calibration", "kenlm:order=2", limit=2)
    assert calibration.to_pandas("entropy").events.sum() == (results.events("kenlm:order=2").document < 2).sum()
    with pytest.raises(CorpusError, match="not tagged"):
        results.analyze("part-of-speech")
    with pytest.raises(UnknownNameError, match="unknown corpus of these results"):
        results.analyze("ladder", corpus="toy")
    for name, limit in (("ladder", 3), ("calibration", 0)):
        with pytest.raises(ResultsError, match="only calibration can"):
            results.analyze(name, "kenlm:order=2", limit=limit)
