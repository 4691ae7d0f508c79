"""The page table.md."""

import math

import numpy as np

from lmbench.checks import Outcome
from lmbench.printable import printable_lines
from lmbench.report.literature import read_entries
from lmbench.report.markdown import format_markdown
from lmbench.report.ranked_run import RankedRun
from lmbench.runs.records import Verification
from tests.report.cells import broken_cell, cell, store_bits, text
from tests.storing import new_directory, store, suite_key_of

HOSTILE = "=x\n\n<img src=x onerror=alert(1)>`|\x1b]52;c;x\x07\u202e\u2028"


def page_of(directory):
    return format_markdown(RankedRun.read(directory))


def test_the_page_has_every_row_and_nothing_that_breaks_it(directory):
    text = page_of(directory)
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == 5
    assert {row.count("|") for row in rows} == {13}
    assert "8.00" in rows[3]
    assert "gpt2 is unavailable: no \\| weights &lt;b>" in text
    assert "Floor: 0.3607 bits/byte, known." in text
    assert "- kenlm:order=2: `order:2|" in text


def test_figures_from_the_literature_stand_below_the_table(tmp_path):
    entry = read_entries()["wikitext-2"]
    directory = new_directory(tmp_path / "run", (text("wikitext-2", description=entry.description),))
    store_bits(directory, cell("kenlm", corpus="wikitext-2"), 2.0, np.full(12, 100))
    page = page_of(directory)
    assert (
        page.index("| kenlm") < page.index("### Figures from the literature on wikitext-2") < page.index("| AWD-LSTM")
    )


def test_the_excess_over_the_floor_of_a_known_source_is_shown(directory):
    """There are two documents of 4 bytes. The source needs 1 nat for each: 2 / ln 2 / 8 bits per byte."""
    text = page_of(directory)
    [header, *_, uniform, _] = [line for line in text.splitlines() if line.startswith("|")]
    headings = ["model", "bits/byte", "95 % CI", "to best", "excess", "word ppl"]
    assert [cell.strip() for cell in header.split("|")[2:8]] == headings
    assert uniform.split("|")[6].strip() == f"{8 - 2 / math.log(2) / 8:.4f} ± 0.0000"
    assert "excess: bits/byte above the floor" in text


def test_unverified_models_are_marked(directory):
    doubt = "normalization failed: after 'the' the next events sum to 1.3"
    for model, found in (("uniform", ""), ("kenlm:order=2", doubt)):
        key = suite_key_of(directory, model)
        directory.write_verification(Verification(model=model, key=key, doubt=found, outcomes=()))
    text = page_of(directory)
    assert "| kenlm:order=2 ‡ " in text
    assert "| uniform  " in text
    note = "‡ Unverified: the conformance suite did not confirm that the scores are probabilities."
    assert f"{note} kenlm:order=2: {doubt}." in text


def test_models_that_the_check_prior_finds_trained_are_marked(directory):
    prior = Outcome(check="prior", status="fail", detail="English | costs less", seconds=0)
    key = suite_key_of(directory, "uniform")
    directory.write_verification(Verification(model="uniform", key=key, doubt="", outcomes=(prior,)))
    text = page_of(directory)
    assert "| uniform †" in text
    assert "uniform: English \\| costs less." in text


def test_hostile_texts_leave_no_markup_or_control_character(directory):
    uniform = directory.cells()[0]
    changes = {"key": "other", "model": HOSTILE, "signature": HOSTILE, "corpus": directory.manifest.corpora[0].name}
    store(directory, uniform.model_copy(update=changes), like=uniform)
    store(directory, broken_cell("m", error=HOSTILE, corpus=changes["corpus"]))
    page = page_of(directory)
    assert printable_lines(page) == page
    assert not [line for line in page.splitlines() if line.startswith("<img")]
    assert "``=x\\n\\n<img src=x onerror=alert(1)>`|\\x1b]52;c;x\\x07\\u202e\\u2028``" in page
