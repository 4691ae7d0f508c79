"""Reliability and entropy, by hand, and of a source whose distributions are the truth."""

from dataclasses import replace

import numpy as np
import pytest

from lmbench.analysis.calibration import draw_entropies, draw_reliability, measure_calibration, source_predictions
from lmbench.corpora.synthetic.markov import MarkovOptions
from lmbench.prediction import Prediction
from lmbench.state import NextEvents


def prediction(probabilities, event):
    with np.errstate(divide="ignore"):
        return Prediction(NextEvents(tuple("abcd"), np.log(probabilities)), event, 0)


def test_probabilities_are_compared_with_frequencies():
    # twice 1/2, 1/4, 1/4 with the event a, and twice 1/2, 1/2 with the event b
    documents = [[prediction([0.5, 0.25, 0.25], 0), prediction([0.5, 0.5, 0], 1)]] * 2
    reliability, _ = measure_calibration(documents)
    assert reliability["class"].tolist() == [0.5, 0.25]
    assert reliability["events"].tolist() == [6, 4]
    assert reliability["predicted"].tolist() == [0.5, 0.25]
    assert reliability["observed"].tolist() == pytest.approx([4 / 6, 0])


def test_small_probabilities_count_and_the_last_class_has_the_smallest():
    rest = 2.0**-20 + 2.0**-50
    reliability, entropy = measure_calibration([[prediction([1 - rest, 2.0**-20, 2.0**-50], 2)]])
    assert reliability["class"].tolist() == [1, 2.0**-20, 2.0**-39]
    assert reliability["predicted"].tolist() == pytest.approx([1 - rest, 2.0**-20, 2.0**-50])
    assert reliability["observed"].tolist() == [0, 0, 1]
    assert entropy["observed"].tolist() == pytest.approx([50])


def test_surprisals_are_compared_with_entropies():
    documents = [[prediction([0.5, 0.25, 0.25], 1), prediction([0.5, 0.5, 0], 1)], [prediction([1, 0, 0], 0)]]
    _, entropy = measure_calibration(documents)
    assert entropy["class"].tolist() == [0, 1]
    assert entropy["events"].tolist() == [1, 2]
    assert entropy["predicted"].tolist() == pytest.approx([0, (1.5 + 1) / 2])
    assert entropy["observed"].tolist() == pytest.approx([0, (2 + 1) / 2])


@pytest.fixture(scope="module")
def documents():
    """Return the distributions of a source over 250 lines that it generated."""
    options = MarkovOptions(order=1, words=8, concentration=0.5, stop=0.1)
    source = options.source()
    lines = source.texts(source.draw(250, np.random.default_rng(3)))
    return [list(source_predictions(source, line)) for line in lines]


def test_the_predictions_of_a_source_are_its_score(documents):
    options = MarkovOptions(order=1, words=8, concentration=0.5, stop=0.1)
    source = options.source()
    [line, *_] = source.texts(source.draw(250, np.random.default_rng(3)))
    scores = [one.following.logprobs[one.event] for one in documents[0]]
    assert scores == pytest.approx(source.score(line).logprobs.tolist())
    assert [np.exp(one.following.logprobs).sum() for one in documents[0]] == pytest.approx([1.0] * len(scores))


def test_a_source_is_reliable(documents):
    reliability, entropy = measure_calibration(documents)
    for frame in (reliability[reliability["events"] > 400], entropy):
        assert len(frame) >= 3
        is_within = (frame["low"] <= frame["predicted"]) & (frame["predicted"] <= frame["high"])
        assert is_within.mean() >= 0.75
    totals = [(frame["events"] * frame["predicted"]).sum() for frame in (reliability, entropy)]
    seen = [(frame["events"] * frame["observed"]).sum() for frame in (reliability, entropy)]
    assert seen == pytest.approx(totals, rel=0.02)


def sharpen(one):
    """Return a prediction whose distribution is too sure: the probabilities are squared."""
    logprobs = 2 * one.following.logprobs
    return replace(one, following=replace(one.following, logprobs=logprobs - np.logaddexp.reduce(logprobs)))


def test_a_model_that_is_too_sure_is_overconfident(documents):
    reliability, entropy = measure_calibration([[sharpen(one) for one in document] for document in documents])
    assert (entropy["low"] > entropy["predicted"]).all()
    assert reliability["high"].iloc[0] < reliability["predicted"].iloc[0]


def test_charts_have_the_points_and_a_perfect_line(documents):
    reliability, entropy = measure_calibration(documents)
    for chart, frame in ((draw_reliability(reliability, "m"), reliability), (draw_entropies(entropy, "m"), entropy)):
        perfect, points = chart.series
        assert perfect.x == perfect.y
        assert points.x == tuple(frame["predicted"])
