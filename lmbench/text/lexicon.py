"""A closed vocabulary that can price every text: ids for known types, and a letter model for all others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator

from lmbench.arrays import Flags, Floats, Ids, Ints
from lmbench.compression import open_regular
from lmbench.corpus import WORD_SEPARATORS, TrainingText, lines_of, with_line_end
from lmbench.errors import SpecError, reason
from lmbench.model import ModelOptions
from lmbench.ngrams.ids import LINE_END_ID, UNKNOWN_ID
from lmbench.printable import printable, show_spelling
from lmbench.saved import require_same_options
from lmbench.score import Score, clip_rounding
from lmbench.signature import Signature
from lmbench.text.letter_model import LetterModel
from lmbench.text.tokenizers import LINE_END, Tokenizer, make_tokenizer

UNKNOWN = "<unk>"
_FEW_RARE_TYPES = 100
_CHUNK_CHARACTERS = 1 << 20
_FILE = "lexicon.json"

LineScorer = Callable[[list[Ids]], list[Floats]]
"""``score_lines(lines)`` returns the log-probability of each id of each line, nats."""

TextScorer = Callable[[Ids, Flags], Floats]
"""``score_ids(ids, starts)`` returns the log-probability of each id, nats; `starts` marks the first ids of lines."""


class LexiconOptions(ModelOptions):
    """The options of every model with a closed vocabulary."""

    tokenizer: str = Field(
        "auto", description="words, pieces, jieba, bytes, bpe or bpe:N; auto: words for tokenized text, else pieces"
    )
    min_count: int = Field(2, ge=1, description="lowest count in the training split that makes a type a known word")

    @field_validator("tokenizer")
    @classmethod
    def _tokenizer_exists(cls, spec: str) -> str:
        if spec != "auto":
            make_tokenizer(spec)
        return spec


@dataclass(frozen=True, slots=True)
class EncodedDocument:
    """A document as type ids.

    Attributes:
        ids: (events,) int32. LINE_END_ID ends each line, except a last line without a line end.
        ends: (events,) int64, the byte offsets at which the events end.
        spelling: (events,) float64, nats: the letter model's cost of each unknown type; 0 for known ones.
    """

    ids: Ids
    ends: Ints
    spelling: Floats

    @property
    def lines(self) -> list[Ids]:
        """The ids of each line."""
        return lines_of_ids(self.ids)

    def score(self, logprobs: Floats) -> Score:
        """Return the document's score, given the log-probability of each id: (events,), nats."""
        return Score(self.ends, clip_rounding(logprobs) + self.spelling, self.spelling)


