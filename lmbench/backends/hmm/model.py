"""Hidden Markov models over lines: trained in batches or by hmmlearn; each event is scored by the forward pass.

Shapes: V symbols, K states.
"""

from __future__ import annotations

import ctypes
import logging
import math
import os
import time
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import ClassVar, Literal, Self

import numpy as np
from hmmlearn.hmm import CategoricalHMM
from pydantic import Field, field_validator, model_validator

from lmbench.backends.hmm.baum_welch import (
    Limits,
    Point,
    Step,
    Trained,
    batched_step,
    cluster_start,
    maximized,
    random_start,
    smoothed,
    train,
)
from lmbench.backends.hmm.forward_backward import Device, Dtype, Floats, ForwardBackward, Parameters, best_paths
from lmbench.backends.hmm.tagging import Hits, TagKind, hits, tag_counts, tag_lines
from lmbench.corpus import TrainingText
from lmbench.errors import CorpusError, SpecError
from lmbench.exhibit import Exhibit
from lmbench.model import Footprint, LanguageModel, ModelOptions, Saveable
from lmbench.ngrams.ids import LINE_END_ID, UNKNOWN_ID
from lmbench.progress import SILENT, Progress
from lmbench.score import Score
from lmbench.signature import Signature
from lmbench.spec import Seconds
from lmbench.state import ModelState
from lmbench.text.lexicon import Lexicon, LexiconOptions, Line, lines_of_ids

_FEWEST_STATES, _MOST_STATES = 16, 1024  # of a model that chooses their number
_MOST_STATES_ASKED = 4096
_TRAINING = ("states", "engine", "start", "iterations", "tolerance", "budget")  # options of training by iteration
_JUDGED_EVENTS = 1 << 16  # of the validation split, which are read after each iteration
_SHOWN_STATES = 48
_SHOWN_WORDS = 8
_UNKNOWN = "<unknown>"  # other than the word "<unk>", which a text may have
_STEPS_TO_EQUILIBRIUM = 200


class HmmOptions(LexiconOptions):
    """Options of the hmm model."""

    states: int | Literal["auto"] = Field(
        64, description="hidden states; auto: doubled while that helps and time allows"
    )
    engine: Literal["batched", "hmmlearn"] = Field(
        "batched", description="batched: matrix products over many lines; hmmlearn: the library, line by line"
    )
    start: Literal["clusters", "random"] = Field(
        "clusters", description="clusters: states begin as clusters of words with like neighbors"
    )
    iterations: int = Field(50, ge=1, description="most EM iterations")
    tolerance: float = Field(
        1e-3, ge=0, description="EM stops when an iteration gains less, in nats per event, prior included"
    )
    budget: Seconds = Field(0.0, ge=0, allow_inf_nan=False, description="longest training: 90, 90s, 5m; 0: no limit")
    prior: float = Field(
        0.01,
        ge=1e-6,
        allow_inf_nan=False,
        description="pseudo-count of each start, transition and emission, so that nothing is impossible",
    )
    dtype: Dtype = Field("float32", description="float32 or float64: of the batched engine's training")
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="of the batched engine; auto: cuda where present"
    )
    seed: int = Field(0, ge=0, lt=2**32, description="seed of the start")
    supervised: Literal["none", "upos", "xpos"] = Field(
        "none",
        description="upos or xpos: the states are the parts of speech of a tagged corpus, and nothing is iterated",
    )

    @field_validator("states", mode="plain")
    @classmethod
    def _number_or_auto(cls, states: object) -> int | Literal["auto"]:
        if states == "auto":
            return "auto"
        number = int(states) if isinstance(states, str) and states.isdecimal() else states
        if isinstance(number, int) and 1 <= number <= _MOST_STATES_ASKED:
            return number
        raise ValueError(f"give a whole number from 1 to {_MOST_STATES_ASKED}, or auto")

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if self.device == "cuda" and not _cuda():
            raise ValueError("this machine has no CUDA device")
        useless = [name for name in _TRAINING if name in self.model_fields_set]
        if self.supervised != "none" and useless:
            told = f"supervised={self.supervised} has a state for each tag and iterates nothing"
            raise ValueError(f"{told}; leave out {', '.join(useless)}")
        if self.engine == "hmmlearn" and "device" in self.model_fields_set:
            raise ValueError("engine=hmmlearn trains on the CPU; leave out device")
        return self


