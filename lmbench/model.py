"""The scoring contract: Score, LanguageModel, and how a model is named and configured.

A document is a ``str``. A model spells its UTF-8 bytes exactly, as a sequence of events; docs/scoring.md
gives the conventions.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from lmbench.corpus import TrainingText
from lmbench.errors import ScoreError
from lmbench.exhibit import Exhibit
from lmbench.spec import Options, Spec

_ROUNDING = 1e-5  # nats
_BYTES = tuple(bytes((byte,)) for byte in range(256))
_BYTE_NAMES = tuple(map(chr, range(256)))

Progress = Callable[[str, float], None]
"""Called as ``progress(what is being done, share done between 0 and 1)``."""


def silent(message: str, share: float) -> None:
    """The Progress that shows nothing."""


def announced_download(message: str) -> str | None:
    """The line in a Progress's message that announces a download, which is shown where nothing else of it is."""
    at = message.find("downloading '")
    return message[at:] if at >= 0 else None


@dataclass(frozen=True, slots=True)
class Score:
    """What a model says of one document.

    ends      (events,) int64, byte offset in the document where each event's text ends; never falls, and
              the last is the document's number of bytes
    logprobs  (events,) float64, nats: log P(event | everything before it), spelling cost included;
              finite, at most 0
    spelling  (events,) float64, nats: the part of logprobs that a letter model charged for spelling an
              unknown word; 0 where the word was known
    """

    ends: NDArray[np.int64]
    logprobs: NDArray[np.float64]
    spelling: NDArray[np.float64]

    def check(self, document: str) -> Score:
        """This score, after proving that it keeps the contract for `document`.

        Raises ScoreError naming the offending event.
        """
        ends, logprobs, spelling = self.ends, self.logprobs, self.spelling
        if not (ends.shape == logprobs.shape == spelling.shape == (len(ends),)):
            raise ScoreError(f"ends {ends.shape}, logprobs {logprobs.shape} and spelling {spelling.shape} differ")
        size = len(document.encode())
        if size == 0 and len(ends) == 0:
            return self
        if len(ends) == 0 or ends[-1] != size:
            last = ends[-1] if len(ends) else 0
            raise ScoreError(f"the events end at byte {last} of a document of {size} bytes")
        if (np.diff(ends, prepend=0) < 0).any():
            raise ScoreError(f"event {int(np.argmax(np.diff(ends, prepend=0) < 0))} ends before the one before it")
        for wrong, reason in (
            (~np.isfinite(logprobs), "is not finite: this model gives the event no probability"),
            (logprobs > 0, "is above 0: that is no probability"),
            (~((spelling <= 0) & (spelling >= logprobs)), "has a spelling cost outside [logprob, 0]"),
        ):
            if wrong.any():
                event = int(np.argmax(wrong))
                start = int(ends[event - 1]) if event else 0
                text = document.encode()[start : int(ends[event])].decode(errors="replace")
                raise ScoreError(
                    f"event {event} ({text!r}, byte {start}), log-probability {logprobs[event]:g}, {reason}"
                )
        return self


