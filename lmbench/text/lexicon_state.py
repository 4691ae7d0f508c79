"""The state of a model over a lexicon: it advances event by event, and prices unknown words by their letters."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lmbench.arrays import Floats, Ids
from lmbench.ngrams.ids import LINE_END_ID, UNKNOWN_ID
from lmbench.state import ModelState, NextEvents
from lmbench.text.lexicon import Lexicon
from lmbench.text.tokenizers import is_white

Predictor = Callable[[Ids], Floats]
"""``predict(history)`` returns the log-probability of each type after the ids of `history`: (types,), nats."""


class LexiconState(ModelState):
    """The state of a model over a lexicon, which advances event by event.

    Args:
        lexicon: The model's lexicon.
        text: The text that the model has read.
        predict: Returns the log-probability of each type after a history: (types + extra events,), nats.
        across_lines: Whether the history is the whole text. Otherwise each line begins with an empty history.
        extra_events: Names of events that `predict` returns after the lexicon's types and that no text contains.
    """

    def __init__(
        self,
        lexicon: Lexicon,
        text: str,
        predict: Predictor,
        *,
        across_lines: bool = False,
        extra_events: tuple[str, ...] = (),
    ) -> None:
        self._lexicon, self._predict = lexicon, predict
        self._across_lines, self._extra_events = across_lines, extra_events
        history = lexicon.encode(text).ids if across_lines else lexicon.history(text)
        self._history = history.tolist()
        self._last_line: str | None = text.split("\n")[-1]
        self._tokens = lexicon.tokenizer.tokenize(self._last_line)
        self._after_word = bool(self._tokens) and not is_white(self._tokens[-1])
        self._following: NextEvents | None = None

    def next_events(self) -> NextEvents:
        if self._following is None:
            self._following = self._predict_next()
        return self._following

    def _predict_next(self) -> NextEvents:
        logprobs = self._predict(np.array(self._history, dtype=np.int32))
        spellings = self._lexicon.spellings(self._after_word)
        if not self._extra_events:
            return NextEvents(self._lexicon.types, logprobs, spellings)
        unspelled = (None,) * len(self._extra_events)
        return NextEvents(self._lexicon.types + self._extra_events, logprobs, spellings + unspelled)

    def prefix_logprob(self, prefix: bytes) -> float:
        """Return log P(the next event's bytes begin with `prefix`), in nats, counting unknown words that begin so."""
        following = self.next_events()
        known = [spelling is not None and spelling.startswith(prefix) for spelling in following.spellings]
        letters = self._lexicon.unknown_prefix_logprob(prefix, self._after_word)
        return float(np.logaddexp.reduce([*following.logprobs[known], following.logprobs[UNKNOWN_ID] + letters]))

    def boundary_logprob(self) -> float:
        """Return log P(the text continues with white space or ends), in nats, unknown words included."""
        following = self.next_events()
        unknown = following.logprobs[UNKNOWN_ID] + self._lexicon.unknown_boundary_logprob(self._after_word)
        return min(0.0, float(np.logaddexp(following.boundary_logprob(), unknown)))

    def spelling_logprob(self, spelling: bytes) -> float | None:
        """Return what the letter model charges for the next word, in nats; see `ModelState`.

        Only a state that has not advanced knows it, because other words may precede the spelling in the line.
        """
        if self._last_line is None:
            return None
        try:
            tokens = self._lexicon.tokenizer.tokenize(self._last_line + spelling.decode())
        except UnicodeDecodeError:
            return None
        if not tokens or tokens[:-1] != self._tokens or self._lexicon.tokenizer.spell(tokens)[-1] != spelling:
            return None
        return self._lexicon.letter_model.logprob(self._lexicon.tokenizer.letters(tokens[-1]))

    def advance(self, event: int) -> None:
        self._last_line = self._following = None
        self._after_word = not is_white(self._lexicon.types[event])  # a line end is white space
        starts_over = event == LINE_END_ID and not self._across_lines
        self._history = [] if starts_over else [*self._history, event]
