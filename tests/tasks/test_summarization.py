"""Summarization, against rouge-score's own scorer and by hand."""

import pytest
from rouge_score.rouge_scorer import RougeScorer

from lmbench.tasks.summarization import Summarization
from lmbench.tasks.task import Item
from tests.tasks.answers import answer, bytes_alike

TRUE, TEXT = "Haste makes waste, and careful hands finish first.", "Careful hands waste nothing and finished first."


def measure(language, reference, text):
    item = Item("1", "…", references=(reference, "another one"))
    task = Summarization("morals", (item,), language=language)
    return task.measure(item, answer(task, item, bytes_alike, text))


def test_english_is_measured_as_rouge_score_measures_it():
    measured = measure("en", TRUE, TEXT)
    scores = RougeScorer(["rouge1", "rougeL"], use_stemmer=True).score(TRUE, TEXT)
    assert {name: measured[name] for name in scores} == {name: score.fmeasure for name, score in scores.items()}
    assert 0 < measured["rougeL"] < measured["rouge1"] < 1


def test_chinese_characters_are_words():
    """By hand: 4 of 5 and of 6 characters are common, of which 3 are in order; the punctuation does not count."""
    measured = measure("zh", "急急忙忙坏", "忙忙坏急事，ok")
    assert measured["rouge1"] == pytest.approx(2 * 4 / (5 + 6))
    assert measured["rougeL"] == pytest.approx(2 * 3 / (5 + 6))


def test_nothing_written_scores_nothing():
    assert measure("en", TRUE, "")["rouge1"] == 0
    assert measure("en", TRUE, None)["rouge1"] is None


def test_the_signature_names_the_tokenizer():
    parts = {
        language: dict(Summarization("x", (), language=language).signature().parts)["rouge"]
        for language in ("en", "zh")
    }
    assert parts["en"].endswith("tok:default,stem:porter")
    assert parts["zh"].endswith("tok:characters-and-words")
