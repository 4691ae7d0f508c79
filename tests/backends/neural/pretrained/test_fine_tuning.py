"""The training loop of finetune= against the library's own loss and a loop written by hand."""

import copy
import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from lmbench import build
from lmbench.backends.neural.pretrained import fine_tuning
from lmbench.backends.neural.pretrained.fine_tuning import (
    STEP_TOKENS,
    FineTuning,
    FineTuningPlan,
    compute_loss,
    cut,
    fine_tune,
)
from lmbench.backends.neural.transformer.batches import Example
from lmbench.corpus import Split, TrainingText
from lmbench.errors import CorpusError, LmbenchError
from lmbench.progress import SILENT

pytestmark = pytest.mark.usefixtures("one_thread")

CATS = ("the cat sat on the mat, and the dog sat on the log.\n",)
OTHERS = ("我是一个程序员。\n",)


@pytest.fixture
def scorer(folder):
    return build(f"hf:{folder}")._load_scorer()


def text(train, valid):
    return TrainingText(Split(tuple(train)), Split(tuple(valid)))


def weights_of(model):
    return [weight.detach().clone() for weight in model.parameters()]


@pytest.mark.parametrize("length", [2, 7, 8, 9, 40])
def test_the_windows_of_an_epoch_predict_each_id_once(length):
    sequence, generator, firsts = np.arange(length), np.random.default_rng(0), set()
    for _ in range(50):
        windows = [example.ids for example in cut(sequence, 8, generator)]
        assert [i for window in windows for i in window[1:]] == list(range(1, length))
        assert all((np.diff(window) == 1).all() and 2 <= len(window) <= 8 for window in windows)
        firsts.add(len(windows[0]))
    assert len(firsts) == (7 if length > 8 else 1)


def test_the_loss_of_padded_windows_is_that_of_the_library_and_of_each_window_alone(scorer):
    model = scorer.network.model
    windows = [np.arange(5, 25), np.arange(3, 9), np.array([7, 7])]
    own = compute_loss(model, [Example(window, len(window) - 1) for window in windows]).item()
    alone = [torch.from_numpy(window)[None] for window in windows]
    library = sum(model(ids, labels=ids).loss.item() * (ids.shape[1] - 1) for ids in alone)
    by_hand = sum(F.cross_entropy(model(ids).logits[0, :-1], ids[0, 1:], reduction="sum").item() for ids in alone)
    events = sum(len(window) - 1 for window in windows)
    assert own == pytest.approx(library / events, rel=1e-6)
    assert own == pytest.approx(by_hand / events, rel=1e-6)


def test_training_is_that_of_a_loop_written_by_hand(scorer):
    """A single document of one window is the batch of every step. Dropout is off, since its draws would differ."""
    model, steps, peak = scorer.network.model, 10, 1e-3
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    twin = copy.deepcopy(model)
    [document] = CATS
    ids = torch.from_numpy(scorer.sequence(scorer.tokenizer.encode(document)))[None]
    matrices = [weight for weight in twin.parameters() if weight.dim() > 1]
    vectors = [weight for weight in twin.parameters() if weight.dim() == 1]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.95))
    losses = []
    for step in range(steps):
        share = (step + 0.5) / steps
        rate = peak * (0.55 + 0.45 * math.cos(math.pi * (share - 0.05) / 0.95))
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad()
        loss = F.cross_entropy(twin(ids[:, :-1]).logits[0], ids[0, 1:])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(twin.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
    history = fine_tune(scorer, text(CATS, CATS), FineTuningPlan(steps, peak, seed=0), SILENT)
    assert [point.steps for point in history.points] == [0, 5, 10]
    assert history.points[1].loss == pytest.approx(np.mean(losses[:5]), rel=1e-4)
    assert history.points[2].loss == pytest.approx(np.mean(losses[5:]), rel=1e-4)
    assert history.points[2].events == 10 * (ids.shape[1] - 1)
    assert losses[-1] < losses[0] - 0.1
    assert torch.allclose(model(ids).logits, twin.eval()(ids).logits, atol=1e-3)
    bits = -scorer.score(CATS)[0].logprobs.sum() / math.log(2) / len(document)
    assert history.best.bits_per_byte == pytest.approx(bits, rel=1e-9)
    assert not model.training
    assert all(weight.grad is None for weight in model.parameters())


def test_training_stops_early_and_the_best_weights_are_kept(scorer):
    before = weights_of(scorer.network.model)
    history = fine_tune(scorer, text(CATS, OTHERS), FineTuningPlan(50, 0.01, seed=0), SILENT)
    assert [point.steps for point in history.points] == [0, 5, 10, 15]
    assert history.best is history.points[0]
    assert all(map(torch.equal, before, weights_of(scorer.network.model)))


def test_no_more_text_is_read_than_the_steps_need(scorer):
    documents = [f"{number}: the cat sat on the mat. " * 50 for number in range(100)]
    training = FineTuning(scorer, text(documents, CATS), FineTuningPlan(2, 1e-3, seed=0))
    sample = training._encode_sample(documents)
    assert 2 * STEP_TOKENS < sum(map(len, sample)) < 8 * 2 * STEP_TOKENS + len(sample)
    other = FineTuning(scorer, text(documents, CATS), FineTuningPlan(2, 1e-3, seed=1))._encode_sample(documents)
    assert [list(ids) for ids in sample] != [list(ids) for ids in other]


@pytest.mark.parametrize(
    ("train", "valid", "missing"), [((), CATS, "training"), (("",), CATS, "training"), (CATS, (), "validation")]
)
def test_an_empty_split_is_refused(scorer, train, valid, missing):
    with pytest.raises(CorpusError, match=f"the {missing} split is empty"):
        fine_tune(scorer, text(train, valid), FineTuningPlan(2, 1e-3, seed=0), SILENT)


def test_documents_of_one_token_without_bos_are_refused(folder):
    scorer = build(f"hf:{folder},bos=none")._load_scorer()
    with pytest.raises(CorpusError, match=r"^the training documents have one token each, and no BOS precedes it"):
        fine_tune(scorer, text(("a", "x"), CATS), FineTuningPlan(2, 1e-3, seed=0), SILENT)


def test_divergence_is_reported(scorer, monkeypatch):
    loss = compute_loss
    monkeypatch.setattr(fine_tuning, "compute_loss", lambda model, batch: loss(model, batch) * math.inf)
    with pytest.raises(LmbenchError, match="training diverges at step 1; use a lower learning_rate"):
        fine_tune(scorer, text(CATS, CATS), FineTuningPlan(2, 1e-3, seed=0), SILENT)


def test_a_network_that_memory_cannot_train_is_refused(scorer, monkeypatch):
    monkeypatch.setattr(fine_tuning, "usable_memory", lambda: 256)
    with pytest.raises(LmbenchError, match=r"finetune= takes .* GiB .* use a smaller model"):
        fine_tune(scorer, text(CATS, CATS), FineTuningPlan(2, 1e-3, seed=0), SILENT)


def test_a_failure_inside_the_library_is_one_line(scorer, monkeypatch):
    def fail(model, batch):
        raise RuntimeError("out of memory\nand more")

    monkeypatch.setattr(fine_tuning, "compute_loss", fail)
    with pytest.raises(LmbenchError, match=r"^the weights cannot be trained: out of memory$"):
        fine_tune(scorer, text(CATS, CATS), FineTuningPlan(2, 1e-3, seed=0), SILENT)
