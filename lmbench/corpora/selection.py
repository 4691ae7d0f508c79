"""Parts of a corpus: the documents to score, and those of the training text to fit on."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lmbench.arrays import Ints
from lmbench.corpora.on_disk import join_documents, measure_sizes
from lmbench.corpora.options import Selection
from lmbench.corpus import HELD_OUT, NO_TEXT, Corpus, Split, hold_out, slice_split
from lmbench.errors import CorpusError, SpecError

_PART = re.compile(r"(?:draw ([0-9]+) of )?(.*)")


@dataclass(frozen=True, slots=True)
class TrainingPart:
    """Documents of a training split that a model is fitted on.

    Attributes:
        share: The share of the split's bytes, above 0 and at most 1.
        draw: 1 for the first documents of the split. In each other draw, documents are chosen in a random order of
            its own. The larger of two shares has the documents of the smaller one.
    """

    share: float = 1.0
    draw: int = 1

    @classmethod
    def parse(cls, text: str) -> TrainingPart:
        """Parse what `str` returns: ``10%``, ``draw 2 of 10%``, or nothing for the whole split.

        Raises:
            SpecError: It is something else.
        """
        found = _PART.fullmatch(text)
        if not text or found is None:
            return cls()
        return cls(_parse_share(found[2]), int(found[1] or 1))

    def __str__(self) -> str:
        if self.share == 1:
            return ""
        size = f"{100 * self.share:g}%"
        return size if self.draw == 1 else f"draw {self.draw} of {size}"


WHOLE = TrainingPart()
"""The whole training split."""


def list_parts(shares: Iterable[float], draws: int = 1) -> tuple[TrainingPart, ...]:
    """Return the parts of a training split: each draw of each share. The whole split is the same in each draw."""
    return tuple(TrainingPart(share, draw) for share in shares for draw in range(1, 1 + (draws if share < 1 else 1)))


def select_scored(corpus: Corpus, options: Selection) -> Corpus:
    """Return the corpus whose test split is the documents to score. Its provenance names the selection.

    Args:
        corpus: The corpus.
        options: The selection. The split is "test" by default; "valid", so that the last tenth of the training
            documents is held out for validation instead; or "all", the whole text in order, so that nothing is left to
            fit a model on.

    Raises:
        CorpusError: The split does not have documents, or none can be held out for validation.
    """
    if options.split == "valid":
        corpus = _score_validation(corpus)
    elif options.split == "all":
        corpus = _score_all(corpus)
    numbers, origin = choose_documents(corpus.test.documents, options)
    if not origin:
        return corpus
    return replace(
        corpus,
        test=_choose(corpus.test, numbers),
        floor=corpus.floor and tuple(corpus.floor[number] for number in numbers.tolist()),
        provenance=f"{corpus.provenance},{origin}",
    )


def choose_documents(documents: Sequence[str], options: Selection) -> tuple[Ints, str]:
    """Return the numbers of the documents to score, in order, and what a provenance says of them: "" of all.

    A sample is stratified by length and place. For N documents, those of the text are sorted into √N classes of lengths
    and stay in their order within each class. This list is a circle that is cut into N equal parts, from a random place
    on. One document of each part is drawn at random. Each document of the text has the same chance, so that bits per
    byte of the sample estimate those of the text.

    Args:
        documents: All documents of the split.
        options: The selection.
    """
    count = len(documents)
    if options.sample is not None and options.sample < count:
        draw = options.draw or 1
        origin = f"sample={options.sample}" + (f",draw={draw}" if draw > 1 else "")
        return _draw_sample(documents, options.sample, draw), origin
    if options.limit is not None and options.limit < count:
        return np.arange(options.limit), f"limit={options.limit}"
    return np.arange(count), ""


def _draw_sample(documents: Sequence[str], size: int, draw: int) -> Ints:
    """Return the numbers of the documents of a sample, (size,); see `choose_documents`."""
    rng, count = np.random.default_rng(draw), len(documents)
    ranks = np.empty(count, dtype=np.int64)
    ranks[np.argsort(measure_sizes(documents), kind="stable")] = np.arange(count)
    order = np.argsort(ranks * round(math.sqrt(size)) // count, kind="stable")
    borders = np.floor((rng.random() + np.arange(size)) * count / size).astype(np.int64)
    chosen = rng.integers(borders, np.append(borders[1:], borders[0] + count))
    return np.sort(order[chosen % count])


def _score_validation(corpus: Corpus) -> Corpus:
    if not corpus.valid.documents:
        raise CorpusError(f"{corpus.name} does not have a validation split to score; leave out split=valid")
    if not corpus.train.documents:
        return _with_test(replace(corpus, valid=NO_TEXT), corpus.valid, "scored=valid")
    if len(corpus.train.documents) < 2:
        raise CorpusError(f"{corpus.name}: its only training document cannot be divided to validate on; use split=test")
    train, valid = hold_out(corpus.train)
    return _with_test(replace(corpus, train=train, valid=valid), corpus.valid, f"scored=valid,{HELD_OUT}")


def _score_all(corpus: Corpus) -> Corpus:
    if not corpus.train.documents and not corpus.valid.documents:
        return corpus
    whole = join_splits((corpus.train, corpus.valid, corpus.test))
    return _with_test(replace(corpus, train=NO_TEXT, valid=NO_TEXT), whole, "scored=all")


def _with_test(corpus: Corpus, test: Split, origin: str) -> Corpus:
    """Return the corpus with another test split, whose floor is unknown."""
    return replace(corpus, test=test, provenance=f"{corpus.provenance},{origin}", floor=None, floor_note="")


def take_training(corpus: Corpus, part: TrainingPart) -> Corpus:
    """Return the corpus with a part of its training split: whole documents, at least one, in the order of the text.

    These are the first documents, in the order of the draw, that have this share of the split's bytes together. The
    other splits stay as they are.

    Args:
        corpus: The corpus.
        part: The part.
    """
    train = take_documents(corpus.train, part)
    if train is corpus.train:
        return corpus
    origin = f"train-size={part.share:.6g}" + (f",train-draw={part.draw}" if part.draw > 1 else "")
    return replace(corpus, train=train, provenance=f"{corpus.provenance},{origin}")


def take_documents(train: Split, part: TrainingPart) -> Split:
    """Return a part of a training split; see `take_training`."""
    wanted = round(part.share * train.size)
    if wanted >= train.size:
        return train
    sizes = measure_sizes(train.documents)
    order = _order_documents(len(sizes), part.draw)
    count = int(np.searchsorted(np.cumsum(sizes[order]), wanted)) + 1
    return _choose(train, order[:count])


def _order_documents(count: int, draw: int) -> Ints:
    """Return the numbers of all documents in the order in which a draw chooses them, (count,)."""
    return np.arange(count) if draw == 1 else np.random.default_rng(draw).permutation(count)


def _choose(split: Split, numbers: Ints) -> Split:
    """Return some documents of a split, in the order of the text. Consecutive ones stay in their file."""
    ordered = np.sort(numbers)
    runs = np.split(ordered, np.flatnonzero(np.diff(ordered) > 1) + 1)
    return join_splits([slice_split(split, int(run[0]), int(run[-1]) + 1) for run in runs])


def parse_shares(text: str) -> tuple[float, ...]:
    """Parse a list of shares, each a percentage: ``1%,10%,100%``.

    Raises:
        SpecError: One of them is not a percentage above 0 and up to 100.
    """
    return tuple(dict.fromkeys(map(_parse_share, text.split(","))))


def _parse_share(text: str) -> float:
    number = re.fullmatch(r"\s*([0-9]*\.?[0-9]+(?:e-[0-9]+)?)\s*%\s*", text)
    share = float(number[1]) / 100 if number else 0.0
    if not 0 < share <= 1:
        raise SpecError(f"'{text}' is not a share of the training text; write a percentage such as 10%, up to 100%")
    return share


def join_splits(splits: Sequence[Split]) -> Split:
    """Return all documents of some splits, in order. They keep their tags if all splits have some."""
    documents = join_documents([split.documents for split in splits])
    tagged = [split.tagged for split in splits if split.tagged is not None]
    return Split(documents, sum(tagged, ()) if len(tagged) == len(splits) else None)