class Hmm(LanguageModel, Saveable):
    """A hidden Markov model over lines, with the line end as a symbol, trained by Baum and Welch's algorithm.

    Every line starts from the start distribution; the line end is emitted like a word, since there is no model of
    lengths. Training has a Dirichlet prior, starts from clusters of words, and keeps the iteration that the validation
    split likes best; then emissions are mixed with the unigrams, as much as it likes.
    """

    Options: ClassVar[type[ModelOptions]] = HmmOptions
    options: HmmOptions

    def fit(self, data: TrainingText, progress: Progress = SILENT) -> None:
        progress("reading", 0.0)
        self._lexicon, text = Lexicon.learn_and_encode(data, self.options)
        lines = lines_of_ids(text)
        if not lines:
            raise CorpusError("the training split is empty: there is nothing to learn from")
        valid = self._lexicon.lines(data.valid.documents)
        self._tags: tuple[str, ...] = ()
        self._hits: tuple[Hits, ...] = ()
        if self.options.supervised != "none":
            self._count_tags(data, self.options.supervised, lines, valid)
        else:
            self._train(lines, _beginning(valid), progress)

    def score(self, documents: Sequence[str]) -> list[Score]:
        return self._lexicon.score(documents, self._lines_logprobs)

    def tags(self, lines: Sequence[str]) -> list[tuple[str, ...]]:
        """The most likely tags of each line's words; lines are without their ends. Raises SpecError if unsupervised."""
        if not self._tags:
            raise SpecError("this hidden Markov model has no tags; fit one with supervised=upos or supervised=xpos")
        paths = best_paths(self._parameters, self._lexicon.lines(lines))
        return [tuple(self._tags[state] for state in path[:-1]) for path in paths]

    def state_after(self, text: str) -> ModelState:
        return self._lexicon.state_after(text, _Filter(self._parameters).after)

    def signature(self) -> Signature:
        options = self.options
        trained_by = {"hmmlearn": f"hmmlearn-{version('hmmlearn')}", "batched": f"batched-{options.dtype}"}
        trained = Signature.of(
            em=f"{self._iteration}of{options.iterations}",
            start=options.start,
            **({"budget": f"{options.budget:g}s"} if options.budget else {}),
            seed=options.seed,
            engine=trained_by[options.engine],
        )
        own = Signature.of(
            states=len(self._parameters.start), prior=f"{options.prior:g}", unigrams=f"{self._unigrams:g}", bos="line"
        )
        counted = Signature.of(supervised=options.supervised)
        return own + (counted if self._tags else trained) + self._lexicon.signature()

    def exhibits(self) -> tuple[Exhibit, ...]:
        """The states by how often they are visited, with their most likely words, and the transitions between them."""
        shares = self._visits()
        order = np.argsort(-shares, kind="stable")[:_SHOWN_STATES].tolist()
        names = [f"{self._name(state)} {' '.join(word for word, _ in self._likely(state, 2))}" for state in order]
        shown = f"the {len(order)} most visited of {len(shares)} states"
        states = Exhibit(
            title="States",
            shows=f"{shown}: share of the events of an endless text of the model's own, P(a line begins there), and "
            "the likeliest words; <unknown> is any word that training saw too rarely",
            kind="table",
            columns=("state", "share", "begins", "emits"),
            rows=tuple(self._described(state, float(shares[state])) for state in order),
        )
        transitions = Exhibit(
            title="Transitions",
            shows=f"{shown}: from the state of a row to the state of a column",
            kind="heatmap",
            columns=("from", *names),
            rows=tuple(
                (name, *self._parameters.transitions[i, order].tolist()) for name, i in zip(names, order, strict=True)
            ),
            unit="probability",
        )
        return states, transitions, self._accuracy() if self._tags else self._curve()

    def save(self, folder: Path) -> None:
        self._lexicon.save(folder, self.options)
        model = self._parameters
        np.savez(
            folder / "hmm.npz",
            start=model.start,
            transitions=model.transitions,
            emissions=model.emissions,
            iteration=self._iteration,
            unigrams=self._unigrams,
            tags=np.array(self._tags, dtype=np.str_),
            hits=[(hits.words, hits.right, hits.by_most_frequent) for hits in self._hits],
            points=[
                (point.iteration, point.train, np.nan if point.valid is None else point.valid) for point in self._points
            ],
        )

    def restore(self, folder: Path) -> None:
        self._lexicon = Lexicon.restore(folder, self.options)
        try:
            self._restore(folder / "hmm.npz")
        except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile, zlib.error) as error:
            raise SpecError(f"{folder} holds no saved model: hmm.npz cannot be read") from error

    def _restore(self, file: Path) -> None:
        with file.open("rb") as opened, np.load(opened) as arrays:
            self._parameters = Parameters(arrays["start"], arrays["transitions"], arrays["emissions"])
            self._iteration, self._unigrams = int(arrays["iteration"]), float(arrays["unigrams"])
            self._tags = tuple(arrays["tags"].tolist())
            self._hits = tuple(Hits(*numbers) for numbers in arrays["hits"].tolist())
            self._points = tuple(
                Point(int(iteration), train, None if np.isnan(valid) else valid)
                for iteration, train, valid in arrays["points"].tolist()
            )

    def footprint(self) -> Footprint:
        model = self._parameters
        numbers = model.start.size + model.transitions.size + model.emissions.size
        return Footprint(parameters=numbers, disk_bytes=8 * numbers)

    def _train(self, lines: list[Line], valid: list[Line], progress: Progress) -> None:
        deadline = time.monotonic() + self.options.budget if self.options.budget else float("inf")
        if self.options.states != "auto":
            self._keep(self._trained(lines, valid, self.options.states, deadline, progress), lines, valid)
        else:
            self._keep(self._grown(lines, valid, deadline, progress), lines, valid)

    def _grown(self, lines: list[Line], valid: list[Line], deadline: float, progress: Progress) -> Trained:
        """A model whose number of states was doubled while the validation split gained more than the tolerance by it.

        There are never more states than events, and none is tried for which the time is short.
        """
        if not valid:
            raise CorpusError("states=auto needs a validation split, by which it chooses their number")
        states = min(_FEWEST_STATES, events := sum(map(len, lines)))
        began = time.monotonic()
        best = self._trained(lines, valid, states, deadline, progress)
        took = time.monotonic() - began
        while 2 * states <= min(_MOST_STATES, events) and time.monotonic() + 3 * took < deadline:
            began, states = time.monotonic(), 2 * states
            other = self._trained(lines, valid, states, deadline, progress)
            took = time.monotonic() - began
            if best.nats - other.nats <= self.options.tolerance:
                break
            best = other
        return best

    def _trained(
        self, lines: list[Line], valid: list[Line], states: int, deadline: float, progress: Progress
    ) -> Trained:
        options, symbols = self.options, len(self._lexicon)
        progress(f"{states} states: start", 0.0)
        start = (
            cluster_start(lines, symbols, states, options.seed)
            if options.start == "clusters"
            else random_start(symbols, states, options.seed)
        )

        def told(point: Point) -> None:
            judged = "" if point.valid is None else f", validation {point.valid:.4f}"
            message = f"{states} states, EM iteration {point.iteration} of {options.iterations}"
            progress(f"{message}, {point.train:.4f} nats per event{judged}", point.iteration / options.iterations)

        limits = Limits(options.iterations, options.tolerance, deadline)
        judge = self._engine(valid, states) if valid else None
        return train(self._step(lines, states), start, options.prior, sum(map(len, lines)), judge, limits, told)

    def _step(self, lines: list[Line], states: int) -> Step:
        if self.options.engine == "hmmlearn":
            return hmmlearn_step(lines, self.options.prior)
        return batched_step(self._engine(lines, states), self.options.prior)

    def _engine(self, lines: list[Line], states: int) -> ForwardBackward:
        device: Device = "cuda" if self.options.device != "cpu" and _cuda() else "cpu"
        return ForwardBackward(lines, len(self._lexicon), states, self.options.dtype, device)

    def _count_tags(self, data: TrainingText, kind: TagKind, lines: list[Line], valid: list[Line]) -> None:
        """The states are the tags, and the line end has one of its own; accuracy is that on the validation split."""
        tagged = tag_lines(data.train, kind, lines)
        self._tags = tuple(sorted({tag for line in tagged for tag in line}))
        numbers = {tag: number for number, tag in enumerate(self._tags)}
        ids = [np.array([numbers[tag] for tag in line]) for line in tagged]
        counts = tag_counts(lines, ids, len(self._lexicon), len(self._tags))
        self._keep(Trained(maximized(counts, self.options.prior), 0, ()), lines, _beginning(valid))
        if valid:
            right = [np.array([numbers.get(tag, -1) for tag in line]) for line in tag_lines(data.valid, kind, valid)]
            most_frequent = counts.emissions.argmax(axis=1)
            compared = (right, best_paths(self._parameters, valid), [most_frequent[line] for line in valid])
            words = np.concatenate(valid)
            known, unknown = (words != UNKNOWN_ID) & (words != LINE_END_ID), words == UNKNOWN_ID
            self._hits = (hits(*compared, known), hits(*compared, unknown))

    def _keep(self, trained: Trained, lines: list[Line], valid: list[Line]) -> None:
        self._parameters, self._unigrams = trained.parameters, 0.0
        self._iteration, self._points = trained.iteration, trained.points
        if valid:
            frequency = np.bincount(np.concatenate(lines), minlength=len(self._lexicon)) + self.options.prior
            judge = self._engine(valid, len(trained.parameters.start))
            self._parameters, self._unigrams = smoothed(trained.parameters, frequency / frequency.sum(), judge)

    def _lines_logprobs(self, lines: list[Line]) -> list[Floats]:
        """Nats of each event of each line."""
        model = self._parameters
        symbols, states = model.emissions.shape
        return ForwardBackward(lines, symbols, states, "float64").logprobs(model)

    def _curve(self) -> Exhibit:
        return Exhibit(
            title="Training",
            shows=f"bits per event, spelling aside; the parameters after iteration {self._iteration} were kept",
            kind="lines",
            columns=("EM iterations", "training", "validation"),
            rows=tuple(
                (iteration, _bits(before.train if before else None), _bits(after.valid if after else None))
                for iteration, (before, after) in enumerate(
                    zip([*self._points, None], [None, *self._points], strict=True)
                )
            ),
            unit="bits per event",
        )

    def _accuracy(self) -> Exhibit:
        """Tagging accuracy on the validation split, with that of each word's most frequent tag beside."""
        known, unknown = self._hits or (Hits(0, 0, 0),) * 2
        words = Hits(
            known.words + unknown.words, known.right + unknown.right, known.by_most_frequent + unknown.by_most_frequent
        )
        return Exhibit(
            title="Tagging accuracy",
            shows="share of the validation split's words that get the right tag (the unigrams' share was chosen on it, "
            "too); unknown are those seen too rarely",
            kind="table",
            columns=("", "words", "accuracy", "with each word's most frequent tag"),
            rows=tuple(
                (name, count.words, f"{count.right / count.words:.2%}", f"{count.by_most_frequent / count.words:.2%}")
                for name, count in (("all words", words), ("known words", known), ("unknown words", unknown))
                if count.words
            ),
        )

    def _visits(self) -> Floats:
        """Share of the time that each state is visited in an endless text: a line's end leads to the start again."""
        end = self._parameters.emissions[LINE_END_ID]
        step = self._parameters.transitions * (1 - end[:, None]) + end[:, None] * self._parameters.start
        shares = self._parameters.start
        for _ in range(_STEPS_TO_EQUILIBRIUM):
            shares = (shares + shares @ step) / 2
        return shares

    def _described(self, state: int, share: float) -> tuple[int | str, str, str, str]:
        words = self._likely(state, _SHOWN_WORDS)
        emits = ", ".join(f"{word} {probability:.1%}" for word, probability in words)
        return self._name(state), f"{share:.1%}", f"{self._parameters.start[state]:.1%}", emits

    def _name(self, state: int) -> int | str:
        return self._tags[state] if self._tags else state

    def _likely(self, state: int, number: int) -> list[tuple[str, float]]:
        """The types that a state emits most often, as people read them, with their probabilities."""
        emissions = self._parameters.emissions[:, state]
        best = np.argsort(-emissions, kind="stable")[:number].tolist()
        return [
            (_UNKNOWN if kind == UNKNOWN_ID else self._lexicon.display(kind), float(emissions[kind])) for kind in best
        ]


