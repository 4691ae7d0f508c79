"""Fitting to tagged text: one state per tag, counted without EM."""

from __future__ import annotations

import numpy as np

from lmbench.arrays import Ints
from lmbench.backends.hmm.fitted import FittedHmm
from lmbench.backends.hmm.options import HmmOptions
from lmbench.backends.hmm.parameters import Parameters
from lmbench.backends.hmm.smoothing import smooth
from lmbench.backends.hmm.tagging import TagHits, TagKind, count_hits, count_tags, read_tags
from lmbench.backends.hmm.training_lines import TrainingLines
from lmbench.backends.hmm.viterbi import best_paths
from lmbench.corpus import TrainingText
from lmbench.ngrams.ids import LINE_END_ID, UNKNOWN_ID


def fit_tags(data: TrainingText, lines: TrainingLines, kind: TagKind, options: HmmOptions) -> FittedHmm:
    """Fit a model whose states are the tags of `kind`, and measure its accuracy on the validation split.

    Line ends have a tag of their own.

    Raises:
        CorpusError: The text is not tagged, or the tokenizer's events are not the tagged words.
    """
    tagged = read_tags(data.train, kind, lines.train)
    tags = tuple(sorted({tag for line in tagged for tag in line}))
    numbers = {tag: number for number, tag in enumerate(tags)}
    states = [np.array([numbers[tag] for tag in line]) for line in tagged]
    counts = count_tags(lines.train, states, lines.symbols, len(tags))
    parameters, share = smooth(counts.parameters(options.prior), lines, options)
    hits: tuple[TagHits, ...] = ()
    if lines.valid:
        gold = [np.array([numbers.get(tag, -1) for tag in line]) for line in read_tags(data.valid, kind, lines.valid)]
        hits = _measure(lines, gold, parameters, counts.emissions.argmax(axis=1))
    return FittedHmm(lines.lexicon, parameters, share, tags=tags, hits=hits)


def _measure(
    lines: TrainingLines, gold: list[Ints], parameters: Parameters, most_frequent: Ints
) -> tuple[TagHits, TagHits]:
    """Return the accuracy on the validation split's known words, and on its unknown ones.

    Args:
        lines: The validation split's lines, among others.
        gold: The right states of each line's events; -1 for a tag that training has not seen.
        parameters: The model.
        most_frequent: (V,) the most frequent state of each symbol.
    """
    compared = gold, best_paths(parameters, lines.valid), [most_frequent[line] for line in lines.valid]
    words = np.concatenate(lines.valid)
    known, unknown = (words != UNKNOWN_ID) & (words != LINE_END_ID), words == UNKNOWN_ID
    return count_hits(*compared, known), count_hits(*compared, unknown)