class StoredLexicon(BaseModel):
    """A lexicon as JSON. It holds the words that the letter model learned from, and restoring learns it again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tokenizer: str
    tokenizer_state: str
    types: tuple[str, ...]
    spelled: tuple[str, ...]

    @field_validator("types")
    @classmethod
    def _types_are_distinct(cls, types: tuple[str, ...]) -> tuple[str, ...]:
        if len({LINE_END, *types}) <= len(types):
            raise ValueError("a type is listed twice")
        return types

    def restore(self, options: LexiconOptions) -> Lexicon:
        """Return the lexicon.

        Args:
            options: The options that it was learned with.

        Raises:
            SpecError: There is no such tokenizer.
            ValueError: The state is not that of the tokenizer.
        """
        tokenizer = make_tokenizer(self.tokenizer)
        tokenizer.restore(self.tokenizer_state)
        return Lexicon(tokenizer, self.types, self.spelled, options.min_count)


class _LexiconFile(StoredLexicon):
    """A lexicon in a file of its own, with the options of the model that it belongs to."""

    options: dict[str, JsonValue]


class Lexicon:
    """Assigns ids to types, and costs to the types that have none.

    Types that occur fewer than `min_count` times in the training split are unknown. In training they are replaced by
    ``<unk>``, so the probability of ``<unk>`` after each history is estimated from the rare words. With the default of
    2 these are the words seen once, whose share of the text is the estimate by Good and Turing (1953) of the
    probability that the next word is new. A letter model that learns from the same rare words prices the spelling.

    `learn` makes a lexicon; docs/words-plugin.md shows how a model uses it.

    Attributes:
        tokenizer: Splits text into tokens, each an event.
        types: The type of each id, as the tokenizer writes it: those of UNKNOWN_ID and LINE_END_ID, and then the known
            words, the most frequent ones first.
        min_count: The lowest count in the training split that makes a type a known word.
    """

    def __init__(self, tokenizer: Tokenizer, types: Sequence[str], spelled: Sequence[str], min_count: int) -> None:
        self.tokenizer = tokenizer
        self.types = (UNKNOWN, LINE_END, *types)
        self.min_count = min_count
        self._spelled = tuple(spelled)
        # A literal "<unk>" in a text is an ordinary word: its id comes from `types` and is never UNKNOWN_ID.
        self._ids = _KnownIds({LINE_END: LINE_END_ID} | {token: i for i, token in enumerate(types, start=2)})
        self._spelling_costs: dict[str, float] = {}
        self._spellings: dict[bool, tuple[bytes | None, ...]] = {}
        self._unknown_boundaries: dict[bool, float] = {}

    @classmethod
    def learn(cls, data: TrainingText, options: LexiconOptions) -> Lexicon:
        """Learn the lexicon of a training text: tokenizer, known words, and the spelling of rare ones.

        Args:
            data: The training text; only its training split is read.
            options: The tokenizer, and the lowest count of a known word.
        """
        return cls.learn_and_encode(data, options)[0]

    @classmethod
    def learn_and_encode(cls, data: TrainingText, options: LexiconOptions) -> tuple[Lexicon, Ids]:
        """Learn the lexicon of a training text, and encode the text in the same pass.

        Returns:
            The lexicon, and the ids of the training split, (events,). LINE_END_ID ends each line.
        """
        tokenizer = _learn_tokenizer(data, options)
        types, numbers = _number_types(tokenizer, data.train.documents)
        counts = dict(zip(types, np.bincount(numbers, minlength=len(types)).tolist(), strict=True))
        lexicon = cls._from_counts(tokenizer, counts, options.min_count)
        return lexicon, lexicon._ids_of(types)[numbers]

    @classmethod
    def _from_counts(cls, tokenizer: Tokenizer, counts: Mapping[str, int], min_count: int) -> Lexicon:
        words = {token: count for token, count in counts.items() if token != LINE_END}
        known = sorted((w for w, count in words.items() if count >= min_count), key=lambda w: (-words[w], w))
        rare = [word for word, count in words.items() if count < min_count]
        return cls(tokenizer, known, rare if len(rare) >= _FEW_RARE_TYPES else list(words), min_count)

    def restrict(self, kept: Flags) -> Lexicon:
        """Return this lexicon without some types, which become unknown words.

        Args:
            kept: (types,), whether to keep each type.
        """
        types = [token for token, keep in zip(self.types[2:], kept[2:], strict=True) if keep]
        dropped = [token for token, keep in zip(self.types[2:], kept[2:], strict=True) if not keep]
        rare = [token for token in self._spelled if token not in self._ids] + dropped
        return Lexicon(self.tokenizer, types, rare if len(rare) >= _FEW_RARE_TYPES else self._spelled, self.min_count)

    def stored(self) -> StoredLexicon:
        """Return the lexicon as it is stored."""
        return StoredLexicon(
            tokenizer=self.tokenizer.name,
            tokenizer_state=self.tokenizer.state(),
            types=self.types[2:],
            spelled=self._spelled,
        )

    def save(self, folder: Path, options: LexiconOptions) -> None:
        """Write lexicon.json into a folder, with the options of the model that it belongs to."""
        stored = _LexiconFile(options=options.model_dump(mode="json"), **dict(self.stored()))
        (folder / _FILE).write_text(stored.model_dump_json(), encoding="utf-8")

    @classmethod
    def restore(cls, folder: Path, options: LexiconOptions) -> Lexicon:
        """Read the lexicon that `save` wrote.

        Raises:
            SpecError: The file is missing or damaged, or belongs to a model with other options.
        """
        try:
            with open_regular(folder / _FILE) as file:
                stored = _LexiconFile.model_validate_json(file.read())
            lexicon = stored.restore(options)
        except (OSError, ValueError, SpecError) as error:
            raise SpecError(f"{folder} does not hold a saved model: {_FILE} cannot be read: {reason(error)}") from error
        newer = type(options).model_construct().model_dump(mode="json")  # an older file lacks new options: the defaults
        require_same_options(folder, newer | stored.options, options.model_dump(mode="json"))
        return lexicon

    def __len__(self) -> int:
        return len(self.types)

    def lines(self, documents: Iterable[str]) -> list[Ids]:
        """Return the lines of documents as ids, for training. LINE_END_ID ends each line, the last ones included."""
        return [
            line for text in _chunks(documents) for line in lines_of_ids(self._ids_of(self.tokenizer.tokenize(text)))
        ]

    def encode(self, document: str) -> EncodedDocument:
        """Return a document as ids, with their offsets and spelling costs.

        Args:
            document: Any text. If its last line lacks a line end, there is no event for it.
        """
        return self._encode([document])[0]

    def encode_each(self, documents: Sequence[str]) -> list[EncodedDocument]:
        """Return each document as `encode` does, but in one pass, which is several times as fast for short ones."""
        encoded, borders = self._encode(documents)
        return [
            EncodedDocument(encoded.ids[a:b], encoded.ends[a:b], encoded.spelling[a:b])
            for a, b in pairwise(borders.tolist())
        ]

    def score(self, documents: Sequence[str], score_lines: LineScorer) -> list[Score]:
        """Score documents line by line.

        Args:
            documents: The documents.
            score_lines: Returns the log-probability of each id of each line, nats, without spelling costs.
        """
        encoded = self.encode_each(documents)
        logprobs = iter(score_lines([line for document in encoded for line in document.lines]))
        scores = []
        for document in encoded:
            parts = [next(logprobs) for _ in document.lines]
            scores.append(document.score(np.concatenate(parts) if parts else np.zeros(0)))
        return scores

    def score_as_one_text(self, documents: Sequence[str], score_ids: TextScorer) -> list[Score]:
        """Score documents joined into one text, which is fast if `score_ids` is an array operation.

        Args:
            documents: The documents.
            score_ids: Returns the log-probability of each id, nats, without spelling costs. It gets the ids of all
                documents, and an array of the same length that says whether each id begins a line.
        """
        encoded, borders = self._encode(documents)
        starts = np.zeros(len(encoded.ids) + 1, dtype=bool)
        starts[1:] = encoded.ids == LINE_END_ID
        starts[borders] = True
        whole = encoded.score(score_ids(encoded.ids, starts[:-1]))
        return [Score(whole.ends[a:b], whole.logprobs[a:b], whole.spelling[a:b]) for a, b in pairwise(borders.tolist())]

    def history(self, text: str) -> Ids:
        """Return the ids of the last, unfinished line of `text`: the history of a line model."""
        return self._ids_of(self.tokenizer.tokenize(text.split("\n")[-1]))

    def display(self, type_id: int) -> str:
        """Return the human-readable text of a type, in one line: ``␣`` for a space, escapes for control codes."""
        if type_id == UNKNOWN_ID:
            return UNKNOWN
        spelled = b"\n" if type_id == LINE_END_ID else self.tokenizer.letters(self.types[type_id])
        return printable(show_spelling(spelled))

    def spellings(self, after_word: bool) -> tuple[bytes | None, ...]:
        """Return the bytes that each type adds to a line; None for ``<unk>``.

        Args:
            after_word: Whether the event before is a word, rather than white space or the start of the line.
        """
        if after_word not in self._spellings:
            words = (self._spelling(token, after_word) for token in self.types[2:])
            self._spellings[after_word] = (None, LINE_END.encode(), *words)
        return self._spellings[after_word]

    def _spelling(self, token: str, after_word: bool) -> bytes | None:
        try:
            return self.tokenizer.spell(("a", token) if after_word else (token,))[-1]
        except KeyError:  # the vocabulary came from elsewhere, and this tokenizer never produces the type
            return None

    def unknown_prefix_logprob(self, prefix: bytes, after_word: bool) -> float:
        """Return log P(the bytes of an unknown word begin with `prefix`), in nats."""
        prefixes = self.tokenizer.letter_prefixes(prefix, after_word)
        return float(np.logaddexp.reduce([self.letter_model.prefix_logprob(letters) for letters in prefixes]))

    def unknown_boundary_logprob(self, after_word: bool) -> float:
        """Return log P(the bytes of an unknown word begin with white space), in nats. None contains a line end."""
        if after_word not in self._unknown_boundaries:
            starts = [separator.encode() for separator in WORD_SEPARATORS if separator != LINE_END]
            logprobs = [self.unknown_prefix_logprob(start, after_word) for start in starts]
            self._unknown_boundaries[after_word] = min(0.0, float(np.logaddexp.reduce(logprobs)))
        return self._unknown_boundaries[after_word]

    def signature(self) -> Signature:
        """Return the tokenizer, the size of the vocabulary and the policy for unknown words."""
        return Signature.of(
            tok=self.tokenizer.name,
            vocab=len(self.types),
            unk=f"count<{self.min_count}+letters{LetterModel().order}",
        )

    @cached_property
    def letter_model(self) -> LetterModel:
        """The model that prices the spelling of unknown words."""
        return LetterModel().learn(self.tokenizer.letters(token) for token in self._spelled)

    def _encode(self, documents: Sequence[str]) -> tuple[EncodedDocument, Ints]:
        """Encode documents as one text, which is several times as fast as one by one.

        Returns:
            The encoded text, in which the offsets of each document start at 0; and the number of events before each
            document and in all, (documents + 1,).
        """
        texts = list(map(with_line_end, documents))
        events, ends = self.tokenizer.tokenize_with_ends("".join(texts))
        ids = self._ids_of(events)
        offsets = np.cumsum([0, *(len(text.encode()) for text in texts)])
        borders = np.searchsorted(ends, offsets, side="right")
        ends -= np.repeat(offsets[:-1], np.diff(borders))
        encoded = EncodedDocument(ids, ends, self._price_spelling(events, ids))
        return _drop_added_line_ends(encoded, borders, np.array([not d.endswith("\n") for d in documents], dtype=bool))

    def _ids_of(self, events: Sequence[str]) -> Ids:
        return np.fromiter(map(self._ids.__getitem__, events), np.int32, len(events))

    def _price_spelling(self, events: Sequence[str], ids: Ids) -> Floats:
        """Return what the letter model charges for each unknown event, nats; 0 for the others."""
        positions = np.flatnonzero(ids == UNKNOWN_ID)
        unknown = [events[position] for position in positions.tolist()]
        if new := [token for token in dict.fromkeys(unknown) if token not in self._spelling_costs]:
            costs = self.letter_model.logprobs([self.tokenizer.letters(token) for token in new]).tolist()
            self._spelling_costs.update(zip(new, costs, strict=True))
        spelling = np.zeros(len(ids))
        spelling[positions] = [self._spelling_costs[token] for token in unknown]
        return spelling


class _KnownIds(dict[str, int]):
    """The ids of known types; every other type is an unknown word."""

    def __missing__(self, token: str) -> int:
        return UNKNOWN_ID


def lines_of_ids(ids: Ids) -> list[Ids]:
    """Split ids after each line end."""
    lines = np.split(ids, np.flatnonzero(ids == LINE_END_ID) + 1)
    return lines if len(lines[-1]) else lines[:-1]


def _learn_tokenizer(data: TrainingText, options: LexiconOptions) -> Tokenizer:
    spec = options.tokenizer
    tokenizer = make_tokenizer(("words" if data.tokenized else "pieces") if spec == "auto" else spec)
    tokenizer.learn(line for document in data.train.documents for line in lines_of(document))
    return tokenizer


def _number_types(tokenizer: Tokenizer, documents: Iterable[str]) -> tuple[list[str], Ids]:
    """Tokenize documents before it is known which types are frequent.

    Returns:
        The types in the order of their first occurrence, and for each event the index of its type in that list.
    """
    numbers: defaultdict[str, int] = defaultdict()
    numbers.default_factory = numbers.__len__  # a new type gets the next number
    parts = [np.zeros(0, dtype=np.int32)]
    for text in _chunks(documents):
        events = tokenizer.tokenize(text)
        parts.append(np.fromiter(map(numbers.__getitem__, events), np.int32, len(events)))
    return list(numbers), np.concatenate(parts)


def _chunks(documents: Iterable[str]) -> Iterator[str]:
    """Join documents, each ended by a line end, into texts of about a megabyte, so that memory stays bounded."""
    parts: list[str] = []
    size = 0
    for document in documents:
        parts.append(with_line_end(document))
        size += len(document)
        if size > _CHUNK_CHARACTERS:
            yield "".join(parts)
            parts, size = [], 0
    if parts:
        yield "".join(parts)


def _drop_added_line_ends(encoded: EncodedDocument, borders: Ints, added: Flags) -> tuple[EncodedDocument, Ints]:
    """Drop the last event of each document whose line end was added for encoding; return the new borders with it."""
    if not added.any():
        return encoded, borders
    kept = np.ones(len(encoded.ids), dtype=bool)
    kept[borders[1:][added] - 1] = False
    shorter = EncodedDocument(encoded.ids[kept], encoded.ends[kept], encoded.spelling[kept])
    return shorter, borders - np.cumsum([0, *added.tolist()])
