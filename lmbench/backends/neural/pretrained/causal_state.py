"""The state of a causal model after a text, which is given as bytes: several token sequences may spell it."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import chain, groupby
from typing import Any, Self

import numpy as np

from lmbench.arrays import Floats, Ints
from lmbench.backends.neural.pretrained.causal_scorer import CausalScorer
from lmbench.backends.neural.pretrained.continuations import ContinuationScorer
from lmbench.backends.neural.pretrained.finite_logits import check_logits
from lmbench.backends.neural.pretrained.seam import Cover, Seam, SeamFinder
from lmbench.backends.neural.pretrained.token_events import TokenEvents
from lmbench.backends.neural.windows import last_window
from lmbench.score import Score
from lmbench.state import ModelState, NextEvents

_REMEMBERED_SEAMS = 16  # the answers to a question come one after the other and share their context


class TokenState(ModelState):
    """The state of a causal model after tokens. Its window stays in the library's cache and is not read again."""

    def __init__(self, scorer: CausalScorer, sequence: Ints) -> None:
        self._scorer = scorer
        self._sequence = sequence
        self._start = 0  # the first id of the window
        self._cached = 0  # how many ids of the window the cache holds
        self._cache: Any = None
        self._logprobs: Floats | None = None

    def next_events(self) -> NextEvents:
        return NextEvents(self._events.names, self.logprobs(), self._events.spellings)

    def advance(self, event: int) -> None:
        self._sequence, self._logprobs = np.append(self._sequence, event), None

    def find_events(self, spelling: bytes) -> list[int]:
        if not spelling:  # the space alone that the tokenizer adds before a text; what ends a text is not read
            return list(self._scorer.events.find(b" ")) if self._begins and self._scorer.tokenizer.adds_space else []
        return list(self._events.find(spelling))

    def logprobs(self) -> Floats:
        """Return the log-probabilities (V,) of the next event, in nats."""
        if self._logprobs is None:
            self._logprobs = self._predict()
        return self._logprobs

    def fork(self) -> Self:
        """Return a copy, which advances on its own."""
        other = copy.copy(self)
        other._cache = copy.deepcopy(self._cache)
        return other

    def continue_to(self, sequence: Ints) -> TokenState:
        """Read on to the end of a sequence, if it continues what was read, and return this state, else a new one."""
        size = len(self._sequence)
        if not np.array_equal(sequence[:size], self._sequence):
            return TokenState(self._scorer, sequence)
        if len(sequence) > size:
            self._sequence, self._logprobs = sequence, None
        return self

    @property
    def _begins(self) -> bool:
        return len(self._sequence) == len(self._scorer.bos)

    @property
    def _events(self) -> TokenEvents:
        return self._scorer.first_events if self._begins else self._scorer.events

    def _predict(self) -> Floats:
        scorer = self._scorer
        if not len(self._sequence):
            return np.full(scorer.network.rows, scorer.first_logprob)
        window, _ = last_window(self._sequence, scorer.windowing)
        start = len(self._sequence) - len(window)
        if start != self._start or self._cache is None:
            self._start, self._cached, self._cache = start, 0, None
        logits, self._cache = scorer.network.advance(window[None, self._cached :], self._cache)  # (V,)
        self._cached = len(window)
        check_logits(logits, scorer.network.model)
        return logits.double().log_softmax(-1).cpu().numpy()


@dataclass(frozen=True, slots=True)
class _Branch:
    """A token sequence that spells a text, or the text and a token's other bytes.

    Attributes:
        logprob: Nats, given the tokens that all branches share.
        state: The state before `token`, or after the text if there is no such token.
        token: The token that ends after the text; None if the text ends with a token.
        beyond: What it adds after the text.
    """

    logprob: float
    state: TokenState
    token: int | None = None
    beyond: bytes = b""


class ByteState(ModelState):
    """The state of a causal model after the bytes of a text, however tokens spell its end.

    The next event adds the first bytes after the text: it is the rest of a token that began in the text, or a token
    that follows one of the ways to spell the text. After it, the tokens are known.
    """

    def __init__(self, branches: Sequence[_Branch]) -> None:
        self._branches = branches
        self._chosen: TokenState | None = None

    @property
    def logprob(self) -> float:
        """Nats of all ways to spell the text, given the tokens that they share."""
        return float(np.logaddexp.reduce([branch.logprob for branch in self._branches]))

    def next_events(self) -> NextEvents:
        return self._following if self._chosen is None else self._chosen.next_events()

    def advance(self, event: int) -> None:
        if self._chosen is None:
            branch, event = self._find(event)
            self._chosen = branch.state.fork()
        self._chosen.advance(event)

    @cached_property
    def _following(self) -> NextEvents:
        total = self.logprob
        ends, cut = self._split_branches()
        parts = [branch.state.next_events() for branch in ends]
        shares = [branch.logprob - total + part.logprobs for branch, part in zip(ends, parts, strict=True)]
        return NextEvents(
            (
                *chain.from_iterable(part.names for part in parts),
                *(branch.beyond.decode(errors="replace") for branch in cut),
            ),
            np.concatenate([*shares, np.array([branch.logprob - total for branch in cut])]),
            (*chain.from_iterable(part.spellings for part in parts), *(branch.beyond for branch in cut)),
        )

    def _split_branches(self) -> tuple[list[_Branch], list[_Branch]]:
        """Return the branches that end with the text, and those whose last token ends after it."""
        ends = [branch for branch in self._branches if branch.token is None]
        return ends, [branch for branch in self._branches if branch.token is not None]

    def _find(self, event: int) -> tuple[_Branch, int]:
        """Return the branch to which an event belongs, and the token that it reads."""
        ends, cut = self._split_branches()
        for branch in ends:
            size = len(branch.state.logprobs())
            if event < size:
                return branch, event
            event -= size
        token = cut[event].token
        if token is None:
            raise IndexError("no such event")
        return cut[event], token


