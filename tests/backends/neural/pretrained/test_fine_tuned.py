"""finetune= of pretrained models, on a tiny GPT-2 of random weights."""

import numpy as np
import pytest
import torch

from lmbench import ModelSpec, build
from lmbench.backends.neural.pretrained.causal import HuggingFaceOptions
from lmbench.backends.neural.pretrained.fine_tuned import FineTuned
from lmbench.checks import CHECKS, Subject, changed_options
from lmbench.checks.quick import quick_maker
from lmbench.checks.verdicts import NotApplicable
from lmbench.corpus import Corpus, Split
from lmbench.errors import NotFittedError, SpecError
from lmbench.runs.evaluation import evaluate
from lmbench.runs.models import select_models
from tests.checkpoints import BOS, LINES, byte_level, llama, save

pytestmark = pytest.mark.usefixtures("one_thread")

DOCUMENTS = tuple(f"{line}\n" * 3 for line in LINES)
CORPUS = Corpus("cats", Split(DOCUMENTS), Split(DOCUMENTS[:2]), Split(DOCUMENTS[1:]), "test")
UNSEEN = ["a dog", "我是一个程序员。\n", "the cat sat on the mat. " * 20, ""]


def tuned(folder, options="finetune=steps:6,learning_rate=0.001"):
    model = build(f"hf:{folder},{options}")
    model.prepare(CORPUS.training)
    return model


def logprobs(model, documents=UNSEEN):
    return np.concatenate([score.logprobs for score in model.score(documents)])


def test_training_predicts_the_corpus_better_and_costs_time(folder):
    before = evaluate(build(f"hf:{folder}"), CORPUS)
    after = evaluate(build(f"hf:{folder},finetune=steps:6,learning_rate=0.001"), CORPUS)
    assert after.metrics.bits_per_byte < before.metrics.bits_per_byte - 0.1
    assert before.pretrained
    assert after.pretrained
    assert (before.costs.fit_seconds, after.costs.fit_seconds > 0) == (None, True)
    curve, loss = after.exhibits
    assert [row[0] for row in curve.rows] == [0, 5, 6]
    assert "8,192 bytes" in curve.shows
    assert len(loss.rows) == 2


def test_fits_are_deterministic_and_depend_on_the_seed(folder):
    model = tuned(folder)
    first = logprobs(model)
    model.prepare(CORPUS.training)  # from the pretrained weights again
    assert (logprobs(model) == first).all()
    assert (logprobs(tuned(folder)) == first).all()
    assert (logprobs(tuned(folder, "finetune=steps:6,learning_rate=0.001,seed=1")) != first).any()


def test_a_history_does_not_change_the_training(folder, tmp_path):
    tuned(folder).save(tmp_path)
    cut = tuned(folder, "finetune=steps:6,learning_rate=0.001,history=2")
    restored = build(f"hf:{folder},finetune=steps:6,learning_rate=0.001,history=2")
    restored.restore(tmp_path)
    np.testing.assert_allclose(logprobs(restored), logprobs(cut), atol=1e-5)


def test_the_signature_says_how_it_was_trained(folder):
    pretrained, signature = str(build(f"hf:{folder}").signature()), str(tuned(folder).signature())
    assert signature.startswith(f"{pretrained}|finetune:steps:6|")
    assert signature.endswith("|lr:0.001|batch:512|patience:3|valid:first8192bytes|steps:6|best:6|threads:1|seed:0")


def test_it_is_undertrained_or_no_better_than_pretrained(folder):
    assert tuned(folder).remarks() == ("undertrained",)
    model = build(f"hf:{folder},finetune=steps:30,learning_rate=0.02")
    model.prepare(Corpus("x", Split(DOCUMENTS), Split(("我是一个程序员。\n",)), Split(()), "test").training)
    assert model.remarks() == ("has the pretrained weights: training did not improve them",)
    assert (logprobs(model) == logprobs(build(f"hf:{folder}"))).all()


def test_nothing_is_scored_before_it_is_trained(folder):
    with pytest.raises(NotFittedError):
        build(f"hf:{folder},finetune=steps:2").score(["a cat"])


