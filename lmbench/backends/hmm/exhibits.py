"""The exhibits of a fitted hidden Markov model: states, transitions, and training or tagging accuracy."""

from __future__ import annotations

import math

import numpy as np

from lmbench.arrays import Floats
from lmbench.backends.hmm.fitted import FittedHmm, TagHits
from lmbench.backends.hmm.parameters import Parameters
from lmbench.exhibit import Exhibit
from lmbench.ngrams.ids import LINE_END_ID, UNKNOWN_ID

_SHOWN_STATES = 48
_SHOWN_WORDS = 8
_UNKNOWN = "<unknown>"  # not "<unk>", which a text may contain as a word
_STEPS_TO_EQUILIBRIUM = 200


def hmm_exhibits(fitted: FittedHmm) -> tuple[Exhibit, ...]:
    """Return the most visited states, the transitions between them, and the tagging accuracy or the training."""
    shares = visit_shares(fitted.parameters)
    order = np.argsort(-shares, kind="stable")[:_SHOWN_STATES].tolist()
    last = _tagging_accuracy(fitted.hits) if fitted.tags else _training_curve(fitted)
    return _states(fitted, shares, order), _transitions(fitted, order), last


def visit_shares(parameters: Parameters) -> Floats:
    """Return the share of an endless text's events in which each state is visited, (K,).

    After a line end the next event comes from the start distribution.
    """
    end = parameters.emissions[LINE_END_ID]
    step = parameters.transitions * (1 - end[:, None]) + end[:, None] * parameters.start
    shares = parameters.start
    for _ in range(_STEPS_TO_EQUILIBRIUM):
        shares = (shares + shares @ step) / 2
    return shares


def _states(fitted: FittedHmm, shares: Floats, order: list[int]) -> Exhibit:
    return Exhibit(
        title="States",
        shows=f"{_selection(fitted, order)}: share of events in an endless text of the model's own, P(a line begins "
        "there), and the most likely words; <unknown> is any word that was too rare in training",
        kind="table",
        columns=("state", "share", "begins", "emits"),
        rows=tuple(
            (
                _name(fitted, state),
                f"{shares[state]:.1%}",
                f"{fitted.parameters.start[state]:.1%}",
                ", ".join(f"{word} {probability:.1%}" for word, probability in _words(fitted, state, _SHOWN_WORDS)),
            )
            for state in order
        ),
    )


def _transitions(fitted: FittedHmm, order: list[int]) -> Exhibit:
    names = [f"{_name(fitted, state)} {' '.join(word for word, _ in _words(fitted, state, 2))}" for state in order]
    return Exhibit(
        title="Transitions",
        shows=f"{_selection(fitted, order)}: from the state of a row to the state of a column",
        kind="heatmap",
        columns=("from", *names),
        rows=tuple(
            (name, *fitted.parameters.transitions[state, order].tolist())
            for name, state in zip(names, order, strict=True)
        ),
        unit="probability",
    )


def _training_curve(fitted: FittedHmm) -> Exhibit:
    """Show both splits' costs after each number of iterations, from 0 up."""
    training = [*(_bits(point.train_nats) for point in fitted.points), None]
    validation = [None, *(_bits(point.valid_nats) for point in fitted.points)]
    return Exhibit(
        title="Training",
        shows=f"bits per event, without spelling; the parameters after iteration {fitted.iteration} were kept",
        kind="lines",
        columns=("EM iterations", "training", "validation"),
        rows=tuple((iteration, *costs) for iteration, costs in enumerate(zip(training, validation, strict=True))),
        unit="bits per event",
    )


def _tagging_accuracy(hits: tuple[TagHits, ...]) -> Exhibit:
    known, unknown = hits or (TagHits(0, 0, 0),) * 2
    return Exhibit(
        title="Tagging accuracy",
        shows="share of the validation split's words with the right tag (the unigrams' weight was chosen on the same "
        "split); unknown words were too rare in training",
        kind="table",
        columns=("", "words", "accuracy", "with each word's most frequent tag"),
        rows=tuple(
            (name, count.words, f"{count.correct / count.words:.2%}", f"{count.by_most_frequent / count.words:.2%}")
            for name, count in (("all words", known + unknown), ("known words", known), ("unknown words", unknown))
            if count.words
        ),
    )


def _selection(fitted: FittedHmm, order: list[int]) -> str:
    return f"the {len(order)} most visited of {fitted.parameters.states} states"


def _name(fitted: FittedHmm, state: int) -> int | str:
    return fitted.tags[state] if fitted.tags else state


def _words(fitted: FittedHmm, state: int, number: int) -> list[tuple[str, float]]:
    """Return the types that a state emits most often, in human-readable form, and their probabilities."""
    emissions = fitted.parameters.emissions[:, state]
    best = np.argsort(-emissions, kind="stable")[:number].tolist()
    return [(_UNKNOWN if kind == UNKNOWN_ID else fitted.lexicon.display(kind), float(emissions[kind])) for kind in best]


def _bits(nats: float | None) -> float | None:
    return None if nats is None else nats / math.log(2)
