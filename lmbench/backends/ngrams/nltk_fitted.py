"""What the nltk model has learned: counts, and a model of NLTK that has them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from nltk.lm import MLE, KneserNeyInterpolated, Laplace, Lidstone, NgramCounter, Vocabulary, WittenBellInterpolated
from nltk.lm.smoothing import KneserNey

from lmbench.arrays import Floats, Ids
from lmbench.backends.ngrams.nltk_counts import Context, CountsAfter, CountTable, TabulatedCounter
from lmbench.ngrams.ids import LINE_END_ID, UNKNOWN_ID
from lmbench.progress import Progress
from lmbench.text.lexicon import Lexicon

if TYPE_CHECKING:
    from lmbench.backends.ngrams.nltk import NltkOptions

_START = -1  # <s>, which is conditioned on and never predicted
_UNKNOWN_LINE = np.array([UNKNOWN_ID, LINE_END_ID], dtype=np.int32)
_LINES_PER_REPORT = 200


@dataclass(frozen=True, slots=True)
class FittedNltk:
    """An NLTK model whose words are the ids of a lexicon.

    Attributes:
        lexicon: The words.
        tables: The counts of n-grams of each length, from unigrams up.
        model: NLTK's model with these counts.
        cache: Log-probabilities, in nats, of the n-grams scored so far.
    """

    lexicon: Lexicon
    tables: Sequence[CountTable]
    model: Any
    cache: dict[tuple[int, ...], float] = field(default_factory=dict)

    def score_line(self, line: Ids) -> Floats:
        """Return the log-probability of each event of a line, (events,), in nats."""
        order, padded = self.model.order, _pad(line, self.model.order)
        ngrams = (tuple(padded[end - order : end]) for end in range(order, len(padded) + 1))
        return np.array([self._look_up(ngram) for ngram in ngrams])

    def next_logprobs(self, history: Ids) -> Floats:
        """Return the log-probability of each type, (types,), in nats. They are not cached: they would fill memory."""
        padded = _pad(history, self.model.order)
        context = tuple(padded[len(history) :])
        return np.array([self._compute((*context, word)) for word in range(len(self.lexicon))])

    def _look_up(self, ngram: tuple[int, ...]) -> float:
        if ngram not in self.cache:
            self.cache[ngram] = self._compute(ngram)
        return self.cache[ngram]

    def _compute(self, ngram: tuple[int, ...]) -> float:
        """Ask NLTK, which recurses over shorter contexts."""
        probability = self.model.unmasked_score(ngram[-1], ngram[:-1])
        return math.log(probability) if probability > 0 else -math.inf


def count_ngrams(lines: list[Ids], order: int, progress: Progress) -> list[CountTable]:
    """Return the counts of the n-grams of each length, from unigrams up to the order."""
    counter = NgramCounter()
    _count(counter, _with_unknown(lines), order, progress)
    progress("tabulating counts", 0.95)
    return [CountTable.of(counter, length) for length in range(1, order + 1)]


def make_model(options: NltkOptions, types: int, tables: Sequence[CountTable]) -> Any:
    """Return NLTK's model with these counts.

    Args:
        options: The options of the model.
        types: The size of the lexicon.
        tables: The counts of n-grams of each length, from unigrams up.
    """
    order, discount, gamma = options.order, options.discount, options.gamma
    vocabulary = Vocabulary(range(1, types), unk_label=UNKNOWN_ID)  # NLTK adds the label itself
    counter = TabulatedCounter(tables)
    match options.smoothing:
        case "kneser-ney":
            model = KneserNeyInterpolated(order, discount=discount, vocabulary=vocabulary, counter=counter)
            model.estimator = TabulatedKneserNey(model, discount, tables)
            return model
        case "witten-bell":
            return WittenBellInterpolated(order, vocabulary=vocabulary, counter=counter)
        case "lidstone":
            return Lidstone(gamma, order, vocabulary=vocabulary, counter=counter)
        case "laplace":
            return Laplace(order, vocabulary=vocabulary, counter=counter)
        case "mle":
            return MLE(order, vocabulary=vocabulary, counter=counter)


def _with_unknown(lines: list[Ids]) -> list[Ids]:
    """Add a line that holds only ``<unk>`` if no line has one: NLTK gives an unseen ``<unk>`` no probability."""
    return lines if any((line == UNKNOWN_ID).any() for line in lines) else [*lines, _UNKNOWN_LINE]


def _count(counter: NgramCounter, lines: Sequence[Ids], order: int, progress: Progress) -> None:
    for number, line in enumerate(lines):
        counter.update([_ngrams(line, order)])
        if number % _LINES_PER_REPORT == 0:
            progress(f"counting n-grams, line {number:,} of {len(lines):,}", 0.95 * number / len(lines))


def _ngrams(line: Ids, order: int) -> Iterator[tuple[int, ...]]:
    """Yield the n-grams of all orders that end in a word of the line."""
    padded = _pad(line, order)
    for end in range(order, len(padded) + 1):
        for start in range(end - order, end):
            yield tuple(padded[start:end])


def _pad(line: Ids, order: int) -> list[int]:
    return [*[_START] * (order - 1), *line.tolist()]


class TabulatedKneserNey(KneserNey):  # type: ignore[misc]  # nltk has no types
    """NLTK's Kneser-Ney with tabulated continuation counts; NLTK walks over all n-grams for each of them."""

    def __init__(self, model: KneserNeyInterpolated, discount: float, tables: Sequence[CountTable]) -> None:
        super().__init__(model.vocab, model.counts, model.order, discount=discount)
        self._after = [CountsAfter(table.count_continuations()) for table in tables[1:]]

    def _continuation_counts(self, word: int, context: Context = ()) -> tuple[int, int]:
        counts = self._after[len(context)][context]
        return counts[word], counts.N()
