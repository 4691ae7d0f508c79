"""A closed vocabulary that still prices every text: ids for known types, a letter model for the others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator

from lmbench.corpus import TrainingText, line_ended, lines_of
from lmbench.errors import SpecError, reason
from lmbench.model import ModelOptions
from lmbench.ngrams.ids import LINE_END_ID, UNKNOWN_ID
from lmbench.printable import printable
from lmbench.score import Score, clip_rounding
from lmbench.signature import Signature
from lmbench.state import ModelState, NextEvents
from lmbench.text.letter_model import LetterModel
from lmbench.text.tokenizers import LINE_END, Tokenizer, make_tokenizer

UNKNOWN = "<unk>"
_FEW_RARE_TYPES = 100
_READ_AT_ONCE = 1 << 20  # characters
_FILE = "lexicon.json"

Line = NDArray[np.int32]
ScoreLines = Callable[[list[Line]], list[NDArray[np.float64]]]
ScoreIds = Callable[[Line, NDArray[np.bool_]], NDArray[np.float64]]
After = Callable[[Line], NDArray[np.float64]]
"""``after(history)``: the ids before an event -> the log-probability of each type there, (types,), nats."""


class LexiconOptions(ModelOptions):
    """The options of every model with a closed vocabulary."""

    tokenizer: str = Field(
        "auto", description="words, pieces, jieba, bytes, bpe or bpe:N; auto: words for tokenized text, else pieces"
    )
    min_count: int = Field(2, ge=1, description="types seen less often in the training split are unknown words")

    @field_validator("tokenizer")
    @classmethod
    def _tokenizer_exists(cls, spec: str) -> str:
        if spec != "auto":
            make_tokenizer(spec)
        return spec


@dataclass(frozen=True, slots=True)
class Encoded:
    """A document as type ids.

    ids       (events,) int32; LINE_END_ID ends each line, unless the document's end cuts the last one off
    ends      (events,) int64, byte offsets at which the events end
    spelling  (events,) float64, nats: the letter model's price of each unknown type, else 0
    """

    ids: Line
    ends: NDArray[np.int64]
    spelling: NDArray[np.float64]

    @property
    def lines(self) -> list[Line]:
        """The ids of each line."""
        return lines_of_ids(self.ids)


class _Stored(BaseModel):
    """A lexicon as JSON; the letter model is learned anew from the words that it was learned from."""

    model_config = ConfigDict(extra="forbid")

    options: dict[str, JsonValue]
    tokenizer: str
    tokenizer_state: str
    types: tuple[str, ...]
    spelled: tuple[str, ...]

    @field_validator("types")
    @classmethod
    def _each_once(cls, types: tuple[str, ...]) -> tuple[str, ...]:
        if len({LINE_END, *types}) <= len(types):
            raise ValueError("a type stands twice")
        return types


class Lexicon:
    """Type ids, and prices for the types that have none.

    Types seen fewer than `min_count` times in the training split are unknown: in training they stand as ``<unk>``, so
    the probability of ``<unk>``, in any history, is estimated from the words that were rare. With the default of 2
    these are the words seen once, whose share of the text is Good and Turing's estimate (1953) of the probability that
    the next word is new. Its spelling is then paid to a letter model that was trained on the same rare words.
    """

    def __init__(self, tokenizer: Tokenizer, types: Sequence[str], spelled: Sequence[str], min_count: int) -> None:
        self.tokenizer = tokenizer
        self.types = (UNKNOWN, LINE_END, *types)
        self.min_count = min_count
        self._spelled = tuple(spelled)
        # the literal word "<unk>" in a text is a word like any other: its id comes from `types`, never from UNKNOWN
        self._ids = _Ids({LINE_END: LINE_END_ID} | {kind: i for i, kind in enumerate(types, start=2)})
        self._prices: dict[str, float] = {}

    @classmethod
    def learn(cls, data: TrainingText, options: LexiconOptions) -> Lexicon:
        """The lexicon of a training text."""
        return cls.read(data, options)[0]

    @classmethod
    def read(cls, data: TrainingText, options: LexiconOptions) -> tuple[Lexicon, Line]:
        """The lexicon of a training text, and the text as its ids, LINE_END_ID at the end of each line."""
        spec = options.tokenizer
        tokenizer = make_tokenizer(("words" if data.tokenized else "pieces") if spec == "auto" else spec)
        tokenizer.learn(line for document in data.train.documents for line in lines_of(document))
        numbers: defaultdict[str, int] = defaultdict()
        numbers.default_factory = numbers.__len__  # each type's number is that of the types before it
        parts = []
        for text in _texts(data.train.documents):
            events = tokenizer.events(text)
            parts.append(np.fromiter(map(numbers.__getitem__, events), np.int32, len(events)))
        text_numbers = np.concatenate([np.zeros(0, dtype=np.int32), *parts])
        del parts
        counts = np.bincount(text_numbers, minlength=len(numbers)).tolist()
        kinds = {kind: count for kind, count in zip(numbers, counts, strict=True) if kind != LINE_END}
        known = sorted((kind for kind in kinds if kinds[kind] >= options.min_count), key=lambda k: (-kinds[k], k))
        rare = [kind for kind in kinds if kinds[kind] < options.min_count]
        spelled = rare if len(rare) >= _FEW_RARE_TYPES else list(kinds)
        lexicon = cls(tokenizer, known, spelled, options.min_count)
        ids = np.fromiter(map(lexicon._ids.__getitem__, numbers), np.int32, len(numbers))
        return lexicon, ids[text_numbers]

    def limited(self, kept: NDArray[np.bool_]) -> Lexicon:
        """This lexicon with fewer types, (types,); the others are unknown, and spelled as the rare words are."""
        types = [kind for kind, stays in zip(self.types[2:], kept[2:], strict=True) if stays]
        pruned = [kind for kind, stays in zip(self.types[2:], kept[2:], strict=True) if not stays]
        rare = [kind for kind in self._spelled if kind not in self._ids] + pruned
        return Lexicon(self.tokenizer, types, rare if len(rare) >= _FEW_RARE_TYPES else self._spelled, self.min_count)

    def save(self, folder: Path, options: LexiconOptions) -> None:
        """Write lexicon.json into a folder, with the options of the model that it belongs to."""
        stored = _Stored(
            options=options.model_dump(mode="json"),
            tokenizer=self.tokenizer.name,
            tokenizer_state=self.tokenizer.state(),
            types=self.types[2:],
            spelled=self._spelled,
        )
        (folder / _FILE).write_text(stored.model_dump_json(), encoding="utf-8")

    @classmethod
    def restore(cls, folder: Path, options: LexiconOptions) -> Lexicon:
        """The lexicon that `save` wrote. Raises SpecError where it is not there or belongs to other options."""
        try:
            stored = _Stored.model_validate_json((folder / _FILE).read_bytes())
            tokenizer = make_tokenizer(stored.tokenizer)
            tokenizer.restore(stored.tokenizer_state)
        except (OSError, ValueError, SpecError) as error:
            raise SpecError(f"{folder} holds no saved model: {_FILE} cannot be read: {reason(error)}") from error
        asked = options.model_dump(mode="json")
        for name in asked.keys() | stored.options.keys():
            if asked.get(name) != stored.options.get(name):
                raise SpecError(f"{folder} holds a model with {name}={stored.options.get(name)}, not {asked.get(name)}")
        return cls(tokenizer, stored.types, stored.spelled, options.min_count)

    def __len__(self) -> int:
        return len(self.types)

    def lines(self, documents: Iterable[str]) -> list[Line]:
        """All lines of these documents as ids, each ended by LINE_END_ID: what models are trained on."""
        return [
            line for text in _texts(documents) for line in lines_of_ids(self._event_ids(self.tokenizer.events(text)))
        ]

    def encode(self, document: str) -> Encoded:
        """A document's ids, offsets and spelling prices."""
        return self._encode([document])[0]

    def score(self, documents: Sequence[str], score_lines: ScoreLines) -> list[Score]:
        """The documents' scores, from a function that gives each id's log-probability (nats) in each line."""
        encoded = [self.encode(document) for document in documents]
        logprobs = iter(score_lines([line for document in encoded for line in document.lines]))
        scores = []
        for document in encoded:
            known = [next(logprobs) for _ in document.lines]
            scores.append(self.combine(document, np.concatenate(known) if known else np.zeros(0)))
        return scores

    def score_text(self, documents: Sequence[str], score_ids: ScoreIds) -> list[Score]:
        """The documents' scores, from a function that scores the ids of all documents at once.

        It is given the ids and whether each begins a line, and gives their log-probabilities (nats).
        """
        encoded, borders = self._encode(documents)
        begins = np.zeros(len(encoded.ids) + 1, dtype=bool)
        begins[1:] = encoded.ids == LINE_END_ID
        begins[borders] = True
        whole = self.combine(encoded, score_ids(encoded.ids, begins[:-1]))
        return [Score(whole.ends[a:b], whole.logprobs[a:b], whole.spelling[a:b]) for a, b in pairwise(borders.tolist())]

    def combine(self, encoded: Encoded, logprobs: NDArray[np.float64]) -> Score:
        """A document's score, from its ids' log-probabilities: (events,), nats."""
        return Score(encoded.ends, clip_rounding(logprobs) + encoded.spelling, encoded.spelling)

    def history(self, text: str) -> Line:
        """The ids of the last, unfinished line of `text`: what a line model conditions on."""
        return self._event_ids(self.tokenizer.events(text.split("\n")[-1]))

    def shown(self, kind: int) -> str:
        """A type's text for people, in one line: spaces as ``␣``, what cannot be printed escaped."""
        if kind == UNKNOWN_ID:
            return UNKNOWN
        spelled = b"\n" if kind == LINE_END_ID else self.tokenizer.letters(self.types[kind])
        return printable(spelled.decode(errors="backslashreplace")).replace(" ", "␣")

    def state_after(self, text: str, after: After) -> LexiconState:
        """A line model's state after a text; `after` gets the ids of the unfinished line."""
        return LexiconState(self, text, self.history(text), after)

    def spellings(self, before: str | None) -> tuple[bytes | None, ...]:
        """The bytes that each type adds after the type `before`, None at a line's start; none for ``<unk>``."""
        return self._spellings(before is not None and not before.isspace())

    def unknown_prefix_logprob(self, prefix: bytes, before: str | None) -> float:
        """Nats: log P(an unknown type's event begins with these bytes), after the type `before`."""
        beginnings = self.tokenizer.beginnings(prefix, before is not None and not before.isspace())
        return float(np.logaddexp.reduce([self._letters.prefix_logprob(letters) for letters in beginnings]))

    @lru_cache(2)  # noqa: B019  (a lexicon lives as long as its model)
    def _spellings(self, after_word: bool) -> tuple[bytes | None, ...]:
        return (None, LINE_END.encode(), *(self._spelling(kind, after_word) for kind in self.types[2:]))

    def _spelling(self, kind: str, after_word: bool) -> bytes | None:
        try:
            return self.tokenizer.spell(("a", kind) if after_word else (kind,))[-1]
        except KeyError:  # a type from elsewhere, which is none of this tokenizer's
            return None

    def signature(self) -> Signature:
        """The tokenizer and the vocabulary policy."""
        return Signature.of(
            tok=self.tokenizer.name,
            vocab=len(self.types),
            unk=f"count<{self.min_count}+letters{LetterModel().order}",
        )

    @cached_property
    def _letters(self) -> LetterModel:
        return LetterModel().learn(self.tokenizer.letters(kind) for kind in self._spelled)

    def _encode(self, documents: Sequence[str]) -> tuple[Encoded, NDArray[np.int64]]:
        """Documents one after the other, the ends' offsets each in its own; (documents + 1,), events before each."""
        lines = list(map(line_ended, documents))  # as lines of one text they are encoded several times as fast
        text = "".join(lines)
        events, ends = self.tokenizer.cut(text)
        ids = self._event_ids(events)
        prices = np.zeros(len(ids))
        unknown = np.flatnonzero(ids == UNKNOWN_ID)
        prices[unknown] = self._priced([events[place] for place in unknown.tolist()])
        reached = np.cumsum([0, *(len(line.encode()) for line in lines)])
        borders = np.searchsorted(ends, reached, side="right")
        ends -= np.repeat(reached[:-1], np.diff(borders))
        encoded = Encoded(ids, ends, prices)
        added = [line is not document for line, document in zip(lines, documents, strict=True)]
        if not any(added):
            return encoded, borders
        given = np.ones(len(ids), dtype=bool)
        given[borders[1:][added] - 1] = False
        return Encoded(ids[given], ends[given], prices[given]), borders - np.cumsum([0, *added])

    def _event_ids(self, events: Sequence[str]) -> Line:
        return np.fromiter(map(self._ids.__getitem__, events), np.int32, len(events))

    def _priced(self, kinds: Sequence[str]) -> list[float]:
        """What the letter model charges for each of these unknown types, nats."""
        new = [kind for kind in dict.fromkeys(kinds) if kind not in self._prices]
        if new:
            prices = self._letters.logprobs([self.tokenizer.letters(kind) for kind in new]).tolist()
            self._prices.update(zip(new, prices, strict=True))
        return [self._prices[kind] for kind in kinds]


