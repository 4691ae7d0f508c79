"""Interpolated modified Kneser-Ney n-grams, estimated here and queried with KenLM."""

from __future__ import annotations

import math
import re
import tempfile
import textwrap
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import ClassVar

import kenlm
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from lmbench.arpa import SENTENCE_END, SENTENCE_START, UNKNOWN_WORD, escape, write_arpa
from lmbench.corpus import TrainingText
from lmbench.errors import UnavailableError
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
_CPLUSPLUS = re.compile(r"^\S+\.(?:cc|hh):\d+ in .*? threw \w+(?: because `.*?')?\. ")  # file, function and condition
_REASON = 200  # characters of a reason that may cite a whole line of the file


class KenlmOptions(LexiconOptions):
    """Options of the kenlm model."""

    order: int = Field(
        5, ge=1, le=6, description="length of the longest n-gram; the kenlm package from PyPI reads up to 6"
    )


class Ngrams:
    """N-grams that KenLM has read, and what it says of them in nats.

    Raises UnavailableError, with KenLM's reason, for a file that it cannot read.
    """

    def __init__(self, path: Path) -> None:
        self._model = _load(path)

    def __contains__(self, word: str) -> bool:
        return word in self._model

    @property
    def order(self) -> int:
        """Length of the longest n-gram."""
        return int(self._model.order)

    @property
    def unknown(self) -> float:
        """Nats: log P(<unk>) without history. Where the file does not have it, KenLM takes 1e-100."""
        state = kenlm.State()
        self._model.NullContextWrite(state)
        return float(self._model.BaseScore(state, UNKNOWN_WORD, kenlm.State())) * _NATS

    def score_lines(self, lines: Iterable[Line], words: Sequence[str]) -> list[NDArray[np.float64]]:
        """Each line's log-probabilities, (events,): a line is ids of `words`; ``<s>`` stands before it."""
        return [self._score_line(line, words) for line in lines]

    def next_words(self, history: Iterable[str], words: Iterable[str]) -> NDArray[np.float64]:
        """log P(word | <s>, history) of each word, (words,)."""
        state, after = kenlm.State(), kenlm.State()
        self._model.BeginSentenceWrite(state)
        for word in history:
            self._model.BaseScore(state, word, after)
            state, after = after, state
        return np.array([self._model.BaseScore(state, word, after) for word in words]) * _NATS

    def _score_line(self, line: Line, words: Sequence[str]) -> NDArray[np.float64]:
        ended = bool(line[-1] == LINE_END_ID)
        sentence = " ".join([words[word] for word in line[: len(line) - ended]])
        log10s = [log10 for log10, _, _ in self._model.full_scores(sentence, bos=True, eos=ended)]
        return np.array(log10s) * _NATS


class KenlmNgram(LanguageModel):
    """Interpolated modified Kneser-Ney n-grams, estimated as KenLM's lmplz does and queried with KenLM."""

    Options: ClassVar[type[ModelOptions]] = KenlmOptions
    options: KenlmOptions

    def fit(self, data: TrainingText, progress: Progress = silent) -> None:
        progress("reading", 0.0)
        self._lexicon = Lexicon.learn(data, self.options)
        progress("estimating", 0.3)
        orders = estimate(self._lexicon.lines(data.train.documents), len(self._lexicon), self.options.order)
        self._orders = orders
        self._fallback = [str(k) for k, order in enumerate(orders, start=1) if order.fallback]
        self._parameters = sum(len(order.word) for order in orders) + sum(len(order.word) for order in orders[:-1])
        self._words = [UNKNOWN_WORD, SENTENCE_END, *map(escape, self._lexicon.types[2:])]
        with tempfile.TemporaryDirectory(prefix="lmbench-") as folder:
            path = Path(folder) / "model.arpa"
            progress("writing ARPA", 0.6)
            self.export(path)
            self._disk_bytes = path.stat().st_size
            progress("loading into KenLM", 0.8)
            self._ngrams = Ngrams(path)

    def score(self, documents: Sequence[str]) -> list[Score]:
        return self._lexicon.score(documents, lambda lines: self._ngrams.score_lines(lines, self._words))

    def next_events(self, text: str) -> NextEvents:
        history = [self._words[word] for word in self._lexicon.history(text)]
        return NextEvents(self._lexicon.types, self._ngrams.next_words(history, self._words))

    def export(self, path: Path) -> None:
        """An ARPA file; escape() says how a type that ARPA cannot hold is written."""
        write_arpa(path, _at_least_bigrams(self._orders), [*self._words, SENTENCE_START])

    def signature(self) -> Signature:
        smoothing = "interpolated-modified-kneser-ney"
        if self._fallback:
            smoothing += f",fallback-discounts-at-order={'+'.join(self._fallback)}"
        own = Signature.of(order=self.options.order, smoothing=smoothing, bos="line", kenlm=version("kenlm"))
        return own + self._lexicon.signature()

    def footprint(self) -> Footprint:
        return Footprint(self._parameters, self._disk_bytes)


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
    try:
        return kenlm.Model(str(path), config)
    except OSError as error:
        where = f"Cannot read model '{path}' ("
        reason = _CPLUSPLUS.sub("", str(error).removeprefix(where).removesuffix(")"))
    except UnicodeDecodeError:  # of KenLM's message, which cites the file
        reason = "neither ARPA nor KenLM's binary"
    raise UnavailableError(f"KenLM cannot read '{path}': {textwrap.shorten(reason, _REASON, placeholder='…')}")