def _list_branches(state: TokenState, covers: Sequence[Cover], logprob: float = 0.0) -> Iterator[_Branch]:
    """Yield the branches of covers that continue a state, whose log-probability is given."""
    deeper = []
    for cover in covers:
        if not cover.ids:
            yield _Branch(logprob, state)
        elif cover.beyond and len(cover.ids) == 1:
            [token] = cover.ids
            yield _Branch(logprob + float(state.logprobs()[token]), state, token, cover.beyond)
        else:
            deeper.append(cover)
    for token, group in groupby(sorted(deeper, key=_first), key=_first):
        rest = [Cover(cover.ids[1:], cover.beyond) for cover in group]
        price = float(state.logprobs()[token])
        after = state.fork()
        after.advance(token)
        yield from _list_branches(after, rest, logprob + price)


def _first(cover: Cover) -> int:
    return cover.ids[0]


class TextReader:
    """Conditions a causal model on texts, given as bytes. It remembers the last ones, since texts share beginnings.

    Attributes:
        scorer: The tokenizer and the network.
    """

    def __init__(self, scorer: CausalScorer) -> None:
        self.scorer = scorer
        self._finder = SeamFinder(scorer.tokenizer)
        self._find_seam = lru_cache(_REMEMBERED_SEAMS)(self._finder.find)
        self._measure = lru_cache(_REMEMBERED_SEAMS)(self._measure_seam)
        self._read = TokenState(scorer, scorer.bos)
        self._continuations = ContinuationScorer(scorer, self._find_joint_seam)

    def state_after(self, text: str) -> ModelState:
        """Return the state after a text. If the tokenizer's spellings are uncertain, its tokens alone count.

        Raises:
            ScoreError: The tokens do not spell the text.
        """
        sequence = self.scorer.sequence(self.scorer.tokenizer.encode(text))
        if not text or not self.scorer.events.spellings:
            return self._read_tokens(sequence)
        seam = self._find_seam(text)
        return ByteState(self._list_branches(sequence, seam)) if len(seam.covers) > 1 else self._read_tokens(sequence)

    def measure_continuations(self, pairs: Sequence[tuple[str, str]]) -> list[tuple[float, int] | None]:
        """Return log P(continuation | context), in nats, and its number of events, of each pair that can share passes.

        Raises:
            ScoreError: The tokens do not spell a text.
        """
        return self._continuations.measure(pairs)

    def conditional_logprob(self, context: str, continuation: str, whole: Score) -> float:
        """Return log P(continuation | context), in nats, given the score of both together.

        Raises:
            ScoreError: The tokens do not spell the context.
        """
        if not context or not continuation:
            return float(whole.logprobs.sum()) if continuation else 0.0
        [longer] = self.scorer.tokenizer.split([context + continuation])
        if longer is None or not self.scorer.events.spellings:  # the places of the tokens are all that is known
            return float(whole.logprobs[np.searchsorted(whole.ends, len(context.encode()), side="right") :].sum())
        seam = self._find_joint_seam(context, longer)
        return min(0.0, float(whole.logprobs[seam.stable :].sum()) - self._measure(context, seam))

    def _find_joint_seam(self, context: str, longer: Sequence[int]) -> Seam:
        """Return the seam of a context, which has the cover with which these tokens of a longer text begin.

        No trial may have found it.
        """
        ids = self.scorer.tokenizer.encode(context).ids.tolist()
        return self._find_seam(context).including(self._finder.cover_of(context, longer), ids)

    def _measure_seam(self, text: str, seam: Seam) -> float:
        """Return the nats of all ways to spell the end of a text."""
        sequence = self.scorer.sequence(self.scorer.tokenizer.encode(text))
        return float(np.logaddexp.reduce([branch.logprob for branch in self._list_branches(sequence, seam)]))

    def _list_branches(self, sequence: Ints, seam: Seam) -> list[_Branch]:
        rows = self.scorer.network.rows
        covers = [cover for cover in seam.covers if all(token < rows for token in cover.ids)]
        state = self._read_tokens(sequence[: len(self.scorer.bos) + seam.stable])
        return list(_list_branches(state, covers))

    def _read_tokens(self, sequence: Ints) -> TokenState:
        """Return the state after some ids, which is read on from the last one if the ids continue it."""
        self._read = self._read.continue_to(sequence)
        self._read.logprobs()
        return self._read.fork()