class _Ids(dict[str, int]):
    """Ids of known types; that of all others is the unknown word's."""

    def __missing__(self, kind: str) -> int:
        return UNKNOWN_ID


def lines_of_ids(ids: Line) -> list[Line]:
    """Ids cut after each line end."""
    lines = np.split(ids, np.flatnonzero(ids == LINE_END_ID) + 1)
    return lines if len(lines[-1]) else lines[:-1]


def _texts(documents: Iterable[str]) -> Iterator[str]:
    """The documents, each ended by a line end, about a megabyte at once: what is read must not all lie in memory."""
    parts: list[str] = []
    size = 0
    for document in documents:
        parts.append(line_ended(document))
        size += len(document)
        if size > _READ_AT_ONCE:
            yield "".join(parts)
            parts, size = [], 0
    if parts:
        yield "".join(parts)


class LexiconState(ModelState):
    """A text read event by event by a model over a lexicon.

    Args: history, the ids that `after` is given for the event after `text`; across_lines, whether the history goes on
    across line ends or begins anew after each; beyond, names of events that `after` has above the lexicon's types, and
    that no text has.
    """

    def __init__(
        self,
        lexicon: Lexicon,
        text: str,
        history: Line,
        after: After,
        across_lines: bool = False,
        beyond: tuple[str, ...] = (),
    ) -> None:
        self._lexicon, self._after, self._across_lines, self._beyond = lexicon, after, across_lines, beyond
        self._history = history.tolist()
        self._before: str | None = next(reversed(lexicon.tokenizer.types([text.split("\n")[-1]])[0]), None)

    def next_events(self) -> NextEvents:
        logprobs = self._after(np.array(self._history, dtype=np.int32))
        spellings = self._lexicon.spellings(self._before) + (None,) * len(self._beyond)
        return NextEvents(self._lexicon.types + self._beyond, logprobs, spellings)

    def prefix_logprob(self, prefix: bytes) -> float:
        """Nats. An unknown word may begin so, too: P(<unk>), and its letters' price as far as they are given."""
        after = self.next_events()
        begun = [spelling is not None and spelling.startswith(prefix) for spelling in after.spellings]
        unknown = after.logprobs[UNKNOWN_ID] + self._lexicon.unknown_prefix_logprob(prefix, self._before)
        return float(np.logaddexp.reduce([*after.logprobs[begun], unknown]))

    def advance(self, event: int) -> None:
        self._before = None if event == LINE_END_ID else self._lexicon.types[event]
        begins_anew = event == LINE_END_ID and not self._across_lines
        self._history = [] if begins_anew else [*self._history, event]
