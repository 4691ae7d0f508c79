"""table.csv and pairs.csv."""

import csv
import io
import math

import numpy as np
import pytest

from lmbench.checks import Outcome
from lmbench.printable import printable_lines
from lmbench.report.csv_files import format_cells, format_pairs
from lmbench.report.ranked_run import RankedRun
from lmbench.runs.records import Verification
from tests.report.cells import CORPUS, broken_cell, cell, store_bits
from tests.report.test_markdown import HOSTILE
from tests.storing import new_directory, store, suite_key_of

NOISE = np.random.default_rng(0).normal(0, 0.1, 30)
SIZES = np.arange(100, 130)


def rows_of(directory, format_results=format_cells):
    return list(csv.DictReader(io.StringIO(format_results(RankedRun.read(directory)))))


@pytest.fixture
def ranked(tmp_path):
    """Return a run of two seeds of one model, a better model and one that failed."""
    made = new_directory(tmp_path / "ranked", (CORPUS,))
    store_bits(made, cell("m:seed=0"), 2 + NOISE, SIZES)
    store_bits(made, cell("m:seed=1"), 2.1 + NOISE, SIZES)
    store_bits(made, cell("best"), 1.5 - NOISE, SIZES)
    store(made, broken_cell("broken"))
    return made


def test_there_is_a_row_for_each_cell_with_every_number(directory):
    rows = rows_of(directory)
    assert [row["model"] for row in rows] == ["uniform", "kenlm:order=2", "gpt2"]
    assert float(rows[0]["bits_per_byte"]) == 8
    assert float(rows[0]["bytes_per_second"]) > 0
    assert rows[1]["srilm_ppl"]
    assert rows[2]["bits_per_byte"] == ""
    assert float(rows[0]["excess"]) == pytest.approx(8 - 2 / math.log(2) / 8)
    assert float(rows[0]["oov_rate"]) == 0


def test_cells_have_the_numbers_of_the_ranking(ranked):
    first, second, best, broken = rows_of(ranked)
    [best_entry, entry] = RankedRun.read(ranked).rankings[0].entries
    assert (first["ranked_as"], first["seeds"], best["ranked_as"], best["seeds"]) == ("m (2 seeds)", "2", "best", "1")
    assert float(first["bits_per_byte"]) != float(second["bits_per_byte"])
    names = [name for name in first if name in ("low", "high", "standard_error", "seed_sd") or "best" in name]
    assert len(names) == 9
    assert [first[name] for name in names] == [second[name] for name in names]
    assert float(first["ranked_bits_per_byte"]) == entry.per_byte.value
    assert float(first["low"]) == entry.per_byte.low
    assert float(first["to_best"]) == pytest.approx(entry.per_byte.value - best_entry.per_byte.value)
    assert float(first["to_best_low"]) < float(first["to_best"]) < float(first["to_best_high"])
    assert float(first["to_best_holm_p"]) == float(first["to_best_p"])  # there is one pair
    assert float(first["seed_sd"]) == pytest.approx(0.1 / math.sqrt(2))
    assert (best["to_best"], best["seed_sd"], best["rank"], best["tied"], best["letters"]) == (
        "",
        "",
        "1",
        "False",
        "a",
    )
    assert (best["units"], best["is_block"]) == ("30", "False")
    assert float(best["n_eff"]) == pytest.approx(SIZES.sum() ** 2 / (SIZES**2).sum())
    assert {broken[name] for name in ("low", "rank", "n_eff", "seeds")} == {""}


def test_ranks_are_empty_if_none_are_claimed(directory):
    assert [(row["rank"], row["tied"], row["letters"]) for row in rows_of(directory)] == [("", "", "")] * 3


