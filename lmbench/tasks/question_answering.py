"""Question answering: the right answer among choices, and exact match and F1 of the answer that a model writes."""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import regex

from lmbench.tasks import choices
from lmbench.tasks.task import Metric
from lmbench.tasks.written import WrittenTask

_ARTICLE = regex.compile(r"\b(?:a|an|the)\b")
_TOKEN = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}]|[^\s\p{Han}\p{Hiragana}\p{Katakana}]+")
_PUNCTUATION = regex.compile(rf"[\p{{P}}{regex.escape(string.punctuation)}]")


@dataclass(frozen=True)
class QuestionAnswering(WrittenTask):
    """Questions with choices, or with the answers that are accepted, or with both."""

    kind: ClassVar[str] = "question-answering"
    metrics: ClassVar[tuple[Metric, ...]] = (
        *choices.METRICS,
        Metric("exact", "share of written answers that are an accepted one, normalized as SQuAD does"),
        Metric("f1", "F1 of the words of a written answer and of the nearest accepted one, as SQuAD computes it"),
    )

    def measure_text(self, text: str, references: Sequence[str]) -> dict[str, float]:
        """Return exact match and F1, each with the reference that is best for it."""
        found = tokenize_answer(text, self.language)
        accepted = [tokenize_answer(reference, self.language) for reference in references]
        return {"exact": float(found in accepted), "f1": max(f1(found, words) for words in accepted)}


def tokenize_answer(text: str, language: str = "en") -> list[str]:
    """Return the words of an answer in lower case, without punctuation and English articles (Rajpurkar et al. 2016).

    Punctuation is all that Unicode calls so, and a Chinese or Japanese character is a word of its own, as MLQA has it
    (Lewis et al. 2020).
    """
    plain = _PUNCTUATION.sub("", text.lower())
    return _TOKEN.findall(_ARTICLE.sub(" ", plain) if language in ("", "en") else plain)


def f1(found: Sequence[str], words: Sequence[str]) -> float:
    """Return the harmonic mean of precision and recall of words; 1 if there are none on both sides."""
    if not found or not words:
        return float(found == words)
    common = (Counter(found) & Counter(words)).total()
    return 2 * common / (len(found) + len(words))
