"""Translation: the true one among wrong ones, and chrF, BLEU and exact match of the one that a model writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, ClassVar

from lmbench.signature import Signature
from lmbench.tasks import choices
from lmbench.tasks.task import Item, Metric
from lmbench.tasks.written import WrittenTask

if TYPE_CHECKING:  # slow to import
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

_TOKENIZERS = {"zh": "zh", "ja": "char", "ko": "char"}
"""The tokenizers of BLEU that need nothing but sacrebleu; that of WMT, 13a, for all other languages."""


@dataclass(frozen=True)
class Translation(WrittenTask):
    """Texts with their translations. `language` is the one that is translated into."""

    kind: ClassVar[str] = "translation"
    metrics: ClassVar[tuple[Metric, ...]] = (
        *choices.METRICS,
        Metric("chrf", "chrF of all written translations", "score", corpus="chrf"),
        Metric("bleu", "BLEU of all written translations", "score", corpus="bleu"),
        Metric("exact", "share of written translations that are a reference, letter by letter"),
    )

    ending: str = "\n"
    separator: str = ""
    prompt: str = "{source} =>"

    def measure_text(self, text: str, references: Sequence[str]) -> dict[str, float]:
        """Return chrF and BLEU of one text, the latter with the precisions that its length allows, and exact match."""
        return {
            "chrf": make_chrf().sentence_score(text, references).score,
            "bleu": make_bleu(self.language, effective_order=True).sentence_score(text, references).score,
            "exact": float(text in references),
        }

    def measure_corpus(self, metric: Metric, answers: Sequence[tuple[Item, str]]) -> float:
        """Return chrF or BLEU of all texts."""
        scorer = make_chrf() if metric.corpus == "chrf" else make_bleu(self.language)
        texts = [text.strip() for _, text in answers]
        streams = list(zip_longest(*(item.references for item, _ in answers)))
        return float(scorer.corpus_score(texts, streams).score)

    def signature(self) -> Signature:
        """Return what the requests depend on, and sacrebleu's signatures."""
        nrefs = max((len(item.references) for item in self.items), default=1)
        scorers: dict[str, BLEU | CHRF] = {"chrf": make_chrf(), "bleu": make_bleu(self.language)}
        return super().signature() + Signature.of(**{name: _sign(scorer, nrefs) for name, scorer in scorers.items()})


def make_chrf() -> CHRF:
    """Return chrF2 (Popović 2015), with sacrebleu's defaults."""
    from sacrebleu.metrics.chrf import CHRF

    return CHRF()


def make_bleu(language: str, effective_order: bool = False) -> BLEU:
    """Return BLEU (Post 2018) with a tokenizer that fits the language."""
    from sacrebleu.metrics.bleu import BLEU

    return BLEU(tokenize=_TOKENIZERS.get(language, "13a"), effective_order=effective_order)


def _sign(scorer: BLEU | CHRF, nrefs: int) -> str:
    """Return sacrebleu's signature of a metric, with commas instead of the bars that part ours."""
    scorer.corpus_score(["a"], [["a"]] * nrefs)  # sacrebleu learns the number of references from texts alone
    return str(scorer.get_signature()).replace("|", ",")
