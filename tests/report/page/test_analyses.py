from dataclasses import replace

from lmbench.analysis.texts import Texts
from lmbench.report.page.analyses import list_analyses
from lmbench.report.ranked_run import Predictors, RankedRun
from tests.report.cells import cell, store_bits, text
from tests.report.page.conftest import NOISE, SIZES
from tests.storing import new_directory


def test_each_corpus_has_its_ladder_and_the_costs_that_are_known(results):
    first, second = list_analyses(results)
    assert first.figures[0].title == "The ladder of plain"
    assert len(first.figures) == 4  # the time of fitting is unknown
    assert len(second.figures) == len(first.figures)


def test_one_model_has_nothing_to_compare_with(tmp_path):
    directory = new_directory(tmp_path / "run", (text("one"),))
    store_bits(directory, cell("a", corpus="one"), 2 + NOISE, SIZES)
    assert list(list_analyses(RankedRun.read(directory))) == []


def test_words_are_analyzed_if_the_page_has_the_texts(paired):
    [with_texts] = list_analyses(paired)
    assert with_texts.note == ""
    titles = [figure.title for figure in with_texts.figures]
    assert "Surprisal by position in the line on c" in titles
    assert not any(title.startswith("Where ") for title in titles)  # passages are with the pairs
    [without] = list_analyses(replace(paired, texts=None))
    assert without.note == "`lmbench report` adds the analyses of words."
    assert [figure.title for figure in without.figures] == titles[: len(without.figures)]
    unread = replace(paired, texts=Texts(paired.directory.manifest))
    asked = replace(unread, predictors=Predictors(("kenlm",), lambda *_: None))
    for results, missing in ((unread, "The analyses of words"), (asked, "The analyses of words and calibration")):
        [found] = list_analyses(results)
        assert found.note.startswith(f"{missing} are missing: the texts of c are not in the run directory")


def test_an_analysis_of_several_corpora_is_shown_once(tmp_path):
    sizes = {"markov:lines=10": 1000, "markov:lines=20": 2000}
    records = [text(name, floor_note="n", train_bytes=size) for name, size in sizes.items()]
    directory = new_directory(tmp_path / "run", tuple(records))
    for name in sizes:
        store_bits(directory, cell("a", corpus=name), 2 + NOISE, SIZES, 100.0 + 0 * NOISE)
    [analyses] = list_analyses(RankedRun.read(directory))
    assert analyses.corpus == "markov:lines=10"
    assert [figure.title for figure in analyses.figures] == ["Excess over the floor of markov"]
