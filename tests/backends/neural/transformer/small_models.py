"""Small Transformers, trained in seconds, for the tests."""

import math

from lmbench.corpus import Split, TrainingText
from lmbench.model import ModelSpec
from lmbench.registry import build

SMALL = {
    "tokenizer": "bpe:1024", "layers": "2", "width": "32", "heads": "2", "context": "32", "batch_tokens": "256",
    "learning_rate": "1e-2",
}  # fmt: skip
TRAIN = tuple(
    f"the {animal} sat on the {thing}.\nit was {mood}.\n"
    for animal in ("cat", "dog", "hen")
    for thing in ("mat", "log", "roof")
    for mood in ("glad", "sad")
)
ENCODER_DECODER = ",architecture=encoder-decoder,context=12"


def unfitted(options=""):
    """Return a model with these options, and those of SMALL for the others."""
    given = dict(ModelSpec.parse("transformer:" + options.removeprefix(",")).arguments)
    return build(ModelSpec("transformer", tuple((SMALL | given).items())))


def fitted(options="", train=TRAIN, valid=TRAIN[:3], tokenized=False):
    """Return a fitted model with these options."""
    model = unfitted(options)
    model.fit(TrainingText(Split(train), Split(valid), tokenized=tokenized))
    return model


def bits_per_byte(model, documents):
    """Return the cost of the documents."""
    nats = -sum(score.logprobs.sum() for score in model.score(documents))
    return nats / math.log(2) / sum(len(document.encode()) for document in documents)
