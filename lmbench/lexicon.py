"""A closed vocabulary that still prices every text: ids for known types, a letter model for the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, field_validator

from lmbench.corpus import TrainingText, lines_of
from lmbench.errors import SpecError
from lmbench.exhibit import printable
from lmbench.model import ModelOptions, Score, Signature, without_rounding
from lmbench.spelling import LetterModel
from lmbench.tokens import LINE_END, Tokenizer, make_tokenizer

UNKNOWN = "<unk>"
UNKNOWN_ID = 0
LINE_END_ID = 1
_FEW_RARE_TYPES = 100
_FILE = "lexicon.json"

Line = NDArray[np.int32]
ScoreLines = Callable[[list[Line]], list[NDArray[np.float64]]]


class LexiconOptions(ModelOptions):
    """The options of every model with a closed vocabulary."""

    tokenizer: str = Field(
        "auto", description="words, pieces, jieba, bytes, bpe or bpe:N; auto: words for tokenised text, else pieces"
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
    """A document as lines of type ids.

    lines     one int32 array of ids a line; its last id is LINE_END_ID unless the document's end cut the line off
    ends      (events,) int64, byte offsets at which the events end
    spelling  (events,) float64, nats: the letter model's price of each unknown type, else 0
    """

    lines: list[Line]
    ends: NDArray[np.int64]
    spelling: NDArray[np.float64]


class _Stored(BaseModel):
    """A lexicon as JSON; the letter model is learnt anew from the words that it was learnt from."""

    model_config = ConfigDict(extra="forbid")

    options: dict[str, JsonValue]
    tokenizer: str
    tokenizer_state: str
    types: tuple[str, ...]
    spelled: tuple[str, ...]


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
        self._letters = LetterModel().learn(tokenizer.letters(kind) for kind in spelled)
        # the literal word "<unk>" in a text is a word like any other: its id comes from `types`, never from UNKNOWN
        self._ids = {LINE_END: LINE_END_ID} | {kind: i for i, kind in enumerate(types, start=2)}
        self._prices: dict[str, float] = {}

    @classmethod
    def learn(cls, data: TrainingText, options: LexiconOptions) -> Lexicon:
        """The lexicon of a training text."""
        spec = options.tokenizer
        tokenizer = make_tokenizer(("words" if data.tokenised else "pieces") if spec == "auto" else spec)
        lines = data.train.lines
        tokenizer.learn(lines)
        counts: Counter[str] = Counter()
        for types in tokenizer.types(lines):
            counts.update(types)
        known = sorted((kind for kind in counts if counts[kind] >= options.min_count), key=lambda k: (-counts[k], k))
        rare = [kind for kind in counts if counts[kind] < options.min_count]
        spelled = rare if len(rare) >= _FEW_RARE_TYPES else list(counts)
        return cls(tokenizer, known, spelled, options.min_count)

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
        except (OSError, ValidationError) as error:
            raise SpecError(f"{folder} holds no saved model: {_FILE} cannot be read") from error
        asked = options.model_dump(mode="json")
        for name in asked.keys() | stored.options.keys():
            if asked.get(name) != stored.options.get(name):
                raise SpecError(f"{folder} holds a model with {name}={stored.options.get(name)}, not {asked.get(name)}")
        tokenizer = make_tokenizer(stored.tokenizer)
        tokenizer.restore(stored.tokenizer_state)
        return cls(tokenizer, stored.types, stored.spelled, options.min_count)

    def __len__(self) -> int:
        return len(self.types)

    def lines(self, documents: Iterable[str]) -> list[Line]:
        """All lines of these documents as ids, each ended by LINE_END_ID: what models are trained on."""
        lines = [line for document in documents for line in lines_of(document)]
        return [self._line_ids(types, ended=True) for types in self.tokenizer.types(lines)]

    def encode(self, document: str) -> Encoded:
        """A document's ids, offsets and spelling prices."""
        texts = document.split("\n")
        lines: list[Line] = []
        lengths: list[int] = []
        prices: list[float] = []
        for number, types in enumerate(self.tokenizer.types(texts)):
            ended = number < len(texts) - 1
            if not types and not ended:
                continue
            lines.append(self._line_ids(types, ended))
            lengths += map(len, self.tokenizer.spell(types))
            prices += [0.0 if kind in self._ids else self._price(kind) for kind in types]
            if ended:
                lengths.append(1)
                prices.append(0.0)
        return Encoded(lines, np.cumsum(lengths, dtype=np.int64), np.array(prices, dtype=np.float64))

    def score(self, documents: Sequence[str], score_lines: ScoreLines) -> list[Score]:
        """The documents' scores, from a function that gives each id's log-probability (nats) in each line."""
        encoded = [self.encode(document) for document in documents]
        logprobs = iter(score_lines([line for document in encoded for line in document.lines]))
        scores = []
        for document in encoded:
            known = [next(logprobs) for _ in document.lines]
            scores.append(self.combine(document, np.concatenate(known) if known else np.zeros(0)))
        return scores

    def combine(self, encoded: Encoded, logprobs: NDArray[np.float64]) -> Score:
        """A document's score, from its ids' log-probabilities: (events,), nats."""
        return Score(encoded.ends, without_rounding(logprobs) + encoded.spelling, encoded.spelling)

    def history(self, text: str) -> Line:
        """The ids of the last, unfinished line of `text`: what a line model conditions on."""
        return self._line_ids(self.tokenizer.types([text.split("\n")[-1]])[0], ended=False)

    def shown(self, kind: int) -> str:
        """A type's text for people, in one line: spaces as ``␣``, what cannot be printed escaped."""
        if kind == UNKNOWN_ID:
            return UNKNOWN
        spelled = b"\n" if kind == LINE_END_ID else self.tokenizer.letters(self.types[kind])
        return printable(spelled.decode(errors="backslashreplace")).replace(" ", "␣")

    def signature(self) -> Signature:
        """The tokenizer and the vocabulary policy."""
        return Signature.of(
            tok=self.tokenizer.name,
            vocab=len(self.types),
            unk=f"count<{self.min_count}+letters{self._letters.order}",
        )

    def _line_ids(self, types: list[str], ended: bool) -> Line:
        ids = [self._ids.get(kind, UNKNOWN_ID) for kind in types]
        return np.array([*ids, LINE_END_ID] if ended else ids, dtype=np.int32)

    def _price(self, kind: str) -> float:
        if kind not in self._prices:
            self._prices[kind] = self._letters.logprob(self.tokenizer.letters(kind))
        return self._prices[kind]