def without_rounding(logprobs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log-probabilities (nats), those that float32 arithmetic left a hair above 0 set to 0; anything else as it is."""
    return np.where((logprobs > 0) & (logprobs < _ROUNDING), 0.0, logprobs)


@dataclass(frozen=True, slots=True)
class NextEvents:
    """A distribution over the event that follows a text.

    names      the text of each event where it has one (the line end's is a newline); an unknown word, whatever its
               spelling, is one event
    logprobs   (events,) float64, nats, without spelling costs; ``exp`` of them sums to 1
    spellings  the bytes that each event adds to the text; ``b""`` for the one that ends it; None for an event that is
               no certain text, as an unknown word is. Empty where the model does not say: it then generates no text
    """

    names: tuple[str, ...]
    logprobs: NDArray[np.float64]
    spellings: tuple[bytes | None, ...] = ()

    @classmethod
    def of_bytes(cls, logprobs: NDArray[np.float64]) -> NextEvents:
        """The distribution, (256,) nats, of a model whose events are the bytes."""
        return cls(_BYTE_NAMES, logprobs, _BYTES)

    def begins(self, start: bytes) -> float:
        """Nats: log P(the event's spelling begins with these bytes); 0, all there is, where none does."""
        begun = [spelling is not None and spelling.startswith(start) for spelling in self.spellings]
        return float(np.logaddexp.reduce(self.logprobs[begun])) if any(begun) else 0.0


class Reading(ABC):
    """A model that has read a text and goes on event by event, also where an event ends inside a character."""

    @abstractmethod
    def next_events(self) -> NextEvents:
        """The distribution over the event after all that was read."""

    @abstractmethod
    def read(self, event: int) -> None:
        """Go on by an event that has a spelling: its number in what `next_events` gives."""

    def begins(self, start: bytes) -> float:
        """Nats: log P(the next event's bytes begin with these); 0, all there is, where no event is known to."""
        return self.next_events().begins(start)


@dataclass(frozen=True, slots=True)
class Signature:
    """All that a number depends on, as ordered (name, value) pairs; printed as ``name:value|name:value``."""

    parts: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, **parts: object) -> Signature:
        """A signature of these parts, in this order."""
        return cls(tuple((name, str(value)) for name, value in parts.items()))

    def __add__(self, other: Signature) -> Signature:
        return Signature(self.parts + other.parts)

    def __str__(self) -> str:
        return "|".join(f"{name}:{value}" for name, value in self.parts)


@dataclass(frozen=True, slots=True)
class Footprint:
    """How large a model is: number of parameters as stored, and bytes on disk; None where unknown."""

    parameters: int | None = None
    disk_bytes: int | None = None


class ModelOptions(Options):
    """Base of every model's options: typed, documented, frozen fields. Unknown names are errors."""

    def files(self) -> tuple[Path, ...]:
        """The files that these options name and the model reads: a run goes on only while they stay as they are."""
        return ()


class LanguageModel(ABC):
    """A model of text: fitted on a training text (unless pretrained), it scores documents.

    A subclass writes ``fit``, ``score`` and ``signature``; declares its options as a subclass of ModelOptions;
    and is registered by an entry point in the group ``lmbench.models``. docs/plugins.md has an example.
    """

    Options: ClassVar[type[ModelOptions]] = ModelOptions
    pretrained: ClassVar[bool] = False
    """True where the weights come from elsewhere: load is called, and fit is not."""

    probability: ClassVar[bool] = True
    """False where the scores are no probabilities of a text, as pseudo-log-likelihoods are none: reported apart."""

    in_all: ClassVar[bool] = True
    """Whether ``--models all`` means this model, too, where it needs no option; a large sibling of another says no."""

    quick: ClassVar[tuple[tuple[str, str], ...]] = ()
    """Options, as in a spec, with which a model that takes long is small enough for the conformance suite."""

    scored_at_once: ClassVar[int] = 1 << 20
    """About how many characters of documents a run has scored at once; fewer for a slow model, so that it goes on."""

    unchecked: ClassVar[tuple[str, ...]] = ()
    """Options that the conformance suite leaves out: they say where work is kept, and not what is learned."""

    def __init__(self, options: ModelOptions | None = None) -> None:
        self.options = options if options is not None else self.Options()

    @classmethod
    def with_options(cls, options: ModelOptions) -> LanguageModel:
        """The model that these options make, which may be one of another class."""
        return cls(options)

    def fit(self, data: TrainingText, progress: Progress = silent) -> None:
        """Learn from data.train; data.valid is for tuning and early stopping. The test split is never seen.

        Raises LmbenchError where the text cannot be learned from.
        """
        if not self.pretrained:
            raise NotImplementedError(f"{type(self).__name__} has no fit and does not say that it is pretrained")

    def load(self, progress: Progress = silent) -> None:  # noqa: B027  (what is fitted loads nothing)
        """Get a pretrained model's weights, so that scoring can be timed alone. Raises UnavailableError."""

    @abstractmethod
    def score(self, documents: Sequence[str]) -> list[Score]:
        """One Score for each document, in order. No document's score depends on another's."""

    @abstractmethod
    def signature(self) -> Signature:
        """What the scores depend on: options, tokenizer, vocabulary, context, versions."""

    def score_continuation(self, beginning: str, rest: str) -> float:
        """Nats: log P(rest | beginning), as `score_continuations` of one pair."""
        return self.score_continuations([(beginning, rest)])[0]

    def score_continuations(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        """Nats: log P(rest | beginning) of each pair (beginning, rest), scored in one batch.

        The cost of the events of beginning + rest that end after the beginning. Part of an event across the seam is
        given: of its cost, only what exceeds that of an event that begins so (`Reading.begins`) counts; all of it for a
        model without `reading`, and where the event begins inside a character.
        """
        if not self.probability:
            raise ScoreError("scores that are no probabilities give no conditional ones")
        wholes = self.score([beginning + rest for beginning, rest in pairs])
        return [self.continued(pair[0], pair[1], whole) for pair, whole in zip(pairs, wholes, strict=True)]

    def continued(self, beginning: str, rest: str, whole: Score) -> float:
        """What `score_continuations` gives, where the score of beginning + rest is at hand."""
        seam, text = len(beginning.encode()), (beginning + rest).encode()
        first = int(np.searchsorted(whole.ends, seam, side="right")) if seam else 0  # the first event may have no bytes
        start = int(whole.ends[first - 1]) if first else 0
        cost = float(whole.logprobs[first:].sum())
        if start == seam or first == len(whole.ends):
            return cost
        try:
            given = self.reading(text[:start].decode()).begins(text[start:seam])
        except (UnicodeDecodeError, NotImplementedError):
            return cost
        return min(0.0, cost - given)

    def next_events(self, text: str) -> NextEvents:
        """The distribution over the event after `text`. Optional: NotImplementedError where it is not offered.

        A model writes this or `reading`, and the other follows.
        """
        if type(self).reading is LanguageModel.reading:
            raise NotImplementedError("the model offers no next-event distribution")
        return self.reading(text).next_events()

    def reading(self, text: str) -> Reading:
        """The model after `text`, to go on event by event. NotImplementedError where `next_events` raises it.

        This one is made of `next_events`, which takes whole characters: events that end inside one get no spelling.
        """
        return _TextReading(self, text)

    def exhibits(self) -> tuple[Exhibit, ...]:
        """What the fitted model shows of itself, for `lmbench inspect` and the report. Optional: nothing."""
        return ()

    def save(self, folder: Path) -> None:
        """Write what was learned into a folder, as arrays and JSON. Optional, as next_events is."""
        raise NotImplementedError(f"{type(self).__name__} cannot be saved")

    def restore(self, folder: Path) -> None:
        """Read what `save` of a model with the same options wrote, instead of fitting. Runs no code from the folder."""
        raise NotImplementedError(f"{type(self).__name__} cannot be restored")

    def export(self, path: Path) -> None:
        """Write what was learned in the format of the field: an ARPA file, a Hugging Face folder.

        Optional: NotImplementedError.
        """
        raise NotImplementedError(f"{type(self).__name__} has no export")

    def refuse_export(self) -> None:
        """Raises NotImplementedError, before anything is fitted, where these options leave nothing to export."""
        if type(self).export is LanguageModel.export:
            raise NotImplementedError("its field has no format for it")

    def doubtful(self) -> Sequence[str]:
        """Texts after which what this model says is least likely to sum to 1; the conformance suite looks there, too.

        Optional: none. A model from elsewhere knows best which histories are its own.
        """
        return ()

    @property
    def precision(self) -> float:
        """Nats by which equal scores may differ: what the arithmetic and the order of additions leave open."""
        return 1e-4

    @property
    def learned_elsewhere(self) -> bool:
        """Whether any of the weights comes from elsewhere, which the tables mark: those of a part, too."""
        return self.pretrained

    def footprint(self) -> Footprint:
        """Number of parameters and bytes on disk, where they are known."""
        return Footprint()


class _TextReading(Reading):
    """Reads on by asking for the next events of a longer and longer text."""

    def __init__(self, model: LanguageModel, text: str) -> None:
        self._model, self._text = model, text
        self._after = model.next_events(text)

    def next_events(self) -> NextEvents:
        spellings = tuple(spelling if _is_text(spelling) else None for spelling in self._after.spellings)
        return replace(self._after, spellings=spellings)

    def begins(self, start: bytes) -> float:
        return self._after.begins(start)

    def read(self, event: int) -> None:
        spelling = self._after.spellings[event]
        if spelling is None:
            raise ValueError(f"event {event} has no spelling and cannot be read")
        self._text += spelling.decode()
        self._after = self._model.next_events(self._text)


def _is_text(spelling: bytes | None) -> bool:
    try:
        return spelling is not None and spelling.decode() is not None
    except UnicodeDecodeError:
        return False


@dataclass(frozen=True, slots=True)
class ModelSpec(Spec):
    """A model as a user names it: ``kenlm``, ``kenlm:order=3``, ``hf:some/folder,stride=256``."""

    noun: ClassVar[str] = "model"
    list_hint: ClassVar[str] = "write --models all, or NAME,NAME:option=value"

    def build(self, model: type[LanguageModel]) -> LanguageModel:
        """An unfitted model of this class with these options. Raises as `options` does."""
        return model.with_options(self.options(model.Options))
