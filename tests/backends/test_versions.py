"""The numbers of each built-in model under its default options, pinned together with the version of its algorithm.

Stored cells and fitted models are used again as long as the version is the same. Whoever changes the numbers must
therefore raise the version.
"""

import math

import pytest

from lmbench import Split, TrainingText, build
from lmbench.registry import list_registered, resolve

TRAIN = (
    "A crow was sitting on a branch of a tree with a piece of cheese in her beak.\n"
    "A fox saw her and set his wits to work to discover some way of getting the cheese.\n",
    "\"What a noble bird I see above me!\" said the fox. \"Her beauty is without equal.\"\n"
    "Down came the cheese, of course, and the fox said: \"You have a voice, I see.\"\n\n",
    "A fox one day saw a bunch of ripe grapes on a vine that grew along a tree.\n"
    "The grapes seemed ready to burst with juice, and the fox looked at them with a sigh.\n"
    "\"What a fool I am,\" he said. \"The grapes are sour, I see.\"",
)  # fmt: skip
VALID = ("The fox saw a crow on a tree.\n", "The crow looked at the grapes, and the cheese was in her beak.\n")
TEST = 'The crow said to the fox: "You see, the grapes are on the tree, a piece of cheese is 乳酪!"\n\nA fox\n'

PINNED = {  # versions of the model and of those that it mixes, and bits per byte to 9 significant digits
    "cache": ((1,), 2.66612183),
    "hmm": ((1,), 2.52442734),
    "kenlm": ((1,), 2.65593365),
    "mix": ((1, 1, 1), 2.65593324),
    "ngram": ((1,), 2.66775148),
    "nltk": ((1,), 2.61637030),
    "ppm": ((1,), 2.55178649),
    "uniform": ((1,), 8.00000000),
}
TOLERANCE = {"hmm": 2e-8}
"""Relative difference between processors, if it is more than the last digit: the hmm is trained in float32."""
OTHERS = {"arpa", "gpt2", "hf", "mlm", "openai", "smollm2", "transformer"}  # need files, or many steps


def bits_per_byte(name):
    model = build(name)
    model.fit(TrainingText(Split(TRAIN), Split(VALID)))
    [score] = model.score([TEST])
    return -float(score.logprobs.sum()) / math.log(2) / len(TEST.encode())


def versions(name):
    model = resolve(name)
    return tuple(part.traits.version for part in (model, *getattr(model.options, "parts", ())))


@pytest.mark.parametrize("name", PINNED)
def test_the_same_version_has_the_same_numbers(name):
    pinned, bits = PINNED[name]
    now, current = bits_per_byte(name), versions(name)
    assert current == pinned, f"version {current} of {name} has {now:.9g} bits per byte; pin both here"
    if now != pytest.approx(bits, rel=TOLERANCE.get(name, 2e-9)):
        pytest.fail(
            f"{name} has {now:.9g} bits per byte, and had {bits:.9g} in the same version. If the change is intended, "
            "raise `version` in the traits of the model that changed, and pin the version and the number here."
        )


def test_every_built_in_model_is_pinned():
    assert {name for name, entry in list_registered().items() if entry.is_built_in} == PINNED.keys() | OTHERS