def test_a_saved_model_is_restored(folder, tmp_path):
    model, again = tuned(folder), build(f"hf:{folder},finetune=steps:6,learning_rate=0.001")
    model.save(tmp_path)
    again.restore(tmp_path)
    assert (logprobs(again) == logprobs(model)).all()
    assert again.signature() == model.signature()
    assert again.exhibits() == model.exhibits()
    with pytest.raises(SpecError, match="holds a model with finetune=steps:6, not steps:7"):
        build(f"hf:{folder},finetune=steps:7,learning_rate=0.001").restore(tmp_path)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\0")
    with pytest.raises(SpecError, match="holds a model with path=sha256="):
        build(f"hf:{folder},finetune=steps:6,learning_rate=0.001").restore(tmp_path)


def test_a_save_with_weights_of_other_shapes_is_damaged(folder, tmp_path):
    """One number would fill the whole vector."""
    model = tuned(folder)
    model._tuned.scorer.network.model.transformer.ln_f.bias = torch.nn.Parameter(torch.zeros(1))
    model.save(tmp_path)
    with pytest.raises(SpecError, match=r"cannot be read: transformer.ln_f.bias has the shape \(1,\), not \(32,\)"):
        build(f"hf:{folder},finetune=steps:6,learning_rate=0.001").restore(tmp_path)


SAME_SCORER = {"batches", "chain-rule", "cuts", "deep", "long", "rare", "variants", "windows"}
"""Checks of scores alone, which test_causal.py does with the same scorer, and which take long."""


def test_it_passes_the_suite(folder):
    spec = ModelSpec.parse(f"hf:{folder},finetune=steps:500")
    assert [(option.name, option.checked, option.own) for option in changed_options(spec)] == [
        ("finetune", "steps:2", "steps:500")
    ]
    subject, inapplicable = Subject(quick_maker(spec)), {}
    for name in (name for name in CHECKS if name not in SAME_SCORER):
        try:
            CHECKS[name](subject)
        except NotApplicable as reason:
            inapplicable[name] = str(reason)
    assert inapplicable.keys().isdisjoint({"determinism", "save", "valid", "test-split"})
    assert "partly pretrained" in inapplicable["prior"]


def test_untied_weights_without_dropout(tmp_path):
    folder = save(tmp_path, llama(byte_level()), byte_level(), bos_token=BOS)
    model, pretrained = tuned(folder), build(f"hf:{folder}")
    assert logprobs(model, DOCUMENTS).sum() > logprobs(pretrained, DOCUMENTS).sum()
    model.save(tmp_path)
    again = build(f"hf:{folder},finetune=steps:6,learning_rate=0.001")
    again.restore(tmp_path)
    assert (logprobs(again) == logprobs(model)).all()


@pytest.mark.parametrize("name", ["hf", "gpt2"])
def test_seeds_are_those_of_training_alone(folder, name):
    models = select_models(f"{name}:{folder},{name}:{folder},finetune=steps:2", range(2))
    specs = [f"{name}:{folder}", *(f"{name}:{folder},finetune=steps:2,seed={seed}" for seed in range(2))]
    assert [(str(model.spec), model.pretrained) for model in models] == list(
        zip(specs, (True, False, False), strict=True)
    )
    assert isinstance(build(specs[1]), FineTuned)


def test_options_of_training_count_only_with_training(folder):
    plain = HuggingFaceOptions(path=str(folder)).identity()
    assert {"finetune", "learning_rate", "seed"}.isdisjoint(plain)
    assert HuggingFaceOptions(path=str(folder), finetune="steps:3", seed=4).identity() == {
        **plain, "finetune": "steps:3", "learning_rate": 1e-4, "seed": 4,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("finetune=3", "finetune=3 is not valid; write steps:N with N at least 1, as in finetune=steps:100"),
        ("finetune=steps:0", "finetune=steps:0 is not valid; write steps:N with N at least 1"),
        ("finetune=epochs:3", "write steps:N"),
        ("finetune=steps:-1", "write steps:N"),
        ("finetune=steps:2,dtype=bfloat16", "finetune= trains float32 weights; leave out dtype=bfloat16"),
        ("seed=3", "do nothing without finetune=steps:N"),
        ("learning_rate=0.1", "do nothing without finetune=steps:N"),
    ],
)
def test_options_that_do_not_fit_are_named(folder, options, message):
    with pytest.raises(SpecError, match=message):
        build(f"hf:{folder},{options}")
