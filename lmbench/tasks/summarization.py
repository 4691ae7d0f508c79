"""Summarization: the true summary among others, and ROUGE of the one that a model writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, ClassVar

import regex

from lmbench.signature import Signature
from lmbench.tasks import choices
from lmbench.tasks.task import Metric
from lmbench.tasks.written import WrittenTask

if TYPE_CHECKING:
    from rouge_score.rouge_scorer import RougeScorer

_TOKEN = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}]|[^\W\p{Han}\p{Hiragana}\p{Katakana}]+")


@dataclass(frozen=True)
class Summarization(WrittenTask):
    """Texts with their summaries."""

    kind: ClassVar[str] = "summarization"
    metrics: ClassVar[tuple[Metric, ...]] = (
        *choices.METRICS,
        Metric("rouge1", "ROUGE-1, F1 of the words of a written summary and of the true one"),
        Metric("rougeL", "ROUGE-L, F1 of their longest common subsequence"),
    )

    def measure_text(self, text: str, references: Sequence[str]) -> dict[str, float]:
        """Return ROUGE-1 and ROUGE-L of a text, each with the reference that is best for it."""
        scores = make_rouge(self.language).score_multi(references, text)
        return {name: score.fmeasure for name, score in scores.items()}

    def signature(self) -> Signature:
        """Return what the requests depend on, and how ROUGE is computed."""
        tokenizer = "default,stem:porter" if self.language == "en" else "characters-and-words"
        rouge = f"rouge-score-{version('rouge-score')},tok:{tokenizer}"
        return super().signature() + Signature.of(rouge=rouge)


def make_rouge(language: str) -> RougeScorer:
    """Return ROUGE (Lin 2004) with a tokenizer that fits the language; English words are stemmed."""
    from rouge_score.rouge_scorer import RougeScorer

    names = [metric.name for metric in Summarization.metrics if metric.name.startswith("rouge")]
    if language == "en":
        return RougeScorer(names, use_stemmer=True)
    return RougeScorer(names, tokenizer=CharacterTokenizer())


class CharacterTokenizer:
    """A tokenizer of rouge-score, whose own one drops all letters but those of ASCII.

    A Chinese or Japanese character is a token; so is a word of any other script, in lower case.
    """

    def tokenize(self, text: str) -> list[str]:
        """Return the tokens of a text."""
        return _TOKEN.findall(text.lower())
