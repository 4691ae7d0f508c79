"""The contract of a model: LanguageModel, its traits and options, and how a user names it.

A document is a ``str``. A model spells its UTF-8 bytes exactly, as a sequence of events; docs/scoring.md gives the
conventions, and docs/plugins.md the shortest complete model.
"""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, fields
from numbers import Integral
from pathlib import Path
from typing import ClassVar, Generic, Literal, Self, TypeVar, overload

from pydantic import Field, JsonValue

from lmbench.checksum import hash_file
from lmbench.corpus import TrainingText
from lmbench.errors import NotFittedError, PluginError, ScoreError, SpecError, kind_of
from lmbench.exhibit import Exhibit
from lmbench.printable import printable
from lmbench.progress import SILENT, Progress
from lmbench.score import Score, checked_scores
from lmbench.signature import Signature
from lmbench.spec import Options, Spec
from lmbench.state import ModelState, NextEvents, TextState

Value = TypeVar("Value")

Grid = tuple[tuple[str, tuple[str, ...]], ...]
"""Options with the values that a search tries for each of them, written as in a spec."""

LONGEST_REMARK = 60
"""Characters of the longest remark; see `LanguageModel.remarks`."""

_LONGEST_VALUE = 60  # characters of an option in the representation of a model


class ModelOptions(Options):
    """Base of every model's options: typed, documented, frozen fields. Unknown names are errors."""

    incidental: ClassVar[frozenset[str]] = frozenset()
    """The options that do not decide what fitting learns, such as a device. A saved model can have others."""

    scoring_only: ClassVar[frozenset[str]] = frozenset()
    """The options that fitting does not read. One fit serves all of their values, and a saved model can have others."""

    def files(self) -> tuple[Path, ...]:
        """Return the files that the options name and the model reads. A run resumes only if they are unchanged."""
        return ()

    def identity(self) -> dict[str, JsonValue]:
        """Return everything that the options say about the model, with the contents of the files that they name.

        Models whose options say the same are the same model. An option that names a file is replaced by the file's
        SHA-256, so that a file may be moved. A file that is missing has none.

        Raises:
            SpecError: A file cannot be read.
        """
        digests = {path: _hash_if_present(path) for path in self.files()}
        named: dict[str, JsonValue] = {}
        for name, value in self.model_dump(mode="json").items():
            path = Path(value).expanduser() if isinstance(value, str) and value else None
            named[name] = f"sha256:{digests.pop(path)}" if path in digests else value
        if digests:
            named["files"] = [*sorted(digests.values())]
        return named

    def for_fitting(self) -> Self:
        """Return these options with the defaults of those that fitting does not read."""
        fields = {name: field for name, field in type(self).model_fields.items() if name in self.scoring_only}
        defaults = {
            name: field.get_default(call_default_factory=True)
            for name, field in fields.items()
            if not field.is_required()
        }
        return self.model_copy(update=defaults)

    def delegate(self) -> tuple[type[LanguageModel], ModelOptions] | None:
        """Return the model class and the options to use instead, if these options name a model of another class."""
        return None


class HistoryOptions(ModelOptions):
    """The options of models whose history can be cut while their weights stay the same."""

    scoring_only: ClassVar[frozenset[str]] = frozenset({"history"})

    history: int | None = Field(
        None, ge=0, description="an event depends on this many events before it at most; default: as far as it can"
    )

    def identity(self) -> dict[str, JsonValue]:
        """Return what the options say about the model; the history counts if it is cut."""
        named = super().identity()
        return {name: value for name, value in named.items() if name != "history" or value is not None}

    def sign_history(self) -> Signature:
        """Return the history as a part of a signature; nothing if it is not cut."""
        return Signature() if self.history is None else Signature.of(history=self.history)


@dataclass(frozen=True, slots=True)
class ModelSpec(Spec):
    """A model as a user names it: ``kenlm``, ``kenlm:order=3``, ``hf:some/folder,stride=256``."""

    noun: ClassVar[str] = "model"
    list_hint: ClassVar[str] = "write --models all, or NAME,NAME:option=value"


