import math
from itertools import product

import numpy as np
import pytest
from hmmlearn.hmm import CategoricalHMM

from lmbench import Split, TrainingText, build
from lmbench.backends.hmm.model import Hmm
from lmbench.errors import CorpusError, NotFittedError, SpecError
from tests.backends.hmm.samples import ENGINES, fit, parts


def logprob_over_all_paths(model, line):
    """Return log P(line) as a sum over all sequences of states."""
    start, transitions, emissions = parts(model)
    total = 0.0
    for path in product(range(len(start)), repeat=len(line)):
        probability = start[path[0]] * emissions[line[0], path[0]]
        for t in range(1, len(line)):
            probability *= transitions[path[t - 1], path[t]] * emissions[line[t], path[t]]
        total += probability
    return math.log(total)


@pytest.mark.parametrize("engine", ENGINES)
def test_scores_are_sums_over_all_paths(english, engine):
    model = fit(f"hmm:states=3,iterations=5,engine={engine}", english)
    fitted = model._fitted
    lines = fitted.lexicon.lines(["the cat sat on\n", "a dog\n", "\n", "mat the zebra\n"])
    for line, logprobs in zip(lines, fitted.logprobs(lines), strict=True):
        whole = logprob_over_all_paths(model, line)
        assert logprobs.sum() == pytest.approx(whole, abs=1e-12)
        prefix = logprob_over_all_paths(model, line[:-1]) if len(line) > 1 else 0.0
        assert logprobs[-1] == pytest.approx(whole - prefix, abs=1e-12)


def test_scores_are_hmmlearns(english):
    model = fit("hmm:states=4,iterations=5", english)
    fitted = model._fitted
    peer = CategoricalHMM(n_components=4, n_features=len(fitted.lexicon))
    peer.startprob_, peer.transmat_, emissions = parts(model)
    peer.emissionprob_ = emissions.T
    for line in fitted.lexicon.lines(["the cat sat on the log\n", "the dog saw a cat\n"]):
        [logprobs] = fitted.logprobs([line])
        assert logprobs.sum() == pytest.approx(peer.score(line[:, None]), rel=1e-12)


def test_scores_do_not_depend_on_the_batch(english):
    fitted = fit("hmm:states=5", english)._fitted
    lines = fitted.lexicon.lines(["the cat\n", "a\n" * 3, "the dog saw the cat on the mat\n", "\n"] * 300)
    together = fitted.logprobs(lines)
    for line, logprobs in list(zip(lines, together, strict=True))[:6]:
        np.testing.assert_allclose(fitted.logprobs([line])[0], logprobs, rtol=1e-12)


def test_an_empty_training_split_is_an_error():
    with pytest.raises(CorpusError, match="the training split is empty"):
        fit("hmm", TrainingText(Split(()), Split(())))


def test_a_model_that_is_not_fitted_says_so(tmp_path):
    model = Hmm()
    for ask in (
        lambda: model.score(["a\n"]),
        lambda: model.state_after("a"),
        lambda: model.tags(["a"]),
        lambda: model.save(tmp_path),
        model.signature,
        model.exhibits,
        model.footprint,
    ):
        with pytest.raises(NotFittedError, match="this Hmm is not ready; call prepare first"):
            ask()


def test_the_seed_decides(english):
    first, again, other = (fit(f"hmm:states=4,seed={seed}", english).score(["the cat\n"])[0] for seed in (1, 1, 2))
    assert first.logprobs.tolist() == again.logprobs.tolist()
    assert first.logprobs.tolist() != other.logprobs.tolist()


def test_no_word_is_impossible(english):
    model = fit("hmm:states=8", english)
    document = "zebra " * 10_000 + "the\n"
    [score] = model.score([document])
    assert np.isfinite(score.check(document).logprobs).all()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("text", ["a\n", "a a a a\n", "\n\n", "a " * 10_000 + "\n"])
@pytest.mark.parametrize("valid", [(), ("a\n",)])
def test_tiny_vocabularies(text, engine, valid):
    data = TrainingText(Split((text,)), Split(valid), tokenized=True)
    model = fit(f"hmm:states=2,engine={engine},iterations=3", data)
    [score] = model.score(["a b\n"])
    score.check("a b\n")


def test_the_footprint_is_the_number_of_probabilities(english):
    model = fit("hmm:states=3,iterations=1", english)
    size = 3 + 3 * 3 + 3 * len(model._fitted.lexicon)
    assert (model.footprint().parameters, model.footprint().disk_bytes) == (size, 8 * size)


def test_models_without_tags_do_not_tag(english):
    with pytest.raises(SpecError, match="this hidden Markov model cannot tag"):
        fit("hmm:states=2,iterations=1", english).tags(["the cat"])


@pytest.mark.parametrize(("states", "threads"), [(64, 1), (512, None)])
def test_only_many_states_are_worth_several_threads(states, threads):
    assert build(f"hmm:states={states}").traits.threads == threads
