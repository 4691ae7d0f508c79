import re

import numpy as np
import pytest

from lmbench.corpora.anchors import Anchor
from lmbench.report.page.findings import list_findings
from lmbench.report.ranked_run import RankedRun
from tests.report.cells import broken_cell, cell, store_bits, text
from tests.report.page.conftest import NOISE, SIZES
from tests.storing import new_directory, store


@pytest.fixture
def directory(tmp_path):
    return new_directory(tmp_path / "run", (text("one"), text("two")))


def find(directory):
    return list_findings(RankedRun.read(directory))


def test_sole_winners_are_named_with_their_numbers(directory):
    for name, rates in (("one", (1.5, 2.0)), ("two", (2.0, 1.5))):
        store_bits(directory, cell("a", corpus=name), rates[0] + NOISE, SIZES)
        store_bits(directory, cell("b", corpus=name), rates[1] + NOISE, SIZES)
    first, *_ = find(directory)
    assert first == (
        "a needs the fewest bits per byte on one (1.497) and b on two (1.497). There, every other model needs more by "
        "more than chance."
    )


def test_models_that_do_not_differ_share_the_first_place(directory):
    store_bits(directory, cell("a", corpus="one"), 2 + NOISE, SIZES)
    store_bits(directory, cell("b", corpus="one"), 2.0001 + NOISE[::-1], SIZES)
    first, second, *_ = find(directory)
    assert first == (
        "On one (a and b), the model named first needs the fewest bits, and the others do not differ from it by more "
        "than chance."
    )
    assert second == (
        "Pairs of models on the same corpus: 0 of 1 differ by more than chance (p < 0.05 after Holm's correction), 0 "
        "are equal within ±0.001 bits/byte, and 1 remains open."
    )


def test_too_few_documents_claim_no_ranking(directory):
    store_bits(directory, cell("a", corpus="one"), 1 + NOISE[:3], SIZES[:3])
    store_bits(directory, cell("b", corpus="one"), 2 + NOISE[:3], SIZES[:3])
    store_bits(directory, cell("a", corpus="two"), 2 + NOISE, SIZES)
    first, second, *rest = find(directory)
    assert first.startswith("a needs the fewest bits per byte on one (1.0")
    assert first.endswith("but no ranking is claimed: there are too few documents.")
    assert second == "Only one model has numbers, so that nothing is compared: a on two (1.997, 95 % CI 1.984–2.010)."
    assert not [sentence for sentence in rest if sentence.startswith("Pairs")]


def test_many_corpora_are_counted(tmp_path):
    names = [f"corpus {number}" for number in range(9)]
    directory = new_directory(tmp_path / "run", tuple(map(text, names)))
    for name in names:
        store_bits(directory, cell("a", corpus=name), 1 + NOISE, SIZES)
        store_bits(directory, cell("b", corpus=name), 2 + NOISE, SIZES)
    assert find(directory)[0].startswith("a needs the fewest bits per byte on 9 corpora. There, ")
    for name in names:
        store_bits(directory, cell("c", corpus=name), 1.0001 + NOISE[::-1], SIZES)
    assert find(directory)[0] == "On 9 corpora, no model is better than every other one by more than chance."


@pytest.mark.parametrize(
    ("gains", "end"),
    [
        ((0.5, 0.5), "is better by more than chance on all of them."),
        ((0.5, 0.0), "is better by more than chance on at least 1 of them."),
        ((0.0, 0.0), "is not shown to be better on any one of them."),
    ],
)
def test_the_best_model_of_natural_corpora_says_on_how_many_it_is_better(directory, gains, end):
    for name, gain in zip(("one", "two"), gains, strict=True):
        store_bits(directory, cell("kenlm", corpus=name), 2 + NOISE, SIZES)
        store_bits(directory, cell("a", corpus=name), 1.999 - gain + NOISE[::-1], SIZES)
    [sentence] = [one for one in find(directory) if "natural" in one]
    assert sentence.startswith("On 2 natural corpora, a needs ")
    assert sentence.endswith(end)


def test_the_best_untrained_model_is_named_beside_a_pretrained_one(directory):
    store_bits(directory, cell("gpt", corpus="one", pretrained=True), 1 + NOISE, SIZES)
    store_bits(directory, cell("a", corpus="one"), 2 + NOISE, SIZES)
    start = "Pretrained models know other text too. Of those trained on the corpus alone, "
    assert find(directory)[1] == f"{start}a needs the fewest bits per byte on one (1.997)."
    store_bits(directory, cell("b", corpus="one"), 2.0001 + NOISE[::-1], SIZES)
    assert find(directory)[1] == (
        f"{start}a needs the fewest bits per byte on one (1.997; not shown to differ from b)."
    )


def test_the_best_compressor_of_each_corpus_is_named(tmp_path):
    anchors = tuple(Anchor(name=name, how="", bits=bits) for name, bits in (("xz", 9_000), ("bzip2", 8_000)))
    directory = new_directory(tmp_path / "run", (text("one", anchors=anchors, test_bytes=4_000), text("two")))
    store_bits(directory, cell("a", corpus="one"), 2 + NOISE, SIZES)
    store_bits(directory, cell("a", corpus="two"), 2 + NOISE, SIZES)
    assert find(directory)[-1] == "Of the compressors, bzip2 needs the fewest bits per byte on one (2.00)."
    assert len(find(directory)) == 3


def test_the_distance_to_the_floor_is_told(tmp_path):
    directory = new_directory(tmp_path / "run", (text("one", floor_note="known"),))
    floor = np.full(40, 150.0)
    store_bits(directory, cell("a", corpus="one"), 2 + NOISE, SIZES, floor)
    assert re.fullmatch(
        r"The best model needs 0.497 ± 0.0\d+ bits/byte above the floor on one \(a\)\.", find(directory)[-1]
    )


def test_cells_without_numbers_are_counted(directory):
    store_bits(directory, cell("a", corpus="one"), 2 + NOISE, SIZES)
    store(directory, broken_cell("b", corpus="one"))
    assert "1 of 2 cells have numbers; 1 of them is in doubt (‡); the notes below the tables say why." in find(
        directory
    )


def test_there_are_at_most_six_sentences(results):
    assert 3 <= len(list_findings(results)) <= 6
