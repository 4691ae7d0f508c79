from lmbench.report.page.analyses import list_analyses
from lmbench.report.ranked_run import RankedRun
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