class _Filter:
    """Reads a line event by event; what it has read is not read again when the line goes on."""

    def __init__(self, parameters: Parameters) -> None:
        self._parameters = parameters
        self._history: Line = np.zeros(0, dtype=np.int32)
        self._states = parameters.start

    def after(self, history: Line) -> Floats:
        """log P(symbol | history), (V,) nats."""
        model, known = self._parameters, len(self._history)
        if not np.array_equal(history[:known], self._history):
            known, self._states = 0, model.start
        for symbol in history[known:]:
            seen = self._states * model.emissions[symbol]
            self._states = seen / seen.sum() @ model.transitions
        self._history = history
        return np.asarray(np.log(model.emissions @ self._states))


def _beginning(lines: list[Line]) -> list[Line]:
    """The first _JUDGED_EVENTS events; the last line may be cut off."""
    kept, left = [], _JUDGED_EVENTS
    for line in lines:
        if left <= 0:
            break
        kept.append(line[:left])
        left -= len(line)
    return kept


def _bits(nats: float | None) -> float | None:
    return None if nats is None else nats / math.log(2)


def hmmlearn_step(lines: list[Line], prior: float) -> Step:
    """An iteration of Baum and Welch by hmmlearn's faster implementation."""
    events, lengths = np.concatenate(lines)[:, None], [len(line) for line in lines]

    def step(parameters: Parameters) -> tuple[float, Parameters]:
        symbols, states = parameters.emissions.shape
        model = CategoricalHMM(
            n_components=states,
            n_features=symbols,
            startprob_prior=1 + prior,
            transmat_prior=1 + prior,
            emissionprob_prior=1 + prior,
            n_iter=1,
            init_params="",
            implementation="scaling",
        )
        model.startprob_, model.transmat_ = parameters.start, parameters.transitions
        model.emissionprob_ = parameters.emissions.T
        with _silenced("hmmlearn.base"):  # it doubts models of more numbers than events, once an iteration
            model.fit(events, lengths)
        return model.monitor_.history[0], Parameters(model.startprob_, model.transmat_, model.emissionprob_.T.copy())

    return step


@contextmanager
def _silenced(name: str) -> Iterator[None]:
    """Without the warnings of this logger."""
    logger = logging.getLogger(name)
    before = logger.disabled
    logger.disabled = True
    try:
        yield
    finally:
        logger.disabled = before


def _cuda() -> bool:
    """Whether PyTorch finds a GPU; it takes seconds to import, and is not asked where CUDA's driver is missing."""
    try:
        ctypes.CDLL("nvcuda.dll" if os.name == "nt" else "libcuda.so.1")
    except OSError:
        return False
    import torch

    return torch.cuda.is_available()
