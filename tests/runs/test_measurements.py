from dataclasses import replace

import pytest

from lmbench import Corpus, Split
from lmbench.corpora.anchors import measure_anchors
from lmbench.corpora.overlap import measure_overlap
from lmbench.runs import measurements
from lmbench.tasks.task import Item
from tests.runs.items import QUESTIONS

WORDS = "a b c d e f g h i j k l m n o\n"
CORPUS = Corpus("c", Split((WORDS, "x\n")), Split(("y\n",)), Split((WORDS, "z\n")), provenance="lines")


def test_an_overlap_is_measured_once(monkeypatch):
    found = measurements.find_overlap(CORPUS)
    assert found == measure_overlap(CORPUS)
    assert found.repeated == 1
    monkeypatch.setattr(measurements, "measure_overlap", lambda corpus: pytest.fail("measured again"))
    assert measurements.find_overlap(replace(CORPUS, name="d")) == found


@pytest.mark.parametrize("change", [{"test": Split(("z\n", WORDS, "q\n"))}, {"spaced": False}])
def test_another_text_is_measured(change):
    measurements.find_overlap(CORPUS)
    other = replace(CORPUS, **change)
    assert measurements.find_overlap(other) == measure_overlap(other) != measure_overlap(CORPUS)


def test_a_damaged_record_is_measured_again(tmp_path):
    found = measurements.find_overlap(CORPUS)
    [file] = (tmp_path / "cache/overlaps").iterdir()
    file.write_text(file.read_text().replace('"repeated": 1', '"repeated": 0'))
    assert measurements.find_overlap(CORPUS) == found


def test_anchors_are_measured_once(monkeypatch):
    corpus = replace(CORPUS, test=Split((WORDS * 40,)))
    found = measurements.find_anchors(corpus)
    assert found == measure_anchors(corpus)
    assert [anchor.name for anchor in found] == ["xz", "zstd", "bzip2"]
    monkeypatch.setattr(measurements, "measure_anchors", lambda corpus: pytest.fail("measured again"))
    assert measurements.find_anchors(replace(corpus, name="d", valid=Split(()))) == found


@pytest.mark.parametrize("change", [{"test": Split((WORDS * 20 + "z y x\n" * 150,))}, {"train": Split(("x\n",))}])
def test_anchors_of_another_text_are_measured(change):
    corpus = replace(CORPUS, test=Split((WORDS * 40,)))
    first = measurements.find_anchors(corpus)
    other = replace(corpus, **change)
    assert measurements.find_anchors(other) == measure_anchors(other) != first


def test_a_text_without_anchors_is_not_kept(tmp_path):
    assert measurements.find_anchors(CORPUS) == ()
    assert not (tmp_path / "cache/anchors").exists()


def questions(*texts):
    items = tuple(Item(str(number), *parts) for number, parts in enumerate(texts))
    return replace(QUESTIONS, items=items, training=CORPUS.training)


@pytest.mark.parametrize(
    ("items", "share"),
    [
        ([("", ("a b c d e f g", "h i j k l m n o"), 0)], None),  # 13 words in all, but not in one text
        ([(WORDS, ("yes", "no"), 0), ("why?", ("yes", "no"), 0)], 1.0),
        ([("why?", (WORDS.upper(), WORDS), 0), (WORDS[::-1], ("yes", "no"), 0)], 0.5),
    ],
)
def test_an_item_overlaps_if_one_of_its_texts_shares_13_words_with_the_training_text(items, share):
    assert measurements.find_task_overlap(questions(*items)) == share
