"""The methods paragraph, which names only what was used."""

import numpy as np
import pytest

from lmbench.report.methods import describe_methods
from lmbench.report.ranked_run import RankedRun
from tests.report.cells import broken_cell, cell, store_bits, text
from tests.storing import new_directory, store

NOISE = np.random.default_rng(0).normal(0, 0.1, 30)


def new_run(path, *corpora):
    return new_directory(path, tuple(text(name) for name in corpora))


def methods_of(directory, margin=0.001):
    methods = describe_methods(RankedRun.read(directory, margin))
    return " ".join(methods.sentences), [reference.split(",")[0] for reference in methods.references]


def test_plain_runs_name_what_they_use(tmp_path):
    directory = new_run(tmp_path / "run", "c")
    store_bits(directory, cell("a"), 2 + NOISE, [100] * 30)
    store_bits(directory, cell("b"), 2.2 - NOISE, [100] * 30)
    text, references = methods_of(directory, margin=0.005)
    assert "from 10,000 random halves of 30 documents (c)" in text
    assert "in pairs (1 on each corpus)" in text
    assert "within ±0.005 bits/byte" in text
    assert f"NumPy {np.__version__}" in text
    assert references == ["Card", "Hartigan", "Hoeffding", "Holm", "Piepho"]
    assert [word for word in ("jackknife", "seeds", "geometric", "blocks") if word in text] == []


def test_exact_halves_jackknife_seeds_and_several_corpora_are_named(tmp_path):
    directory = new_run(tmp_path / "run", "c", "d")
    for corpus, sizes in (("c", [100] * 12), ("d", [100, 100, 1000])):
        for seed in range(2):
            made = cell(f"m:seed={seed}", corpus=corpus)
            store_bits(directory, made, 2 + 0.1 * seed + NOISE[: len(sizes)], sizes)
        store_bits(directory, cell("kenlm", corpus=corpus), 1.5 - NOISE[: len(sizes)], sizes)
    text, references = methods_of(directory)
    assert "from all halves of 12 documents (c)" in text
    assert "The 3 documents (d) count as fewer than 10 of equal size" in text
    assert "Models with 2 seeds have their mean. Their intervals and p values are those of t" in text
    assert "ratios to kenlm" in text
    assert references == ["Benjamini", "Card", "Efron", "Hartigan", "Holm", "Kish", "Owen", "Piepho"]


def test_blocks_are_named(tmp_path):
    directory = new_run(tmp_path / "run", "c")
    store_bits(directory, cell("a"), np.repeat(2 + NOISE, 100), [100] * 3000)
    text, _ = methods_of(directory)
    assert "of 20 blocks (c)" in text
    assert "Documents of c depend on their neighbors" in text
    assert "Holm" not in text


@pytest.mark.parametrize("cells", [[], [broken_cell("m")]])
def test_runs_without_numbers_have_none(tmp_path, cells):
    directory = new_run(tmp_path / "run", "c")
    for each in cells:
        store(directory, each)
    assert methods_of(directory) == ("", [])