@dataclass(frozen=True, slots=True)
class Traits:
    """The properties that a model declares.

    Attributes:
        weights: "fitted": `fit` learns them; "pretrained": `load` gets them, and `fit` is never called; "partly
            pretrained": `fit` gets some of them and learns the others.
        normalized: False if the scores are not probabilities of a text, such as pseudo-log-likelihoods. Tables list
            these models separately.
        in_all: Whether ``--models all`` includes the model. It never includes a model with a required option.
        checked_in_runs: Whether `lmbench run` has the conformance suite check the model. False for models with which
            this takes minutes: only `lmbench check` does, and until then tables mark the model as not checked.
        batch_characters: About how many characters of documents a run scores in one batch. Slow models use smaller
            batches, so that progress is visible.
        quick_options: Options, as in a spec, with which the conformance suite makes a slow model quick.
        unchecked_options: Options that the conformance suite leaves out, such as the folder of a checkpoint. One that
            is also a quick option gets that value, whatever a spec says.
        grid: For each option that ``auto`` can choose on the validation split, the values that it tries, written as in
            a spec.
        version: The version of the algorithm. Raise it if the same options give other numbers than before, so that
            stored cells and fitted models of older versions are not used.
        threads: How many threads the numeric libraries get at most; None: as many as there are CPUs. A run evaluates
            cells at the same time if their threads fit.
        libraries: Heavy libraries that the model imports, or its own modules that import them, so that a run may import
            them once for several cells, and before it measures how long fitting takes.
        gpu: Whether the model uses a GPU if there is one.
    """

    weights: Literal["fitted", "pretrained", "partly pretrained"] = "fitted"
    normalized: bool = True
    in_all: bool = True
    checked_in_runs: bool = True
    batch_characters: int = 1 << 20
    quick_options: tuple[tuple[str, str], ...] = ()
    unchecked_options: tuple[str, ...] = ()
    grid: Grid = ()
    version: int = 1
    threads: int | None = None
    libraries: tuple[str, ...] = ()
    gpu: bool = False

    def __post_init__(self) -> None:
        for name, holds in (
            ("weights", self.weights in ("fitted", "pretrained", "partly pretrained")),
            ("normalized", isinstance(self.normalized, bool)),
            ("in_all", isinstance(self.in_all, bool)),
            ("checked_in_runs", isinstance(self.checked_in_runs, bool)),
            ("batch_characters", isinstance(self.batch_characters, int) and self.batch_characters > 0),
            ("quick_options", isinstance(self.quick_options, tuple) and all(map(_is_option, self.quick_options))),
            ("unchecked_options", isinstance(self.unchecked_options, tuple)),
            ("grid", isinstance(self.grid, tuple) and all(map(_is_axis, self.grid))),
            ("version", _is_count(self.version)),
            ("threads", self.threads is None or _is_count(self.threads)),
            ("libraries", isinstance(self.libraries, tuple) and all(isinstance(name, str) for name in self.libraries)),
            ("gpu", isinstance(self.gpu, bool)),
        ):
            if not holds:
                raise PluginError(f"the trait {name}={getattr(self, name)!r} is not valid")

    @property
    def pretrained(self) -> bool:
        """Whether `load` gets all weights, so that nothing is fitted."""
        return self.weights == "pretrained"


@dataclass(frozen=True, slots=True)
class Footprint:
    """The size of a model: the number of parameters as stored, and the bytes on disk; None if unknown."""

    parameters: int | None = None
    disk_bytes: int | None = None


def plain_traits(declared: object) -> Traits:
    """Return the traits of a model.

    Raises:
        PluginError: They are anything but a Traits.
    """
    if not isinstance(declared, Traits):
        raise PluginError(f"traits is {kind_of(declared)}; it must be a Traits")
    return Traits(**{field.name: getattr(declared, field.name) for field in fields(Traits)})


def declared_traits(model: type[LanguageModel]) -> Traits:
    """Return the traits that a class declares; the usual ones if each instance computes its own."""
    declared: object = model.traits
    return declared if isinstance(declared, Traits) else Traits()


def plain_footprint(returned: object) -> Footprint:
    """Return what `LanguageModel.footprint` returned, in plain numbers.

    Raises:
        PluginError: It returned anything but a Footprint of numbers from 0 up, or None.
    """
    if not isinstance(returned, Footprint):
        raise PluginError(f"footprint returned {kind_of(returned)}; it must return a Footprint")
    return Footprint(_plain_size(returned.parameters, "parameters"), _plain_size(returned.disk_bytes, "disk_bytes"))


def plain_remarks(returned: object) -> tuple[str, ...]:
    """Return what `LanguageModel.remarks` returned, which is shown beside the model's row.

    Raises:
        PluginError: It returned anything but a tuple of short texts.
    """
    if not isinstance(returned, tuple):
        raise PluginError(f"remarks returned {kind_of(returned)}; it must return a tuple of str")
    return tuple(map(_plain_remark, returned))


def _plain_remark(remark: object) -> str:
    if type(remark) is not str:
        raise PluginError(f"remarks returned a tuple with {kind_of(remark)}; it must hold str alone")
    if not 0 < len(remark) <= LONGEST_REMARK:
        raise PluginError(f"a remark has {len(remark)} characters; it must have 1 to {LONGEST_REMARK}")
    return remark


def _plain_size(size: object, name: str) -> int | None:
    if size is None:
        return None
    if type(size) is bool or not isinstance(size, Integral):
        raise PluginError(f"{name} of the footprint is {kind_of(size)}; it must be an int or None")
    if size < 0:
        raise PluginError(f"{name} of the footprint is {int(size)}; it must be at least 0")
    return int(size)


