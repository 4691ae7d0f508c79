import math

import numpy as np
import pytest

from lmbench import NotFittedError, Split, TrainingText, build
from lmbench.errors import CorpusError, SpecError


def fitted(spec, data):
    model = build(spec)
    model.fit(data)
    return model


@pytest.fixture
def texts():
    return TrainingText(Split(("a b\na c\n" * 3,)), Split(("a a b\n",)), tokenized=True)


def by_definition(ids, kept, unigrams, weight):
    """Return the probability of each id, computed from the definition."""
    probs = []
    for place, word in enumerate(ids):
        past = [(kept(place - before), ids[before] == word) for before in range(place)]
        share = sum(k for k, same in past if same) / sum(k for k, _ in past) if past else 0
        probs.append(unigrams[word] if not past else weight * share + (1 - weight) * unigrams[word])
    return probs


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        ("decay=0.5", lambda age: 0.5**age),
        ("decay=0.999", lambda age: 0.999**age),
        ("decay=1", lambda age: 1),
        ("window=3", lambda age: age <= 3),
        ("window=1", lambda age: age <= 1),
    ],
)
def test_every_event_is_scored_by_the_definition(texts, options, kept):
    model = fitted(f"cache:{options},weight=0.3", texts)
    text = "a a b c\nb a zzz a zzz\n\nc c c a b\n" * 3
    [score] = model.score([text])
    ids = model._fitted.lexicon.encode(text).ids.tolist()
    expected = by_definition(ids, kept, np.exp(model._fitted.unigrams), 0.3)
    np.testing.assert_allclose(np.exp(score.logprobs - score.spelling), expected, rtol=1e-12)


def test_unigrams_by_hand(texts):
    """Counts: a 6, b 3, c 3, line ends 6, <unk> 0. Since 4 of the 5 types were seen, each gets 4/5 more."""
    model = fitted("cache", texts)
    assert np.exp(model._fitted.unigrams) == pytest.approx([0.8 / 22, 6.8 / 22, 6.8 / 22, 3.8 / 22, 3.8 / 22])
    [score] = model.score(["a"])
    assert math.exp(score.logprobs[0]) == pytest.approx(6.8 / 22)


@pytest.mark.parametrize("options", ["decay=0.9", "window=2"])
def test_next_events_agree_with_the_scores(texts, options):
    model = fitted(f"cache:{options}", texts)
    for text in ("", "a", "a b", "a zzz b\nc", "a a\n"):
        nexts = model.next_events(text)
        assert np.exp(nexts.logprobs).sum() == pytest.approx(1, abs=1e-12)
        [score] = model.score([text + "\n"])
        assert nexts.logprobs[1] == pytest.approx(score.logprobs[-1], abs=1e-12)


def test_documents_do_not_share_a_cache(texts):
    model = fitted("cache", texts)
    alone, _, after = model.score(["a b\n", "b b b b b\n", "a b\n"])
    assert alone.logprobs.tolist() == after.logprobs.tolist()


def test_the_weight_is_tuned_on_the_validation_split(texts):
    def likelihood(spec):
        return fitted(spec, texts).score(texts.valid.documents)[0].logprobs.sum()

    assert likelihood("cache") >= max(likelihood(f"cache:weight={weight / 20}") for weight in range(1, 20)) - 1e-6
    assert "(tuned)" in str(fitted("cache", texts).signature())
    assert "(tuned)" not in str(fitted("cache:weight=0.2", texts).signature())


def test_without_validation_text_the_weight_is_a_half(texts):
    assert fitted("cache", TrainingText(texts.train, Split(()), tokenized=True))._fitted.weight == 0.5


def test_an_empty_training_split_is_refused(texts):
    with pytest.raises(CorpusError, match="the training split does not have a line to count words in"):
        fitted("cache", TrainingText(Split(()), texts.valid, tokenized=True))


def test_decay_and_window_exclude_each_other():
    with pytest.raises(SpecError, match="set decay or window, not both"):
        build("cache:decay=0.9,window=10")


def test_scoring_before_fitting_is_an_error():
    model = build("cache")
    for ask in (lambda: model.score(["a"]), lambda: model.next_events("a"), model.signature, model.footprint):
        with pytest.raises(NotFittedError, match="this Cache is not ready; call prepare first"):
            ask()


def test_exhibits_show_the_past_and_the_unigrams(texts):
    past, unigrams = fitted("cache:decay=0.5,weight=0.25", texts).exhibits()
    assert past.rows[:3] == ((1, 0.5), (2, 0.25), (5, 0.5**5))
    assert "has the weight 0.25, as the options say" in past.shows
    model = fitted("cache:window=10,tokenizer=words", texts)
    past, unigrams = model.exhibits()
    assert [count for _, count in past.rows[:5]] == [1.0, 1.0, 1.0, 1.0, 0.0]
    following = model.next_events("")
    assert dict(unigrams.rows)["a"] == pytest.approx(np.exp(following.logprobs[following.names.index("a")]))
    assert "<unknown>" in dict(unigrams.rows)
