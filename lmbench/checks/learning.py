"""Checks of what a model has learned from."""

from __future__ import annotations

import random
import string
from collections.abc import Sequence

from lmbench.checks.subject import Subject, on_raw_text_too
from lmbench.checks.texts import ENGLISH_TEXT, random_words, secret_documents
from lmbench.checks.verdicts import NotApplicable, require
from lmbench.model import LanguageModel
from lmbench.score import plain_scores

_SMALLEST_SHARE = 0.8  # of the cost of similar words
_SMALLEST_SHARE_OF_CIPHER = 0.9
_CIPHERS = 19


@on_raw_text_too
def check_test_split(subject: Subject) -> None:
    """The words of the test split, which no model can have seen, cost as much as similar words.

    Catches models that find a way to read the test split while they are fitted.
    """
    generator = subject.generator("test-split")
    similar = [" ".join(random_words(generator, 6)) + "\n" for _ in subject.corpus.test.documents]
    _require_similar_cost(subject, subject.corpus.test.documents, similar, "the words of the test split")


@on_raw_text_too
def check_valid(subject: Subject) -> None:
    """The words of the validation split, from which a model only tunes what it has learned, cost as much as others.

    Catches models that are trained on the validation split, and vocabularies and letter models that are learned from
    it. The split has 48 random words, each three times. They must cost more than 0.8 of what similar words cost.
    """
    similar = secret_documents(subject.generator("valid"))
    _require_similar_cost(subject, subject.secrets, similar, "the words of the validation split")


def check_prior(subject: Subject) -> None:
    """Fitted on random letters, a model does not predict English better than text in which the letters are exchanged.

    Catches models that know English before they are fitted, from weights or a tokenizer that was trained elsewhere.
    Their scores can still be probabilities, so a model that fails only this check is verified, but marked. A paragraph
    is compared with 19 substitution ciphers of it, which are as probable for a model that knows only random letters. It
    must cost at least 0.9 of what the cheapest of them costs.
    """
    if subject.model.traits.weights != "fitted":
        raise NotApplicable(f"the model is {subject.model.traits.weights}")
    generator = subject.generator("prior")
    model = subject.fit([_random_line(generator) for _ in range(300)])
    ciphers = [ENGLISH_TEXT.translate(_draw_cipher(generator)) for _ in range(_CIPHERS)]
    [cost, *others] = _costs(model, [ENGLISH_TEXT, *ciphers])
    require(
        cost >= _SMALLEST_SHARE_OF_CIPHER * min(others),
        f"English costs {cost:.0f} nats and its ciphers at least {min(others):.0f}: the model knows English before it "
        "is fitted; declare weights='partly pretrained'",
    )


def _require_similar_cost(subject: Subject, secret: Sequence[str], similar: Sequence[str], what: str) -> None:
    if subject.model.traits.pretrained:
        raise NotApplicable("the model is pretrained")
    cost, control = (sum(_costs(subject.model, documents)) for documents in (secret, similar))
    require(cost > _SMALLEST_SHARE * control, f"{what} cost {cost:.0f} nats, but similar ones cost {control:.0f}")


def _costs(model: LanguageModel, documents: Sequence[str]) -> list[float]:
    """Return the cost of each document, in nats."""
    return [-float(score.logprobs.sum()) for score in plain_scores(model.score(documents), documents)]


def _random_line(generator: random.Random) -> str:
    words = ["".join(generator.choices(string.ascii_lowercase, k=generator.randint(1, 8))) for _ in range(8)]
    return " ".join(words) + "\n"


def _draw_cipher(generator: random.Random) -> dict[int, int]:
    """Return a random permutation of the letters, for `str.translate`."""
    return str.maketrans(string.ascii_lowercase, "".join(generator.sample(string.ascii_lowercase, 26)))
