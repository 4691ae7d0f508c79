"""BLEU and chrF of written texts against sacrebleu itself."""

import pytest
from sacrebleu.metrics import CHRF
from sacrebleu.significance import PairedTest

from lmbench.analysis.questions import Questions
from lmbench.analysis.task_ranking import rank_task
from lmbench.analysis.task_texts import WrittenTexts
from lmbench.tasks.task import Item
from lmbench.tasks.translation import Translation
from tests.answering import ACCURACY, answer, new_run, right, task_of

CHRF_RECORD = ACCURACY.model_copy(update={"name": "chrf", "unit": "score", "corpus": "chrf", "chance": None})
REFERENCES = [
    f"the {color} {animal} saw a bird" for color in ("red", "old", "wet", "big") for animal in ("cat", "dog", "ox")
]
GOOD = [*REFERENCES[:9], "a cat", "a dog", "an ox"]
POOR = [text[:9] for text in REFERENCES]


@pytest.fixture
def task():
    items = tuple(Item(f"item-{number}", references=(text,)) for number, text in enumerate(REFERENCES))
    return Translation("mt", items, language="en")


@pytest.fixture
def directory(tmp_path, task):
    record = task_of("mt", items=12, metrics=(ACCURACY, CHRF_RECORD), signature=str(task.signature()))
    directory = new_run(tmp_path / "run", record)
    for model, texts in (("poor", POOR), ("good", GOOD)):
        score = CHRF().corpus_score(texts, [REFERENCES]).score
        figures = ({"metric": "accuracy", "value": 0.5, "items": 12}, {"metric": "chrf", "value": score, "items": 12})
        answer(directory, model, "mt", cell={"figures": figures}, accuracy=right(6, 12), text=texts)
    answer(directory, "mute", "mt", accuracy=right(3, 12))
    return directory


def rank(directory, *tasks):
    questions = Questions(directory.manifest, tasks)
    return rank_task(directory, directory.manifest.tasks[0], questions).metrics[1]


def test_values_have_the_bootstrap_intervals_of_sacrebleu(directory, task):
    ranking = rank(directory, task)
    assert [entry.label for entry in ranking.entries] == ["good", "poor"]
    for entry, texts in zip(ranking.entries, (GOOD, POOR), strict=True):
        expected = CHRF().corpus_score(texts, [REFERENCES], n_bootstrap=1000)
        assert entry.value.value == pytest.approx(expected.score)
        assert entry.value.low == pytest.approx(expected._mean - expected._ci)
        assert entry.value.high == pytest.approx(min(expected._mean + expected._ci, 100))


def test_a_model_most_of_whose_texts_match_nothing_has_an_interval(task):
    """Some resamples have a match and others do not; a third of them lack the only text with one."""
    texts = ["", *REFERENCES[1:2], *["—"] * 10]
    [estimate] = WrittenTexts("chrf", task, [texts]).estimate()
    assert estimate.value == pytest.approx(CHRF().corpus_score(texts, [REFERENCES]).score)
    assert estimate.low == 0 < estimate.value < estimate.high


def test_each_model_is_compared_with_the_best_by_sacrebleus_randomization(directory, task):
    [pair] = rank(directory, task).comparisons
    _, found = PairedTest([("good", GOOD), ("poor", POOR)], {"chrf": CHRF()}, [REFERENCES], "ar", 1000)()
    assert pair.difference.p == pair.adjusted_p == pytest.approx(found["chrF2"][1].p_value)
    best, poor = rank(directory, task).entries
    assert poor.to_best.difference.value == pytest.approx(poor.value.value - best.value.value)
    assert not rank(directory, task).is_claimed


def test_without_the_texts_of_the_items_there_are_values_alone(directory):
    ranking = rank(directory)
    assert [entry.label for entry in ranking.entries] == ["good", "poor"]
    assert {(entry.value.low, entry.to_best) for entry in ranking.entries} == {(None, None)}


def test_several_seeds_have_their_mean(directory, task):
    for seed, value in enumerate((40.0, 50.0)):
        figures = ({"metric": "chrf", "value": value, "items": 12},)
        cell = {"figures": figures}
        answer(directory, f"net:seed={seed}", "mt", cell=cell, accuracy=right(6, 12), text=POOR)
    values = {entry.label: entry.value.value for entry in rank(directory, task).entries}
    assert values["net"] == 45
