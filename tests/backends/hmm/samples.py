"""Hidden Markov models and lines for the tests."""

from __future__ import annotations

import numpy as np
from hmmlearn.hmm import CategoricalHMM

from lmbench import Split, TaggedWord, TrainingText, build
from lmbench.backends.hmm.forward_backward import ForwardBackward
from lmbench.backends.hmm.parameters import Parameters

ENGINES = ("batched", "hmmlearn")

RAIN = Parameters(  # Wikipedia's example of the Viterbi algorithm, which hmmlearn's tests use as well
    start=np.array([0.6, 0.4]),
    transitions=np.array([[0.7, 0.3], [0.4, 0.6]]),
    emissions=np.array([[0.1, 0.6], [0.4, 0.3], [0.5, 0.1]]),
)

TAGGED = (
    """the/DET cat/NOUN sat/VERB on/ADP the/DET mat/NOUN
a/DET dog/NOUN saw/VERB the/DET cat/NOUN
the/DET saw/NOUN sat/VERB
dog/NOUN saw/VERB a/DET mat/NOUN on/ADP a/DET saw/NOUN
"""
    * 2
)
HELD_OUT = "the/DET dog/NOUN sat/VERB on/ADP a/DET zebra/NOUN\nthe/DET cat/NOUN saw/ADV the/DET dog/NOUN\n"


def fit(spec, data):
    """Build and fit a model."""
    model = build(spec)
    model.fit(data)
    return model


def parts(model):
    """Return a fitted model's start, transition and emission probabilities."""
    parameters = model._fitted.parameters
    return parameters.start, parameters.transitions, parameters.emissions


def without_valid(data):
    """Return the text without its validation split."""
    return TrainingText(data.train, Split(()), data.tokenized)


def tagged_split(text):
    """Return a split of lines that are written as word/TAG word/TAG."""
    lines = tuple(
        tuple(TaggedWord(word.split("/")[0], word.split("/")[1], "_") for word in line.split())
        for line in text.splitlines()
    )
    return Split(tuple(" ".join(word.form for word in line) + "\n" for line in lines), tuple((line,) for line in lines))


def tagged_text(valid=HELD_OUT):
    """Return a small tagged text."""
    return TrainingText(tagged_split(TAGGED), tagged_split(valid) if valid else Split(()), tokenized=True)


def random_parameters(states, symbols, seed=0, sharpness=1.0):
    """Draw parameters; a sharpness below 1 makes the distributions uneven."""
    rng = np.random.default_rng(seed)
    return Parameters(
        rng.dirichlet(np.full(states, sharpness)),
        rng.dirichlet(np.full(states, sharpness), states),
        rng.dirichlet(np.full(symbols, sharpness), states).T.copy(),
    )


def random_lines(symbols, lengths, seed=0):
    """Draw lines of these lengths."""
    rng = np.random.default_rng(seed)
    return [rng.integers(0, symbols, length).astype(np.int32) for length in lengths]


def float64_engine(lines, parameters):
    """Return the engine for models of this size, in float64."""
    return ForwardBackward(lines, *parameters.emissions.shape, dtype="float64")


def hmmlearn_model(parameters, **options):
    """Return hmmlearn's model with these parameters."""
    model = CategoricalHMM(len(parameters.start), n_features=len(parameters.emissions), init_params="", **options)
    model.startprob_, model.transmat_ = parameters.start, parameters.transitions
    model.emissionprob_ = parameters.emissions.T
    return model


def dishonest_casino():
    """Return hmmlearn's example of a fair and a loaded die, and 3,000 rolls: the model, its rolls and its states."""
    casino = Parameters(
        np.array([1.0, 0.0]),
        np.array([[0.95, 0.05], [0.1, 0.9]]),
        np.array([[1 / 6] * 6, [0.1] * 5 + [0.5]]).T.copy(),
    )
    rolls, hidden = hmmlearn_model(casino).sample(3000, random_state=13)
    return casino, rolls[:, 0], hidden
