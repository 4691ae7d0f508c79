"""The tables over several corpora."""

import numpy as np
import pytest

from lmbench.errors import UnknownNameError
from lmbench.report.across_tables import build_across_table
from lmbench.report.markdown import format_markdown
from lmbench.report.ranked_run import RankedRun
from tests.report.cells import cell, store_bits, text
from tests.storing import new_directory

NOISE = np.random.default_rng(0).normal(0, 0.1, 30)
RATIOS = {"c": 0.9, "d": 0.8, "e": 0.85}


@pytest.fixture
def directory(tmp_path):
    """Return a run of three natural corpora and a synthetic one."""
    names = (*RATIOS, "source")
    records = [text(name, floor_note="known" * (name == "source")) for name in names]
    made = new_directory(tmp_path / "run", tuple(records))
    for name in names:
        for model, ratio in (("kenlm", 1.0), ("other", RATIOS.get(name, 1.0))):
            store_bits(made, cell(model, corpus=name), ratio * (2 + NOISE), np.full(30, 100))
    return made


def test_models_are_compared_with_the_baseline_by_kind_of_text(directory):
    """The geometric mean of 0.9, 0.8 and 0.85 is 0.849; t of 2 degrees of freedom is 4.303."""
    [group] = RankedRun.read(directory).groups
    table = build_across_table(group)
    assert table.title == "Natural text: bits/byte over those of kenlm on 3 corpora (c, d, e)"
    [row] = table.rows
    logs = np.log(list(RATIOS.values()))
    low, high = np.exp(logs.mean() + np.array([-1, 1]) * 4.303 * logs.std(ddof=1) / np.sqrt(3))
    assert row[:3] == ("other", "0.85", f"{low:.2f}–{high:.2f}")
    assert row[4:] == ("3 of 3", "3", "0")
    assert max(map(len, table.legend)) <= 78


def test_another_baseline_inverts_the_ratios(directory):
    [group] = RankedRun.read(directory, baseline="other").groups
    [row] = build_across_table(group).rows
    assert (row[0], row[1], row[4:]) == ("kenlm", "1.18", ("0 of 3", "0", "3"))


def test_unknown_baselines_are_refused_with_those_that_are_known(directory):
    with pytest.raises(UnknownNameError, match=r"unknown baseline 'othr'; did you mean 'other'\? \(known: kenlm, othe"):
        RankedRun.read(directory, baseline="othr")


def test_the_page_has_a_section(directory):
    page = format_markdown(RankedRun.read(directory))
    assert "## Across corpora\n\n### Natural text: bits/byte over those of kenlm" in page
    assert "Synthetic text" not in page  # there is one
