"""Scores of continuations after contexts, which are given as bytes. Each context is read once for all of its own."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lmbench.backends.neural.pretrained.causal_scorer import CausalScorer
from lmbench.backends.neural.pretrained.seam import Seam
from lmbench.backends.neural.pretrained.token_paths import Path, PathReader

FindSeam = Callable[[str, Sequence[int]], Seam]
"""``find_seam(context, ids)`` returns the seam of a context with which a text of these tokens begins."""


@dataclass(frozen=True, slots=True)
class _Joint:
    """A context and a continuation as tokens.

    Attributes:
        beginning: BOS, and the tokens of the context that nothing which follows changes.
        rest: The other tokens of both.
        covers: The ways to spell the rest of the context.
        events: The number of tokens that end within the continuation.
    """

    beginning: Path
    rest: Path
    covers: tuple[Path, ...]
    events: int

    @property
    def length(self) -> int:
        """The number of tokens of the longest path, with its beginning."""
        return len(self.beginning) + max(map(len, (self.rest, *self.covers)))

    def answer(self, logprobs: Mapping[Path, float]) -> tuple[float, int] | None:
        """Return log P(continuation | context) and the events, given log P(path | beginning); None without numbers."""
        both, given = logprobs[self.rest], [logprobs[cover] for cover in self.covers]
        if math.isinf(both) or any(map(math.isnan, (both, *given))):
            return None
        return min(0.0, both - float(np.logaddexp.reduce(given))), self.events


class ContinuationScorer:
    """Scores continuations of texts that fit in a window.

    Attributes:
        scorer: The tokenizer and the network.
    """

    def __init__(self, scorer: CausalScorer, find_seam: FindSeam) -> None:
        self.scorer = scorer
        self._find_seam = find_seam

    def measure(self, pairs: Sequence[tuple[str, str]]) -> list[tuple[float, int] | None]:
        """Return log P(continuation | context), in nats, and the events of the continuation, of each pair.

        None for a pair that must be scored as a whole text: it is longer than a window, its tokens are uncertain, one
        of its parts is empty, or the network did not compute a number.

        Raises:
            ScoreError: The tokens do not spell a text.
        """
        joints = self._join(pairs)
        if not any(joints) or self._paths is None:
            return [None] * len(pairs)
        paths: dict[Path, list[Path]] = {}
        for joint in filter(None, joints):
            paths.setdefault(joint.beginning, []).extend((joint.rest, *joint.covers))
        logprobs = self._paths.logprobs(paths)
        return [None if joint is None else joint.answer(logprobs[joint.beginning]) for joint in joints]

    @cached_property
    def _paths(self) -> PathReader | None:
        return PathReader.find(self.scorer.network, self.scorer.batch_tokens)

    def _join(self, pairs: Sequence[tuple[str, str]]) -> list[_Joint | None]:
        """Return the pairs as tokens; None for those without a beginning that can be shared."""
        if not self.scorer.events.spellings or self.scorer.history is not None:
            return [None] * len(pairs)
        tokens = self.scorer.tokenizer.split([context + continuation for context, continuation in pairs])
        return [
            self._join_tokens(*pair, ids) if all(pair) and ids is not None else None
            for pair, ids in zip(pairs, tokens, strict=True)
        ]

    def _join_tokens(self, context: str, continuation: str, ids: Sequence[int]) -> _Joint | None:
        text = self.scorer.tokenizer.encode(context + continuation)
        sequence, seam = self.scorer.sequence(text).tolist(), self._find_seam(context, ids)
        start, rows = len(self.scorer.bos) + seam.stable, self.scorer.network.rows
        covers = tuple(cover.ids for cover in seam.covers if all(token < rows for token in cover.ids))
        events = int(np.count_nonzero(text.ends > len(context.encode())))
        joint = _Joint(tuple(sequence[:start]), tuple(sequence[start:]), covers, events)
        return joint if joint.beginning and joint.length <= self.scorer.context else None
