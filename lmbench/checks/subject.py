"""The model under test, and the texts that it is fitted on."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, wraps
from itertools import product
from typing import Protocol, runtime_checkable

from pydantic import ValidationError

from lmbench.checks.comparison import require_same, tolerance_of
from lmbench.checks.texts import WORDS, random_words, secret_documents
from lmbench.checks.verdicts import CheckCrashedError, CheckFailedError, NotApplicable
from lmbench.corpus import Corpus, Split, TrainingText
from lmbench.errors import UnavailableError, describe
from lmbench.model import LanguageModel, ModelOptions
from lmbench.progress import SILENT, Progress
from lmbench.score import Score, plain_scores
from lmbench.state import ModelState, NextEvents

_ON_RAW_TEXT = "fitted on raw text"


@runtime_checkable
class SuspectsHistories(Protocol):
    """A model that knows which of its distributions may not sum to 1, such as one read from a file."""

    def suspect_histories(self) -> Sequence[str]:
        """Return texts after which the suite also sums the distribution."""


@dataclass(frozen=True)
class Subject:
    """A model under test.

    Attributes:
        make: Returns a new model that is not fitted.
        progress: Receives reports while a model is fitted or its weights are loaded.
        seed: Seed of the random texts.
        tokenized: Whether the model is told that its training text is tokenized.
    """

    make: Callable[[], LanguageModel]
    progress: Progress = SILENT
    seed: int = 0
    tokenized: bool = True

    @cached_property
    def corpus(self) -> Corpus:
        """Text over few words, four lines a document. The secrets and the test split have words of their own."""
        generator = self.generator("corpus")
        lines = [" ".join(generator.choices(WORDS, k=generator.randint(1, 8))) + "\n" for _ in range(240)]
        documents = tuple("".join(lines[i : i + 4]) for i in range(0, len(lines), 4))
        test = tuple(" ".join(random_words(generator, 6)) + "\n" for _ in range(8))
        train, valid = Split(documents[:50]), Split((*documents[50:], *self.secrets))
        return Corpus("check", train, valid, Split(test), "check", tokenized=self.tokenized)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Documents of random words at the end of the validation split."""
        return secret_documents(self.generator("secrets"))

    @cached_property
    def model(self) -> LanguageModel:
        """The model fitted on the corpus, or with its pretrained weights."""
        return self.prepare(self.corpus.training)

    @cached_property
    def raw(self) -> Subject:
        """The subject whose model is fitted on the same text as raw text, which models may tokenize in another way.

        A pretrained model is fitted on neither, and this subject is returned.
        """
        return self if self.model.traits.pretrained else replace(self, tokenized=False)

    @cached_property
    def letter_model(self) -> LanguageModel:
        """The model fitted on lines of one to three letters a, b and c, which then get nearly all probability."""
        if self.model.traits.pretrained:
            return self.model
        lines = ["".join(letters) + "\n" for n in (1, 2, 3) for letters in product("abc", repeat=n)]
        return self.prepare(TrainingText(Split(tuple(lines * 8)), Split(tuple(lines)), tokenized=True))

    def generator(self, purpose: str) -> random.Random:
        """Return a generator of random texts. The same seed and purpose give the same texts."""
        return random.Random(f"{self.seed} {purpose}")

    def fit(self, lines: Sequence[str], *, tokenized: bool = True) -> LanguageModel:
        """Return a new model, fitted on documents of one line each. Every fourth of them is also held out.

        Raises:
            NotApplicable: The model is pretrained.
        """
        if self.model.traits.pretrained:
            raise NotApplicable("the model is pretrained")
        return self.prepare(TrainingText(Split(tuple(lines)), Split(tuple(lines[::4])), tokenized))

    def prepare(self, data: TrainingText, **options: int) -> LanguageModel:
        """Return a new model, fitted or with its weights, with some options changed.

        Raises:
            NotApplicable: The model does not take these options.
        """
        model = self.make()
        if options:
            model = type(model)(_change_options(model.options, options))
        model.prepare(data, self.progress)
        return model

    def score(self, *documents: str) -> list[Score]:
        """Score documents in one batch, and check that each has a score."""
        return plain_scores(self.model.score(documents), documents)

    def state_after(self, text: str) -> ModelState:
        """Return the model's state after `text`.

        Raises:
            NotApplicable: The model cannot advance from there.
        """
        if not next_events(self.model, text).spellings:
            raise NotApplicable("the model does not say how its next events are spelled, so it cannot generate text")
        return self.model.state_after(text)

    def require_same(self, first: Score, second: Score, what: str) -> None:
        """Fail at the first event in which two scores of the model differ.

        Args:
            first: A score.
            second: Another score of the same events.
            what: Describes the two scores, for the message.
        """
        require_same(first, second, tolerance_of(self.model), what)


def on_raw_text_too(check: Callable[[Subject], None]) -> Callable[[Subject], None]:
    """Return a check that also examines the model that was fitted on raw text, unless the model is pretrained.

    It applies if both halves do. If one half does not apply, the other one can still fail.
    """

    @wraps(check)
    def check_both(subject: Subject) -> None:
        missing = _find_missing(check, subject)
        if subject.raw is not subject:
            with _naming_raw_text():
                missing_on_raw_text = _find_missing(check, subject.raw)
            if missing is None and missing_on_raw_text is not None:
                missing = f"{_ON_RAW_TEXT}: {missing_on_raw_text}"
        if missing is not None:
            raise NotApplicable(missing)

    return check_both


def _find_missing(check: Callable[[Subject], None], subject: Subject) -> str | None:
    """Run a check, and return why it does not apply; None if it passes."""
    try:
        check(subject)
    except NotApplicable as reason:
        return str(reason)
    return None


@contextmanager
def _naming_raw_text() -> Iterator[None]:
    """Say of whatever fails that it does so on raw text."""
    try:
        yield
    except CheckFailedError as failure:
        raise CheckFailedError(f"{_ON_RAW_TEXT}: {failure}") from failure
    except UnavailableError:
        raise
    except (Exception, SystemExit) as error:
        raise CheckCrashedError(f"{_ON_RAW_TEXT}: {describe(error)}") from error


def next_events(model: LanguageModel, text: str) -> NextEvents:
    """Return the model's distribution after `text`.

    Raises:
        NotApplicable: It offers none.
    """
    try:
        return model.next_events(text)
    except NotImplementedError as reason:
        raise NotApplicable(str(reason)) from reason


def _change_options(options: ModelOptions, changes: Mapping[str, int]) -> ModelOptions:
    try:
        return type(options).model_validate(options.model_dump() | dict(changes))
    except ValidationError as error:
        raise NotApplicable(f"the model does not take {dict(changes)}") from error
