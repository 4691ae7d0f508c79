"""The model's side of the contract: LanguageModel, its traits and options, and how a user names it.

A document is a ``str``. A model spells its UTF-8 bytes exactly, as a sequence of events; docs/scoring.md gives the
conventions, and docs/plugins.md the shortest complete model.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Generic, Literal, TypeVar, overload

import numpy as np

from lmbench.corpus import TrainingText
from lmbench.errors import NotFittedError, ScoreError, SpecError
from lmbench.exhibit import Exhibit
from lmbench.progress import SILENT, Progress
from lmbench.score import Score
from lmbench.signature import Signature
from lmbench.spec import Options, Spec
from lmbench.state import ModelState, NextEvents, TextState

Value = TypeVar("Value")


class ModelOptions(Options):
    """Base of every model's options: typed, documented, frozen fields. Unknown names are errors."""

    def files(self) -> tuple[Path, ...]:
        """Return the files that the options name and the model reads. A run resumes only if they are unchanged."""
        return ()

    def delegate(self) -> tuple[type[LanguageModel], ModelOptions] | None:
        """Return the model and the options that these options stand for, if they name a model of another class."""
        return None


@dataclass(frozen=True, slots=True)
class ModelSpec(Spec):
    """A model as a user names it: ``kenlm``, ``kenlm:order=3``, ``hf:some/folder,stride=256``."""

    noun: ClassVar[str] = "model"
    list_hint: ClassVar[str] = "write --models all, or NAME,NAME:option=value"


@dataclass(frozen=True, slots=True)
class Traits:
    """What a model declares about itself.

    Attributes:
        weights: "fitted": `fit` learns them; "pretrained": `load` gets them, and `fit` is never called; "partly
            pretrained": `fit` learns the rest of them.
        normalized: False if the scores are not probabilities of a text, such as pseudo-log-likelihoods. The tables
            list such a model apart.
        in_all: Whether ``--models all`` includes the model, if it needs no option.
        batch_characters: About how many characters of documents a run scores at once. A slow model asks for fewer, so
            that progress shows.
        quick_options: Options, as in a spec, that make a slow model quick enough for the conformance suite.
        unchecked_options: Options that the conformance suite leaves out, such as the folder of a checkpoint.
    """

    weights: Literal["fitted", "pretrained", "partly pretrained"] = "fitted"
    normalized: bool = True
    in_all: bool = True
    batch_characters: int = 1 << 20
    quick_options: tuple[tuple[str, str], ...] = ()
    unchecked_options: tuple[str, ...] = ()

    @property
    def pretrained(self) -> bool:
        """Whether `load` gets all weights, so that nothing is fitted."""
        return self.weights == "pretrained"


@dataclass(frozen=True, slots=True)
class Footprint:
    """How large a model is: the number of parameters as stored, and bytes on disk; None if unknown."""

    parameters: int | None = None
    disk_bytes: int | None = None