def test_pairs_have_a_row_each(ranked):
    [pair] = rows_of(ranked, format_pairs)
    assert (pair["corpus"], pair["first"], pair["second"]) == ("c", "best", "m (2 seeds)")
    difference = float(pair["difference"])
    assert float(pair["low"]) < difference < float(pair["high"]) < 0
    assert float(pair["p"]) < 0.05
    assert (pair["differs"], pair["equal"], pair["documents"]) == ("True", "False", "30")
    assert int(pair["wins"]) + int(pair["losses"]) == 30
    assert float(pair["detectable"]) == pytest.approx(2.8 * float(pair["standard_error"]))


def test_pairs_say_how_much_text_one_percent_needs(tmp_path):
    """The two models' bits go up and down together, so that more text is needed if each had its own."""
    made = new_directory(tmp_path / "run", (CORPUS,))
    store_bits(made, cell("a"), 2 + NOISE, SIZES)
    store_bits(made, cell("b"), 2.1 + 1.5 * NOISE, SIZES)
    [pair] = rows_of(made, format_pairs)
    entries = RankedRun.read(made).rankings[0].entries
    one_percent = 0.01 * entries[0].per_byte.value
    expected = SIZES.sum() * (2.8 * float(pair["standard_error"]) / one_percent) ** 2
    unpaired = SIZES.sum() * (2.8 / one_percent) ** 2 * sum(entry.per_byte.error**2 for entry in entries)
    assert float(pair["bytes_for_1_percent"]) == pytest.approx(expected)
    assert float(pair["bytes_for_1_percent_unpaired"]) == pytest.approx(unpaired)
    assert unpaired / expected == pytest.approx((1 + 1.5**2) / 0.5**2, rel=0.01)


def test_a_single_document_has_pairs_without_tests(tmp_path):
    made = new_directory(tmp_path / "run", (CORPUS,))
    for name, per_byte in (("a", 1.0), ("b", 2.0)):
        store_bits(made, cell(name), np.array([per_byte]), [100])
    [pair] = rows_of(made, format_pairs)
    assert (pair["difference"], pair["low"], pair["p"], pair["detectable"]) == ("-1.0", "", "", "")
    assert pair["bytes_for_1_percent"] == ""


def test_doubts_and_knowledge_before_fitting_are_columns(directory):
    prior = Outcome(check="prior", status="fail", detail="English | costs less", seconds=0)
    for model, fields in (("uniform", {"outcomes": (prior,), "doubt": ""}), ("kenlm:order=2", {"doubt": "sums: 1.3"})):
        key = suite_key_of(directory, model)
        directory.write_verification(Verification(model=model, key=key, **{"outcomes": ()} | fields))
    rows = rows_of(directory)
    assert [row["pretrained"] for row in rows] == ["True", "False", "False"]
    assert [row["unverified"] for row in rows] == ["", "sums: 1.3", "not checked"]


def test_hostile_texts_are_neither_formulas_nor_control_characters(directory):
    [uniform, *_] = directory.cells()
    changes = {"key": "other", "model": HOSTILE, "corpus": directory.manifest.corpora[0].name}
    store(directory, uniform.model_copy(update=changes), like=uniform)
    store(directory, broken_cell("m", error=HOSTILE, corpus=changes["corpus"]))
    results = RankedRun.read(directory)
    row = next(row for row in csv.DictReader(io.StringIO(format_cells(results))) if row["model"] == "m")
    assert row["error"].startswith("'=x\\n\\n<img")
    for text in (format_cells(results), format_pairs(results)):
        assert printable_lines(text) == text
    pairs = csv.DictReader(io.StringIO(format_pairs(results)))
    assert any("'=x\\n\\n<img" in name for pair in pairs for name in (pair["first"], pair["second"]))


def test_numbers_are_never_taken_for_formulas(directory):
    [uniform, *_] = directory.cells()
    changed = uniform.metrics.model_copy(update={"excess": -1.5})
    store(directory, uniform.model_copy(update={"metrics": changed}), like=uniform)
    assert rows_of(directory)[0]["excess"] == "-1.5"
