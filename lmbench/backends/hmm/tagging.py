"""Parts of speech as the states of a hidden Markov model: counted in tagged text, and found by Viterbi's algorithm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from lmbench.arrays import AnyInts, Flags, Floats, Ints
from lmbench.backends.hmm.fitted import FittedHmm, TagHits
from lmbench.backends.hmm.options import HmmOptions
from lmbench.backends.hmm.parameters import ExpectedCounts, Parameters
from lmbench.backends.hmm.training import smooth_emissions
from lmbench.backends.hmm.training_lines import TrainingLines
from lmbench.corpus import Split, TrainingText
from lmbench.errors import CorpusError
from lmbench.ngrams.ids import LINE_END_ID, UNKNOWN_ID

TagKind = Literal["upos", "xpos"]

LINE_END_TAG = "\n"
_NO_TAG = "_"


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
    parameters, share = smooth_emissions(counts.parameters(options.prior), lines, options)
    hits: tuple[TagHits, ...] = ()
    if lines.valid:
        gold = [np.array([numbers.get(tag, -1) for tag in line]) for line in read_tags(data.valid, kind, lines.valid)]
        hits = _measure(lines, gold, parameters, counts.emissions.argmax(axis=1))
    return FittedHmm(lines.lexicon, parameters, share, tags=tags, hits=hits)


def read_tags(split: Split, kind: TagKind, lines: Sequence[AnyInts]) -> list[tuple[str, ...]]:
    """Return the tags of each line's events; the last one is LINE_END_TAG.

    Raises:
        CorpusError: The split is not tagged, or the lines' events are not its tagged words.
    """
    if split.tagged is None:
        raise CorpusError(
            f"supervised={kind} needs tagged text, and this corpus is not tagged; use ud-english-ewt or a .conllu file"
        )
    tagged = [tuple(getattr(word, kind) for word in line) for document in split.tagged for line in document]
    if all(tag == _NO_TAG for line in tagged for tag in line):
        raise CorpusError(f"the words of this corpus do not have {kind} tags")
    if list(map(len, lines)) != [len(line) + 1 for line in tagged]:
        raise CorpusError("the tokenizer's events are not the tagged words; choose tokenizer=words")
    return [(*line, LINE_END_TAG) for line in tagged]


def count_tags(lines: Sequence[AnyInts], tags: Sequence[Ints], symbols: int, states: int) -> ExpectedCounts:
    """Count how often lines start with each tag, one tag follows another, and a symbol has a tag."""
    start = np.bincount([line[0] for line in tags], minlength=states)
    moves = np.concatenate([line[:-1] * states + line[1:] for line in tags])
    emissions = np.concatenate(lines).astype(np.int64) * states + np.concatenate(tags)
    return ExpectedCounts(
        start.astype(np.float64),
        np.bincount(moves, minlength=states**2).reshape(states, states).astype(np.float64),
        np.bincount(emissions, minlength=symbols * states).reshape(symbols, states).astype(np.float64),
    )


def count_hits(gold: Sequence[Ints], found: Sequence[Ints], most_frequent: Sequence[Ints], counted: Flags) -> TagHits:
    """Compare tags, line by line, with the gold standard's.

    Args:
        gold: The right tags of each line's events.
        found: The tags to be judged.
        most_frequent: Each event's most frequent tag.
        counted: (events,) which events of all lines count.
    """
    truth, given, baseline = (np.concatenate(tags)[counted] for tags in (gold, found, most_frequent))
    return TagHits(len(truth), int((truth == given).sum()), int((truth == baseline).sum()))


def best_paths(parameters: Parameters, lines: Sequence[AnyInts]) -> list[Ints]:
    """Return the most likely states of each line's events, by Viterbi's algorithm (1967).

    Of equally likely states, the one with the lower number is chosen.
    """
    with np.errstate(divide="ignore"):
        start, transitions = np.log(parameters.start), np.log(parameters.transitions)
        return [_best_path(start, transitions, np.log(parameters.emissions[line])) for line in lines]


def _best_path(start: Floats, transitions: Floats, emitted: Floats) -> Ints:
    """Return the best path, given log P(event | state) of each event of a line, (events, K)."""
    best, previous = start, np.zeros(emitted.shape, dtype=np.int64)
    for t, logprobs in enumerate(emitted):
        if t:
            arrivals = best[:, None] + transitions  # (state before, state)
            previous[t] = arrivals.argmax(axis=0)
            best = arrivals[previous[t], np.arange(len(best))]
        best = best + logprobs
    return _trace_back(int(best.argmax()), previous)


def _trace_back(last: int, previous: Ints) -> Ints:
    """Return the path that ends in the state `last`; previous[t] has the best state before each state at time t."""
    path = np.empty(len(previous), dtype=np.int64)
    state = last
    for t in range(len(previous) - 1, -1, -1):
        path[t] = state
        state = previous[t, state]
    return path


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
