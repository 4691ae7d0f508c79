import math
from itertools import product

import numpy as np
import pytest
from hmmlearn.hmm import CategoricalHMM

from lmbench import ModelSpec, Split, TrainingText
from lmbench.backends.hmm import Hmm


def fitted(spec, data):
    model = ModelSpec.parse(spec).build(Hmm)
    model.fit(data)
    return model


def over_all_paths(model, line):
    """log P(line), by adding up all sequences of states."""
    start, transitions, emissions = model._start, model._transitions, model._emissions
    total = 0.0
    for path in product(range(len(start)), repeat=len(line)):
        probability = start[path[0]] * emissions[path[0], line[0]]
        for t in range(1, len(line)):
            probability *= transitions[path[t - 1], path[t]] * emissions[path[t], line[t]]
        total += probability
    return math.log(total)


def test_the_forward_pass_against_all_paths(english):
    model = fitted("hmm:states=3,iterations=5", english)
    lines = model._lexicon.lines(["the cat sat on\n", "a dog\n", "\n", "mat the zebra\n"])
    for line, logprobs in zip(lines, model._lines_logprobs(lines), strict=True):
        assert logprobs.sum() == pytest.approx(over_all_paths(model, line), abs=1e-12)
        prefix = over_all_paths(model, line[:-1]) if len(line) > 1 else 0.0
        assert logprobs[-1] == pytest.approx(over_all_paths(model, line) - prefix, abs=1e-12)


def test_lines_cost_what_hmmlearn_says(english):
    model = fitted("hmm:states=4,iterations=5", english)
    peer = CategoricalHMM(n_components=4, n_features=len(model._lexicon))
    peer.startprob_, peer.transmat_, peer.emissionprob_ = model._start, model._transitions, model._emissions
    for line in model._lexicon.lines(["the cat sat on the log\n", "the dog saw a cat\n"]):
        [logprobs] = model._lines_logprobs([line])
        assert logprobs.sum() == pytest.approx(peer.score(line[:, None]), rel=1e-12)


def test_training_is_hmmlearns(english):
    model = fitted("hmm:states=3,iterations=4,seed=7,prior=0.5", english)
    lines = model._lexicon.lines(english.train.documents)
    peer = CategoricalHMM(
        n_components=3,
        n_features=len(model._lexicon),
        startprob_prior=1.5,
        transmat_prior=1.5,
        emissionprob_prior=1.5,
        n_iter=4,
        tol=1e-4 * sum(map(len, lines)),
        random_state=7,
        implementation="log",
    )
    peer.fit(np.concatenate(lines)[:, None], [len(line) for line in lines])
    np.testing.assert_allclose(model._emissions, peer.emissionprob_, rtol=1e-8)
    np.testing.assert_allclose(model._transitions, peer.transmat_, rtol=1e-6, atol=1e-12)


def test_the_likelihood_rises(english):
    told = []
    model = ModelSpec.parse("hmm:states=4,tolerance=0").build(Hmm)
    model.fit(english, lambda message, share: told.append(message))
    likelihoods = [float(message.split(", ")[1].split()[0]) for message in told if message.startswith("EM")]
    assert len(likelihoods) > 5
    assert likelihoods[-1] > likelihoods[0] + 0.5


def test_the_seed_decides(english):
    first, again, other = (fitted(f"hmm:states=4,seed={seed}", english).score(["the cat\n"])[0] for seed in (1, 1, 2))
    assert first.logprobs.tolist() == again.logprobs.tolist()
    assert first.logprobs.tolist() != other.logprobs.tolist()


def test_no_state_makes_a_word_impossible(english):
    model = fitted("hmm:states=8", english)
    document = "zebra " * 3000 + "the\n"
    [score] = model.score([document])
    assert np.isfinite(score.check(document).logprobs).all()


def test_batches_of_any_lengths_score_alike(english):
    model = fitted("hmm:states=5", english)
    lines = model._lexicon.lines(["the cat\n", "a\n" * 3, "the dog saw the cat on the mat\n", "\n"] * 300)
    together = model._lines_logprobs(lines)
    for line, logprobs in list(zip(lines, together, strict=True))[:6]:
        np.testing.assert_allclose(model._lines_logprobs([line])[0], logprobs, rtol=1e-12)


def test_one_long_line_among_short_ones_needs_no_more_memory_than_itself(english):
    model = fitted("hmm:states=2", english)
    sizes = []
    forward = model._forward
    model._forward = lambda lines: sizes.append(len(lines) * max(map(len, lines))) or forward(lines)
    lines = model._lexicon.lines(["the " * 300_000 + "\n", *["a\n"] * 600])
    assert len(model._lines_logprobs(lines)) == 601
    assert max(sizes) <= 2**20


@pytest.mark.parametrize("text", ["a\n", "a a a a\n", "\n\n"])
def test_tiny_vocabularies(text):
    model = fitted("hmm:states=2", TrainingText(Split((text,)), Split(()), tokenised=True))
    [score] = model.score(["a b\n"])
    score.check("a b\n")
