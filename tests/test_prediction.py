"""The distributions over a document's events, against the model's scores and its own next events."""

import numpy as np
import pytest

from lmbench import build
from lmbench.errors import LmbenchError, ScoreError
from lmbench.model import LanguageModel
from lmbench.prediction import follow, predict
from lmbench.score import Score
from lmbench.signature import Signature
from lmbench.state import NextEvents

TEXT = "the cat saw a zebra\nthe dog sat on the mat\n"  # "zebra" is unknown


@pytest.mark.parametrize("spec", ["kenlm:order=3,min_count=1", "ppm:order=2", "cache:min_count=1", "uniform"])
def test_predictions_are_those_of_the_scores(english, spec):
    model = build(spec)
    model.prepare(english)
    (score,) = model.score([TEXT])
    predictions = list(predict(model, TEXT))
    assert [prediction.end for prediction in predictions] == score.ends.tolist()
    given = [prediction.following.logprobs[prediction.event] for prediction in predictions]
    assert given == pytest.approx((score.logprobs - score.spelling).tolist(), abs=1e-6)
    for prediction in predictions:
        assert np.exp(prediction.following.logprobs).sum() == pytest.approx(1, abs=1e-6)


def test_an_unknown_word_is_the_event_without_a_spelling(english):
    model = build("kenlm:order=3,min_count=1")
    model.prepare(english)
    events = [prediction.event for prediction in predict(model, TEXT)]
    assert events.count(0) == 1  # <unk>


def test_unknown_bytes_inside_characters_are_events(english):
    model = build("kenlm:order=3,tokenizer=bytes")
    model.prepare(english)
    (score,) = model.score(["the 狐 cat"])
    places = list(follow(model, "the 狐 cat", score))

    assert (score.spelling[4:7] < 0).all()
    assert [place.event for place in places[4:7]] == [0, 0, 0]
    assert places[-1].event is None


def test_an_empty_document_has_no_predictions(english):
    model = build("ppm")
    model.prepare(english)
    assert list(predict(model, "")) == []


class Letters(LanguageModel):
    """Gives each of the letters a and b a half, and has a method for the distribution that a test chooses."""

    def __init__(self, following):
        super().__init__()
        self._following = following

    def score(self, documents):
        return [
            Score(np.arange(1, len(text) + 1), np.full(len(text), np.log(0.5)), np.zeros(len(text)))
            for text in documents
        ]

    def next_events(self, text):
        return self._following

    def signature(self):
        return Signature()


def test_a_distribution_that_is_not_that_of_the_scores_is_refused():
    model = Letters(NextEvents(("a", "b"), np.log([0.6, 0.4]), (b"a", b"b")))
    with pytest.raises(ScoreError, match=r"ends at byte 1 is scored -0.693147, but its distribution says -0.510826"):
        list(predict(model, "ab"))


def test_of_several_events_with_the_same_bytes_it_is_that_of_the_score():
    model = Letters(NextEvents(("a", "b", "a", "a"), np.log([0.1, 0.1, 0.5, 0.3]), (b"a", b"b", b"a", b"a")))
    assert [prediction.event for prediction in predict(model, "aa")] == [2, 2]


@pytest.mark.parametrize("spellings", [(b"a", b"c"), ()])
def test_an_event_that_the_distribution_does_not_have_is_refused(spellings):
    model = Letters(NextEvents(("a", "b"), np.log([0.5, 0.5]), spellings))
    with pytest.raises(LmbenchError, match=r"does not have an event for b'[ab]'"):
        list(predict(model, "ab"))


def test_a_model_without_distributions_is_refused():
    model = Letters(None)
    model.next_events = lambda text: LanguageModel.next_events(model, text)
    with pytest.raises(LmbenchError, match="Letters does not offer distributions"):
        list(predict(model, "ab"))


@pytest.mark.parametrize("spec", ["kenlm:order=3,min_count=1", "ppm:order=2"])
def test_the_last_place_is_after_the_last_event(english, spec):
    model = build(spec)
    model.prepare(english)
    text = "the cat saw a zebra"
    (score,) = model.score([text])
    places = [(place.event, place.state.next_events().logprobs) for place in follow(model, text, score)]
    assert [event for event, _ in places] == [*(prediction.event for prediction in predict(model, text)), None]
    assert places[-1][1] == pytest.approx(model.next_events(text).logprobs)