class LanguageModel(ABC):
    """A model of text: fitted on a training text, or pretrained, it scores documents.

    A subclass implements `score` and `signature`, and `fit` or `load`; declares its options as a subclass of
    ModelOptions; and is registered by an entry point in the group ``lmbench.models``.
    """

    Options: ClassVar[type[ModelOptions]] = ModelOptions
    traits: Traits = Traits()

    def __init__(self, options: ModelOptions | None = None) -> None:
        self.options = options if options is not None else self.Options()

    def prepare(self, data: TrainingText | None, progress: Progress = SILENT) -> None:
        """Make the model ready to score: load its weights if it is pretrained, else fit it.

        Args:
            data: The text to fit on; a pretrained model ignores it.
            progress: Receives reports.

        Raises:
            LmbenchError: The weights are missing, or the text cannot be learned from.
        """
        if self.traits.pretrained:
            self.load(progress)
        elif data is None:
            raise SpecError(f"{type(self).__name__} is not pretrained and needs a text to fit")
        else:
            self.fit(data, progress)

    def fit(self, data: TrainingText, progress: Progress = SILENT) -> None:
        """Learn from data.train; data.valid is for tuning and early stopping. The test split is never seen.

        Raises:
            LmbenchError: The text cannot be learned from.
        """
        if not self.traits.pretrained:
            raise NotImplementedError(f"{type(self).__name__} has no fit and does not declare that it is pretrained")

    def load(self, progress: Progress = SILENT) -> None:  # noqa: B027  (a fitted model loads nothing)
        """Get a pretrained model's weights, so that scoring can be timed alone.

        Raises:
            UnavailableError: They are missing.
        """

    @abstractmethod
    def score(self, documents: Sequence[str]) -> list[Score]:
        """Return one Score for each document, in order. No document's score depends on another's."""

    @abstractmethod
    def signature(self) -> Signature:
        """Return what the scores depend on: options, tokenizer, vocabulary, context, versions."""

    def score_continuation(self, context: str, continuation: str) -> float:
        """Return log P(continuation | context), in nats; see `score_continuations`."""
        return self.score_continuations([(context, continuation)])[0]

    def score_continuations(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        """Return log P(continuation | context), in nats, of each pair (context, continuation), scored in one batch.

        This is the cost of the events of context + continuation that end after the context. If the context ends inside
        an event, that event's first bytes are given: only the part of its cost that exceeds the cost of all events
        with these first bytes counts. Its whole cost counts if the model offers no distribution, or if the event
        begins inside a character.

        Raises:
            ScoreError: The model's scores are not probabilities.
        """
        if not self.traits.normalized:
            raise ScoreError("scores that are not probabilities have no conditional ones")
        wholes = self.score([context + continuation for context, continuation in pairs])
        return [self.conditional_logprob(*pair, whole) for pair, whole in zip(pairs, wholes, strict=True)]

    def conditional_logprob(self, context: str, continuation: str, whole: Score) -> float:
        """Return what `score_continuation` does, given the score of context + continuation."""
        border, text = len(context.encode()), (context + continuation).encode()
        first = int(np.searchsorted(whole.ends, border, side="right")) if border else 0  # an event may have no bytes
        start = int(whole.ends[first - 1]) if first else 0
        cost = float(whole.logprobs[first:].sum())
        if start == border or first == len(whole.ends):
            return cost
        try:
            given = self.state_after(text[:start].decode()).prefix_logprob(text[start:border])
        except (UnicodeDecodeError, NotImplementedError):
            return cost
        return min(0.0, cost - given)

    def next_events(self, text: str) -> NextEvents:
        """Return the distribution over the event after `text`. Optional: implement this or `state_after`.

        Raises:
            NotImplementedError: The model offers no distribution.
        """
        if type(self).state_after is LanguageModel.state_after:
            raise NotImplementedError("the model offers no next-event distribution")
        return self.state_after(text).next_events()

    def state_after(self, text: str) -> ModelState:
        """Return the model's state after `text`, from which it advances event by event.

        This implementation asks `next_events` again for each longer text, so that an event that ends inside a character
        has no spelling.

        Raises:
            NotImplementedError: The model offers no distribution.
        """
        return TextState(self.next_events, text)

    def exhibits(self) -> tuple[Exhibit, ...]:
        """Return what the fitted model shows of itself in `lmbench inspect` and the report. Optional: nothing."""
        return ()

    @property
    def score_tolerance(self) -> float:
        """Nats by which equal scores may differ, through rounding and the order of additions."""
        return 1e-4

    def footprint(self) -> Footprint:
        """Return the number of parameters and the bytes on disk, if they are known."""
        return Footprint()


class Saveable(ABC):
    """A model that can be saved into a folder. Optional, beside LanguageModel."""

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write what was learned into a folder, as arrays and JSON."""

    @abstractmethod
    def restore(self, folder: Path) -> None:
        """Read what `save` of a model with the same options wrote, instead of fitting. Runs no code from the folder.

        Raises:
            SpecError: The folder does not hold such a model.
        """


class Exportable(ABC):
    """A model that can be written in its field's format: an ARPA file, a Hugging Face folder. Optional."""

    @abstractmethod
    def export(self, path: Path) -> None:
        """Write what was learned to `path`.

        Raises:
            SpecError: What was learned cannot be written in this format.
        """

    def check_exportable(self) -> None:  # noqa: B027  (most models can be exported under any options)
        """Check, before anything is fitted, that the options leave something to export.

        Raises:
            SpecError: They do not.
        """


class Fitted(Generic[Value]):
    """An attribute of a model that only fitting, loading or restoring sets.

    Reading it earlier raises NotFittedError. Declare it in the class body: ``_fitted = Fitted[Counts]()``.
    """

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, model: None, owner: type) -> Fitted[Value]: ...
    @overload
    def __get__(self, model: object, owner: type) -> Value: ...
    def __get__(self, model: object | None, owner: type) -> Fitted[Value] | Value:
        if model is None:
            return self
        try:
            value: Value = model.__dict__[self._name]
        except KeyError:
            raise NotFittedError(f"this {type(model).__name__} is not fitted; call prepare or fit first") from None
        return value

    def __set__(self, model: object, value: Value) -> None:
        model.__dict__[self._name] = value