def _abbreviate(value: object) -> str:
    """Return the value of an option, shortened if it is long."""
    shown = printable(repr(value))
    return shown if len(shown) <= _LONGEST_VALUE else f"{shown[:_LONGEST_VALUE]}…"


def _hash_if_present(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal; "" if it is missing."""
    if not path.is_file():
        return ""
    try:
        return hash_file(path)
    except OSError as error:
        raise SpecError(f"cannot read {path}: {error.strerror}") from error


def _is_count(number: object) -> bool:
    return type(number) is int and number > 0


def _is_option(option: object) -> bool:
    return isinstance(option, tuple) and [type(entry) for entry in option] == [str, str]


def _is_axis(axis: object) -> bool:
    """Return whether this is an option with the values that are tried for it."""
    if not (isinstance(axis, tuple) and [type(entry) for entry in axis] == [str, tuple]):
        return False
    _, values = axis
    return bool(values) and all(isinstance(value, str) for value in values)


class LanguageModel(ABC):
    """A model of text: fitted on a training text, or pretrained, it scores documents.

    A subclass implements `score` and `signature`, and `fit` or `load`; declares its options as a subclass of
    ModelOptions; and is registered by an entry point in the group ``lmbench.models``.
    """

    Options: ClassVar[type[ModelOptions]] = ModelOptions
    traits: Traits = Traits()
    _has_warned_of_boundary = False
    _fitted_on: str | None = None

    def __init__(self, options: ModelOptions | None = None) -> None:
        self.options = options if options is not None else self.Options()

    def __repr__(self) -> str:
        """Return the class, the options that were set, and what the model was fitted on."""
        options = getattr(self, "options", None)  # a subclass may not have set them
        names = sorted(options.model_fields_set) if isinstance(options, ModelOptions) else []
        given = ", ".join(f"{name}={_abbreviate(getattr(options, name))}" for name in names)
        return f"<{', '.join(filter(None, (f'{type(self).__name__}({given})', self._describe_fit())))}>"

    def _describe_fit(self) -> str:
        """Return what the model was fitted on, as far as that is known; "" if nothing is."""
        if self._fitted_on is not None:
            return f"fitted on {self._fitted_on}"
        fitted = [
            name for kind in type(self).__mro__ for name, value in vars(kind).items() if isinstance(value, Fitted)
        ]
        is_ready = any(name in vars(self) for name in fitted)
        if self.traits.pretrained:
            return "pretrained, loaded" if is_ready else "pretrained"
        if not fitted and vars(self).keys() - {"options"}:  # they may be from its constructor or from its fit
            return ""
        return "fitted" if is_ready else "not fitted"

    def prepare(self, data: TrainingText | None, progress: Progress = SILENT) -> None:
        """Make the model ready to score: load its weights if it is pretrained, else fit it.

        Args:
            data: The text to fit on; a pretrained model ignores it.
            progress: Receives reports.

        Raises:
            LmbenchError: The weights are missing, or the text does not suffice to fit the model.
        """
        if self.traits.pretrained:
            self.load(progress)
        elif data is None:
            raise SpecError(f"{type(self).__name__} is not pretrained and needs a text to fit")
        else:
            self.fit(data, progress)
            self._fitted_on = data.train.extent

    def fit(self, data: TrainingText, progress: Progress = SILENT) -> None:
        """Fit the model on data.train; data.valid is for tuning and early stopping.

        Args:
            data: The training and validation splits. A model never sees the test split.
            progress: Receives reports.

        Raises:
            LmbenchError: The text does not suffice to fit the model.
        """
        if not self.traits.pretrained:
            raise NotImplementedError(f"{type(self).__name__} does not implement fit or declare that it is pretrained")

    def load(self, progress: Progress = SILENT) -> None:  # noqa: B027  (a fitted model loads nothing)
        """Load a pretrained model's weights. This is separate from scoring so that scoring can be timed alone.

        Args:
            progress: Receives reports.

        Raises:
            UnavailableError: The weights are missing.
        """

    @abstractmethod
    def score(self, documents: Sequence[str]) -> list[Score]:
        """Return one Score for each document, in order. No document's score depends on another's."""

    @abstractmethod
    def signature(self) -> Signature:
        """Return everything that the scores depend on: options, tokenizer, vocabulary, context, versions."""

    def score_continuation(self, context: str, continuation: str) -> float:
        """Return log P(continuation | context), in nats; see `score_continuations`."""
        return self.score_continuations([(context, continuation)])[0]

    def score_continuations(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        """Return log P(continuation | context), in nats, of each pair (context, continuation), scored in one batch.

        This sums the log-probabilities of the events of context + continuation that end after the context. If the
        context ends inside an event, the event's first bytes are given, and log P(an event with these first bytes) is
        subtracted. It is not subtracted if the model offers no distribution, or if the event begins inside a character.
        The whole event then counts as a part of the continuation, whose log-probability is too low; the model warns of
        this once.

        Returns:
            (pairs,) nats.

        Raises:
            ScoreError: The model's scores are not probabilities, or break the contract.

        Warns:
            UserWarning: An event across the boundary counts in full.
        """
        if not self.traits.normalized:
            raise ScoreError("scores that are not probabilities cannot be conditioned on a context")
        return [logprob for logprob, _ in self.measure_continuations(pairs)]

    def measure_continuations(self, pairs: Sequence[tuple[str, str]]) -> list[tuple[float, int]]:
        """Return log P(continuation | context), in nats, and how many events end in the continuation, of each pair.

        Each text is scored once, all of them in one batch; see `score_continuations`. A model whose state after a
        context can serve several continuations may override this.

        Raises:
            ScoreError: The model's scores break the contract.
        """
        texts = tuple(dict.fromkeys(context + continuation for context, continuation in pairs))
        scores = dict(zip(texts, checked_scores(self.score(texts), texts) if texts else (), strict=True))
        return [self._measure_continuation(*pair, scores["".join(pair)]) for pair in pairs]

    def _measure_continuation(self, context: str, continuation: str, whole: Score) -> tuple[float, int]:
        logprob = float(self.conditional_logprob(context, continuation, whole))
        return logprob, len(whole.ends) - whole.first_after(len(context.encode()))

    def conditional_logprob(self, context: str, continuation: str, whole: Score) -> float:
        """Return log P(continuation | context), in nats, given the score of context + continuation.

        See `score_continuations`.
        """
        border, text = len(context.encode()), (context + continuation).encode()
        first = whole.first_after(border)
        start = int(whole.ends[first - 1]) if first else 0
        cost = float(whole.logprobs[first:].sum())
        if start == border or first == len(whole.ends):
            return cost
        try:
            given = self.state_after(text[:start].decode()).prefix_logprob(text[start:border])
        except UnicodeDecodeError:
            self._warn_of_boundary("the event begins inside a character")
            return cost
        except NotImplementedError:
            self._warn_of_boundary("the model offers no next-event distribution")
            return cost
        return min(0.0, cost - given)

    def _warn_of_boundary(self, why: str) -> None:
        """Warn, once, that an event across the boundary counts in full."""
        if not self._has_warned_of_boundary:
            self._has_warned_of_boundary = True
            name = type(self).__name__
            warnings.warn(
                f"{name} counts an event across the boundary between context and continuation in full, because {why}; "
                "let the context end as an event does",
                stacklevel=6,
            )

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

        By default the state calls `next_events` for each longer text. An event that ends inside a character then does
        not have a spelling.

        Raises:
            NotImplementedError: The model offers no distribution.
        """
        return TextState(self.next_events, text)

    def exhibits(self) -> tuple[Exhibit, ...]:
        """Return the exhibits of the fitted model, for `lmbench inspect` and the report. Optional; by default none."""
        return ()

    def remarks(self) -> tuple[str, ...]:
        """Return short remarks on how the model was fitted that a reader of its numbers must know.

        They are shown beside the model's row, such as "time-limited" if the clock decided how long it was trained. Each
        has at most 60 characters. Optional; by default none.
        """
        return ()

    @property
    def score_tolerance(self) -> float:
        """Nats by which equal scores may differ, through rounding and the order of additions."""
        return 1e-4

    def footprint(self) -> Footprint:
        """Return the number of parameters and the bytes on disk, if known."""
        return Footprint()


class Saveable(ABC):
    """A mixin for models that can be saved into a folder."""

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write the fitted model into a folder, as arrays and JSON."""

    @abstractmethod
    def restore(self, folder: Path) -> None:
        """Restore the model from a folder that `save` wrote, instead of fitting it. Never runs code from the folder.

        Raises:
            SpecError: The folder does not hold a saved model, or one with other options.
        """


class Exportable(ABC):
    """A mixin for models that can be written in a standard format: an ARPA file, a Hugging Face folder."""

    @abstractmethod
    def export(self, path: Path) -> None:
        """Write the fitted model to `path`.

        Raises:
            SpecError: The format cannot hold this model.
        """

    def export_limits(self) -> tuple[str, ...]:
        """Return sentences on what other programs will not do as this model does. Optional; by default none."""
        return ()

    def check_exportable(self) -> None:  # noqa: B027  (most models can be exported under any options)
        """Check, before fitting, that a model with these options can be exported.

        Raises:
            SpecError: It cannot.
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
            raise NotFittedError(f"this {type(model).__name__} is not ready; call prepare first") from None
        return value

    def __set__(self, model: object, value: Value) -> None:
        model.__dict__[self._name] = value
