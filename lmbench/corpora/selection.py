"""Parts of a corpus: the documents to score, and the beginning of the training text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate

from lmbench.corpora.on_disk import join_documents
from lmbench.corpora.options import SplitName
from lmbench.corpus import HELD_OUT, NO_TEXT, Corpus, Split, hold_out, slice_split
from lmbench.errors import CorpusError, SpecError


def select_scored(corpus: Corpus, split: SplitName | None = None, limit: int | None = None) -> Corpus:
    """Return the corpus whose test split is the documents to score. Its provenance names the selection.

    Args:
        corpus: The corpus.
        split: "test" (the default); "valid", so that the last tenth of the training documents is held out for
            validation instead; or "all", the whole text in order, so that nothing is left to fit a model on.
        limit: How many documents to score, the first ones; None for all.

    Raises:
        CorpusError: The split does not have documents, or none can be held out for validation.
    """
    if split == "valid":
        corpus = _score_validation(corpus)
    elif split == "all":
        corpus = _score_all(corpus)
    if limit is None or limit >= len(corpus.test.documents):
        return corpus
    return replace(
        corpus,
        test=slice_split(corpus.test, 0, limit),
        floor=corpus.floor and corpus.floor[:limit],
        provenance=f"{corpus.provenance},limit={limit}",
    )


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


def take_training(corpus: Corpus, share: float) -> Corpus:
    """Return the corpus with the beginning of its training split: whole documents, at least one.

    These are the first documents that have this share of the split's bytes together. A smaller share is thus the
    beginning of a larger one. The other splits stay as they are.

    Args:
        corpus: The corpus.
        share: The share, above 0 and at most 1.
    """
    train = corpus.train
    wanted = round(share * train.size)
    if wanted >= train.size:
        return corpus
    sizes = accumulate(len(document.encode()) for document in train.documents)
    count = next(number for number, size in enumerate(sizes, start=1) if size >= wanted)
    beginning = slice_split(train, 0, count)
    return replace(corpus, train=beginning, provenance=f"{corpus.provenance},train-size={share:.6g}")


def parse_shares(text: str) -> tuple[float, ...]:
    """Parse a list of shares, each a percentage: ``1%,10%,100%``.

    Raises:
        SpecError: One of them is not a percentage above 0 and up to 100.
    """
    return tuple(dict.fromkeys(map(_parse_share, text.split(","))))


def _parse_share(text: str) -> float:
    number = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*%\s*", text)
    share = float(number[1]) / 100 if number else 0.0
    if not 0 < share <= 1:
        raise SpecError(f"'{text}' is not a share of the training text; write a percentage such as 10%, up to 100%")
    return share


def join_splits(splits: Sequence[Split]) -> Split:
    """Return all documents of some splits, in order. They keep their tags if all splits have some."""
    documents = join_documents([split.documents for split in splits])
    tagged = [split.tagged for split in splits if split.tagged is not None]
    return Split(documents, sum(tagged, ()) if len(tagged) == len(splits) else None)
