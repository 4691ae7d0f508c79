import math
from itertools import pairwise

import numpy as np
import pytest
from nltk.lm import KneserNeyInterpolated, Laplace, Lidstone, NgramCounter, Vocabulary, WittenBellInterpolated
from nltk.lm.smoothing import KneserNey
from nltk.util import everygrams, pad_sequence

from lmbench import Corpus, NotFittedError, Split, build
from lmbench.errors import ScoreError, SpecError
from lmbench.ngrams.ids import LINE_END_ID, UNKNOWN_ID
from lmbench.runs.evaluation import evaluate
from tests.conftest import ENGLISH
from tests.recording import Recorded

LINES = [line.split() for document in ENGLISH for line in document.removesuffix("\n").split("\n")]
MAKERS = {
    "kneser-ney": lambda order, words: KneserNeyInterpolated(order, discount=0.75, vocabulary=words),
    "witten-bell": lambda order, words: WittenBellInterpolated(order, vocabulary=words),
    "lidstone": lambda order, words: Lidstone(0.1, order, vocabulary=words),
    "laplace": lambda order, words: Laplace(order, vocabulary=words),
}


def fitted(spec, data):
    model = build(spec)
    model.fit(data)
    return model


def nltk_as_users_call_it(smoothing, order):
    """Fit NLTK on strings, with <unk> for words seen once, one </s> per line and no n-grams that end in <s>.

    No word of these lines was seen once, so a line that holds only <unk> is added.
    """
    lines = [[*line, "</s>"] for line in [*LINES, ["<unk>"]]]
    model = MAKERS[smoothing](
        order, Vocabulary([word for line in LINES for word in [*line, "</s>"]], unk_label="<unk>")
    )
    padded = [pad_sequence(line, order, pad_left=True, left_pad_symbol="<s>") for line in lines]
    model.counts.update([g for g in everygrams(list(line), max_len=order) if g[-1] != "<s>"] for line in padded)
    return model


@pytest.mark.parametrize("smoothing", MAKERS)
@pytest.mark.parametrize("order", [2, 3])
def test_scores_are_nltks(english, smoothing, order):
    line = ["the", "dog", "sat", "on", "a", "mat"]
    peer = nltk_as_users_call_it(smoothing, order)
    history = ["<s>"] * (order - 1)
    expected = []
    for word in [*line, "</s>"]:
        expected.append(math.log(peer.unmasked_score(word, tuple(history[len(history) - order + 1 :]))))
        history.append(word)
    [score] = fitted(f"nltk:order={order},smoothing={smoothing}", english).score([" ".join(line) + "\n"])
    assert score.logprobs.tolist() == pytest.approx(expected, abs=1e-12)


def test_a_line_end_is_predicted_once(english):
    [score] = fitted("nltk:order=4", english).score(["the cat\n\nthe dog\n"])
    assert score.ends.tolist() == [3, 7, 8, 9, 12, 16, 17]


@pytest.mark.parametrize("order", [2, 3, 4])
def test_tabulated_counts_are_nltks(english, order):
    fit = fitted(f"nltk:order={order}", english)._fitted
    estimator, peer, contexts = fit.model.estimator, nltk_counts(fit.lexicon, english, order), [()]
    for length in range(1, order):
        contexts += peer[length + 1]
        for context, words in peer[length + 1].items():
            assert dict(fit.model.counts[context]) == dict(words)
            assert fit.model.counts[context].N() == words.N()
    assert dict(fit.model.counts.unigrams) == dict(peer.unigrams)
    walking = KneserNey(fit.model.vocab, peer, order)
    for context in [context for context in contexts if len(context) < order - 1]:
        for word in range(len(fit.lexicon)):
            if sum(walking._continuation_counts(word, context)):
                assert estimator._continuation_counts(word, context) == walking._continuation_counts(word, context)


def nltk_counts(lexicon, data, order):
    """Count as NLTK's users do, in the ids of a lexicon."""
    lines = [line.tolist() for line in [*lexicon.lines(data.train.documents), np.array([UNKNOWN_ID, LINE_END_ID])]]
    padded = (pad_sequence(line, order, pad_left=True, left_pad_symbol=-1) for line in lines)
    return NgramCounter([g for g in everygrams(list(line), max_len=order) if g[-1] != -1] for line in padded)


def test_a_context_that_was_not_seen_has_no_counts(english):
    counts = fitted("nltk:order=3", english)._fitted.model.counts
    assert len(counts[(0, 0)]) == counts[(0, 0)].N() == 0
    assert counts[3] is counts[3]
    assert (0, 0) not in counts[3]


def test_distributions_over_all_words_are_not_cached(english):
    model = fitted("nltk", english)
    model.score(["the cat\n"])
    before = len(model._fitted.cache)
    model.next_events("a dog")
    assert 0 < before == len(model._fitted.cache)


def test_maximum_likelihood_gives_unseen_events_nothing(english):
    [score] = fitted("nltk:smoothing=mle,order=2", english).score(["the mat the\n"])
    with pytest.raises(ScoreError, match=r"event 2 \(' the', byte 7\).*no probability"):
        score.check("the mat the\n")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            "nltk:smoothing=stupid-backoff",
            "scores of stupid back-off are not probabilities, so that perplexity is undefined",
        ),
        ("nltk:smoothing=good", "Input should be 'kneser-ney', 'witten-bell'"),
        ("nltk:order=1", "needs order 2 or more"),
        ("nltk:smoothing=laplace,gamma=2", "gamma= does nothing with smoothing=laplace; it is an option of lidstone"),
        ("nltk:smoothing=witten-bell,discount=0.5", "discount= does nothing with smoothing=witten-bell"),
    ],
)
def test_invalid_options_are_refused(spec, message):
    with pytest.raises(SpecError, match=message):
        build(spec)


def test_progress_shows_every_few_lines_and_documents():
    """While counting and while scoring, progress starts at 0 and grows in steps of at most a tenth."""
    documents = ("the cat sat on the mat and the dog sat on the log\n" * 40,) * 60
    corpus = Corpus("many", Split(documents), Split(("the\n",)), Split(documents), provenance="lines", tokenized=True)
    progress = Recorded()
    evaluate(build("nltk:order=2"), corpus, progress)
    for phase in ("fit: counting n-grams", "score"):
        shares = [share for message, share in progress.messages if message.startswith(phase)]
        assert len(shares) > 10
        assert shares[0] == 0
        assert all(0 <= after - before <= 0.1 for before, after in pairwise([*shares, 1.0]))


def test_nltk_computes_each_history_and_word_once(english, monkeypatch):
    model = fitted("nltk:order=2", english)
    queries = []
    compute = model._fitted.model.unmasked_score
    monkeypatch.setattr(model._fitted.model, "unmasked_score", lambda *ngram: queries.append(ngram) or compute(*ngram))
    scores = model.score(["the cat\nthe cat\n", "the cat\n"])
    assert sum(len(score.logprobs) for score in scores) == 9
    top = [(word, context) for word, context in queries if len(context) == 1]
    assert len(top) == len(set(top)) == 3


def test_scoring_before_fitting_is_an_error():
    model = build("nltk")
    for ask in (lambda: model.score(["a"]), lambda: model.next_events("a"), model.signature, model.footprint):
        with pytest.raises(NotFittedError, match="this NltkNgram is not ready; call prepare first"):
            ask()
