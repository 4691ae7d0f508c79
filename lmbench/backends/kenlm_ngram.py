"""Interpolated modified Kneser-Ney n-grams, estimated here and queried with KenLM."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import ClassVar

import kenlm
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from lmbench.arpa import SENTENCE_END, SENTENCE_START, UNKNOWN_WORD, escape, write_arpa
from lmbench.corpus import TrainingText
from lmbench.kneser_ney import Order, estimate
from lmbench.lexicon import LINE_END_ID, Lexicon, LexiconOptions, Line
from lmbench.model import (
    Footprint,
    LanguageModel,
    ModelOptions,
    NextEvents,
    Progress,
    Score,
    Signature,
    silent,
)

_NATS = math.log(10)  # KenLM speaks log10


class KenlmOptions(LexiconOptions):
    """Options of the kenlm model."""

    order: int = Field(
        5, ge=1, le=6, description="length of the longest n-gram; the kenlm package from PyPI reads up to 6"
    )


class KenlmNgram(LanguageModel):
    """Interpolated modified Kneser-Ney n-grams, estimated as KenLM's lmplz does and queried with KenLM."""

    Options: ClassVar[type[ModelOptions]] = KenlmOptions
    options: KenlmOptions

    def fit(self, data: TrainingText, progress: Progress = silent) -> None:
        progress("reading", 0.0)
        self._lexicon = Lexicon.learn(data, self.options)
        progress("estimating", 0.3)
        orders = estimate(self._lexicon.lines(data.train.documents), len(self._lexicon), self.options.order)
        self._fallback = [str(k) for k, order in enumerate(orders, start=1) if order.fallback]
        self._parameters = sum(len(order.word) for order in orders) + sum(len(order.word) for order in orders[:-1])
        self._words = [UNKNOWN_WORD, SENTENCE_END, *map(escape, self._lexicon.types[2:])]
        with tempfile.TemporaryDirectory(prefix="lmbench-") as folder:
            path = Path(folder) / "model.arpa"
            progress("writing ARPA", 0.6)
            write_arpa(path, _at_least_bigrams(orders), [*self._words, SENTENCE_START])
            self._disk_bytes = path.stat().st_size
            progress("loading into KenLM", 0.8)
            self._model = _load(path)

    def score(self, documents: Sequence[str]) -> list[Score]:
        return self._lexicon.score(documents, lambda lines: [self._line_logprobs(line) for line in lines])

    def next_events(self, text: str) -> NextEvents:
        state, after = kenlm.State(), kenlm.State()
        self._model.BeginSentenceWrite(state)
        for word in self._lexicon.history(text):
            self._model.BaseScore(state, self._words[word], after)
            state, after = after, state
        log10s = [self._model.BaseScore(state, word, after) for word in self._words]
        return NextEvents(self._lexicon.types, np.array(log10s) * _NATS)

    def signature(self) -> Signature:
        smoothing = "interpolated-modified-kneser-ney"
        if self._fallback:
            smoothing += f",fallback-discounts-at-order={'+'.join(self._fallback)}"
        own = Signature.of(order=self.options.order, smoothing=smoothing, bos="line", kenlm=version("kenlm"))
        return own + self._lexicon.signature()

    def footprint(self) -> Footprint:
        return Footprint(self._parameters, self._disk_bytes)

    def _line_logprobs(self, line: Line) -> NDArray[np.float64]:
        """Nats of each id of a line, by KenLM."""
        ended = bool(line[-1] == LINE_END_ID)
        sentence = " ".join([self._words[word] for word in line[: len(line) - ended]])
        log10s = [log10 for log10, _, _ in self._model.full_scores(sentence, bos=True, eos=ended)]
        return np.array(log10s) * _NATS


def _at_least_bigrams(orders: list[Order]) -> list[Order]:
    """KenLM reads no unigram model: give it one bigram whose probability is what backing off would give."""
    if len(orders) > 1:
        return orders
    start = len(orders[0].word) - 1
    end_of_empty_line = Order(
        history=np.array([start]),
        word=np.array([LINE_END_ID]),
        probs=orders[0].probs[[LINE_END_ID]],
        backoffs=np.ones(1),
        discounts=(0.0, 0.0, 0.0),
        fallback=False,
    )
    return [*orders, end_of_empty_line]


def _load(path: Path) -> kenlm.Model:
    config = kenlm.Config()
    config.show_progress = False
    config.arpa_complain = kenlm.ARPALoadComplain.NONE
    return kenlm.Model(str(path), config)
