"""Divergences of distributions, computed by hand and by scipy."""

import numpy as np
import pytest
from scipy.special import rel_entr

from lmbench import build
from lmbench.analysis.divergence import Divergence, compare_distributions
from lmbench.errors import LmbenchError
from lmbench.prediction import Prediction, predict
from lmbench.state import NextEvents

NAMES = ("a", "b", "c")
SPELLINGS = (b"a", b"b", b"c")


class Table:
    """Predicts each letter of a document by the next row of a table of probabilities."""

    def __init__(self, rows, names=NAMES, spellings=SPELLINGS):
        self._rows, self._names, self._spellings = rows, names, spellings

    def predict(self, document):
        with np.errstate(divide="ignore"):
            for end, (letter, row) in enumerate(zip(document, self._rows, strict=False), start=1):
                yield Prediction(NextEvents(self._names, np.log(row), self._spellings), self._names.index(letter), end)

    def follow(self, document):
        raise NotImplementedError


def test_the_measures_by_hand():
    model = Table([[0.5, 0.25, 0.25], [0.25, 0.5, 0.25]])
    baseline = Table([[0.25, 0.5, 0.25], [0.25, 0.5, 0.25]])
    found = compare_distributions(model, baseline, ["ab"])
    # KL of the first event: 1/4 ln(1/2) + 1/2 ln 2 = 1/4 ln 2
    assert found.nats.tolist() == pytest.approx([0.25 * np.log(2), 0])
    assert found.changes.tolist() == pytest.approx([0.25, 0])
    assert found.agreements.tolist() == [False, True]
    assert found.root_mean_square == pytest.approx(0.25 / np.sqrt(2))
    assert found.agreement == 0.5


def test_the_divergence_is_that_of_the_model_from_the_baseline():
    ours, theirs = [0.1, 0.2, 0.7], [0.6, 0.3, 0.1]
    found = compare_distributions(Table([ours]), Table([theirs]), ["a"])
    assert found.nats[0] == pytest.approx(rel_entr(theirs, ours).sum())
    assert found.nats[0] != pytest.approx(rel_entr(ours, theirs).sum(), rel=0.01)


def test_events_without_probability():
    sure, spread = Table([[1.0, 0.0, 0.0]]), Table([[0.5, 0.5, 0.0]])
    assert compare_distributions(spread, sure, ["a"]).nats[0] == pytest.approx(np.log(2))
    assert compare_distributions(sure, spread, ["a"]).nats[0] == np.inf


def test_a_probability_that_is_too_small_for_a_float_counts_as_0():
    class Tiny(Table):
        def predict(self, document):
            yield Prediction(NextEvents(NAMES, np.array([0.0, -800.0, -np.inf]), SPELLINGS), 0, 1)

    assert compare_distributions(Table([[1.0, 0.0, 0.0]]), Tiny([]), ["a"]).nats.tolist() == [0]


def test_a_model_does_not_differ_from_itself(english):
    model = build("kenlm:order=3,min_count=1")
    model.prepare(english)
    found = compare_distributions(model, model, ["the cat saw a zebra\n", "the mat\n"])
    assert len(found.nats) == 9
    assert (found.nats.max(), np.abs(found.changes).max(), found.agreement) == (0, 0, 1)


def test_ngrams_of_two_orders_against_scipy(english):
    models = [build(f"kenlm:order={order},min_count=1") for order in (1, 3)]
    for model in models:
        model.prepare(english)
    text = "the cat sat on the zebra\n"
    found = compare_distributions(*models, [text])
    ours, theirs = ([np.exp(one.following.logprobs) for one in predict(model, text)] for model in models)
    by_scipy = [rel_entr(there, here).sum() for here, there in zip(ours, theirs, strict=True)]
    assert found.nats.tolist() == pytest.approx(by_scipy, rel=1e-6, abs=1e-9)
    assert 0 < found.agreement < 1


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (Table([[0.5, 0.5]], ("a", "b"), (b"a", b"b")), r"different vocabularies \(3 and 2 events\)"),
        (Table([[0.5, 0.25, 0.25]], ("a", "b", "d"), (b"a", b"b", b"d")), r"different vocabularies \(other events\)"),
        (Table([[0.5, 0.25, 0.25]], NAMES, (b"a", b"b", None)), r"different vocabularies \(other events\)"),
    ],
)
def test_other_vocabularies_are_refused(other, message):
    with pytest.raises(LmbenchError, match=message):
        compare_distributions(Table([[0.5, 0.25, 0.25]]), other, ["a"])


def test_other_events_are_refused():
    class Other(Table):
        def predict(self, document):
            return super().predict(document.swapcase().replace("A", "b"))

    rows = [[0.5, 0.25, 0.25]]
    with pytest.raises(LmbenchError, match="cut the text into different events"):
        compare_distributions(Table(rows), Other(rows), ["a"])


def test_a_text_without_events_is_refused():
    with pytest.raises(LmbenchError, match="no events"):
        compare_distributions(Table([]), Table([]), ["", ""])


def test_no_divergence_is_below_zero():
    generator = np.random.default_rng(7)
    rows = generator.dirichlet(np.ones(3), 50)
    nearly = rows * (1 + 1e-16)
    found = compare_distributions(Table(list(rows)), Table(list(nearly)), ["a" * 50])
    assert isinstance(found, Divergence)
    assert found.nats.min() >= 0
