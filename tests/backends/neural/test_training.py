"""Training: that it goes on after a kill as if nothing had been, what its batches hold, and the sampled softmax."""

import dataclasses
import math
import time

import numpy as np
import pytest
import torch
from safetensors import safe_open
from torch.nn import functional as F

from lmbench.backends.neural.networks import Decoder, EncoderDecoder, Shape
from lmbench.backends.neural.training import (
    Example,
    History,
    Negatives,
    Plan,
    Point,
    Task,
    Training,
    _batches,
    _rate,
    padded,
)
from lmbench.backends.neural.windows import segments
from lmbench.errors import LmbenchError, SpecError
from lmbench.progress import SILENT

PLAN = Plan(
    budget=60, steps=40, patience=99, rate=1e-2, batch_tokens=64, negatives=0, precision=torch.float32, seed=3,
    folder=None, identity="a",
)  # fmt: skip
SHAPE = Shape(ids=12, context=8, layers=1, width=16, heads=2, dropout=0.2)
SEQUENCE = np.arange(200) * 7 % 11

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(autouse=True)
def evaluations_every_ten_steps(monkeypatch):
    """Half as many as in earnest, for shorter trainings."""
    monkeypatch.setattr("lmbench.backends.neural.training._STEPS_BETWEEN", 10)


def epoch(generator):
    return [Example(SEQUENCE[i : i + 9], 8) for i in range(0, 190, 8)]


def training(plan, values=None, kind=Decoder, epoch=epoch):
    torch.manual_seed(0)
    network = kind(SHAPE)
    ids = torch.from_numpy(SEQUENCE)[None]

    @torch.inference_mode()
    def evaluate():
        return next(values) if values else F.cross_entropy(network.eval()(ids[:, :8], 8)[0], ids[0, 1:9]).item()

    counts = np.bincount(SEQUENCE, minlength=12)
    return network, Training(network, Task(epoch, counts, evaluate), plan)


class KilledError(Exception):
    pass


def killed_after(steps):
    def progress(message, share):
        if message.startswith(f"step {steps},"):
            raise KilledError

    return progress


@pytest.mark.parametrize("negatives", [0, 5])
def test_training_goes_on_after_a_kill_as_if_nothing_had_been(tmp_path, negatives):
    plan = dataclasses.replace(PLAN, negatives=negatives)
    whole, run = training(plan)
    expected = run.run(SILENT)
    kept = dataclasses.replace(plan, folder=tmp_path / "kept")
    with pytest.raises(KilledError):
        training(kept)[1].run(killed_after(25))
    again, run = training(kept)
    steps = []
    history = run.run(lambda message, share: steps.append(int(message.split()[1].rstrip(","))))
    assert steps[0] == 21  # the last evaluation before the kill was at 20
    assert [(p.steps, p.events, p.bits_per_byte) for p in history.points] == [
        (p.steps, p.events, p.bits_per_byte) for p in expected.points
    ]
    for name, weight in whole.state_dict().items():
        assert torch.equal(weight, again.state_dict()[name]), name
    finished, run = training(kept)
    run.run(lambda message, share: pytest.fail("what is finished is not trained again"))
    assert torch.equal(finished.tokens.weight, whole.tokens.weight)


def points(history):
    return [(p.steps, p.events, p.loss and pytest.approx(p.loss), p.bits_per_byte) for p in history.points]


def test_where_steps_set_the_pace_more_time_goes_on_with_what_a_budget_ended(tmp_path, monkeypatch):
    """To the same end as if there had been no budget, though the evaluation where it ended was the best so far."""
    values = [9.0, 8.0, 7.0, 1.0, 6.5, 6.0]  # at 0, 10, 20, 25 (the budget's end), 30 and 40 steps
    whole, run = training(dataclasses.replace(PLAN, budget=None), iter([*values[:3], *values[4:]]))
    expected = run.run(SILENT)
    now = iter(range(10_000))  # a second a step
    monkeypatch.setattr("lmbench.backends.neural.training.time.monotonic", lambda: float(next(now)))
    kept = dataclasses.replace(PLAN, budget=25, folder=tmp_path)
    first, run = training(kept, iter(values))
    ended = run.run(SILENT)
    assert [point.steps for point in ended.points] == [0, 10, 20, 25]
    assert (ended.best.steps, ended.ended_by) == (25, 25)
    same, run = training(kept, iter(()))  # the same again, without a step
    assert points(run.run(SILENT)) == points(ended)
    assert torch.equal(same.tokens.weight, first.tokens.weight)
    with pytest.raises(SpecError, match="holds 25 s of this training; a budget of 20 s is less"):
        training(dataclasses.replace(kept, budget=20), iter(()))[1].run(SILENT)
    longer, run = training(dataclasses.replace(kept, budget=None), iter(values[4:]))
    assert points(run.run(SILENT)) == points(expected)
    for name, weight in whole.state_dict().items():
        assert torch.equal(weight, longer.state_dict()[name]), name


def test_a_damaged_training_is_named(tmp_path):
    from safetensors.torch import load_file, save_file

    kept = dataclasses.replace(PLAN, folder=tmp_path, steps=3)
    training(kept)[1].run(SILENT)
    file = tmp_path / "training.safetensors"
    tensors, data = load_file(file), file.read_bytes()
    with safe_open(file, "pt") as opened:
        metadata = opened.metadata()
    file.write_bytes(data[:-100])
    with pytest.raises(SpecError, match=f"^{file} holds no training that can be gone on with"):
        training(kept)[1].run(SILENT)
    for name, tensor in (("now.norm.weight", None), ("adam.0.step", None), ("best.norm.bias", torch.zeros(3))):
        save_file(
            {k: v for k, v in tensors.items() if k != name} | ({} if tensor is None else {name: tensor}), file, metadata
        )
        with pytest.raises(SpecError, match=f"gone on with: '{name}' is none of this network's"):
            training(kept)[1].run(SILENT)


def test_what_cannot_be_written_leaves_what_was_kept_before(tmp_path):
    """A limit on a file's size stands for a full disk."""
    resource = pytest.importorskip("resource")
    file = tmp_path / "training.safetensors"
    kept = dataclasses.replace(PLAN, folder=tmp_path)
    with pytest.raises(KilledError):
        training(kept)[1].run(killed_after(15))
    before, limits = file.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, limits[1]))
    try:
        with pytest.raises(LmbenchError, match=f"^{file} cannot be written, and is as it was before: .*large"):
            training(kept)[1].run(SILENT)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert file.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["training.safetensors"]
    with pytest.raises(LmbenchError, match="cannot be written"):
        training(dataclasses.replace(PLAN, folder=file / "below"))[1].run(SILENT)


def test_a_kept_training_of_something_else_is_refused(tmp_path):
    training(dataclasses.replace(PLAN, folder=tmp_path, steps=3))[1].run(SILENT)
    with pytest.raises(SpecError, match="a training with other options or of another text"):
        training(dataclasses.replace(PLAN, folder=tmp_path, identity="b"))[1].run(SILENT)
    (tmp_path / "training.safetensors").write_bytes(b"none")
    with pytest.raises(SpecError, match="holds no training that can be gone on with"):
        training(dataclasses.replace(PLAN, folder=tmp_path))[1].run(SILENT)


def test_the_best_weights_are_kept_and_training_stops_where_nothing_improves():
    values = iter([5.0, 3.0, 4.0, 3.5, 9.0, 9.0])
    plan = dataclasses.replace(PLAN, steps=400, patience=3)
    network, run = training(plan, values)
    history = run.run(SILENT)
    assert [point.bits_per_byte for point in history.points] == [5.0, 3.0, 4.0, 3.5, 9.0]
    assert (history.best.steps, history.points[-1].steps) == (10, 40)
    short, run = training(dataclasses.replace(plan, patience=1), iter([5.0, 3.0, 4.0]))
    run.run(SILENT)
    assert torch.equal(network.tokens.weight, short.tokens.weight)


def test_without_a_budget_no_time_ends_training(monkeypatch):
    now = iter(range(0, 10**9, 10**5))  # a day a step
    monkeypatch.setattr("lmbench.backends.neural.training.time.monotonic", lambda: float(next(now)))
    slow, run = training(dataclasses.replace(PLAN, budget=None))
    assert [point.steps for point in run.run(SILENT).points] == [0, 10, 20, 30, 40]
    monkeypatch.undo()
    quick, run = training(dataclasses.replace(PLAN, budget=None))
    run.run(SILENT)
    assert torch.equal(slow.tokens.weight, quick.tokens.weight)


def test_time_ends_training():
    _, run = training(dataclasses.replace(PLAN, budget=0.4, steps=0))
    shares = []
    history = run.run(lambda message, share: shares.append(share))
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert history.points[-1].seconds >= 0.4


def test_with_a_number_of_steps_the_clock_changes_no_rate():
    """The first batch may come late, of a large text: the first step's rate is that of a step 0 all the same."""

    def late(generator):
        time.sleep(0.3)
        return epoch(generator)

    plan = dataclasses.replace(PLAN, steps=1, budget=3)
    prompt, run = training(plan)
    run.run(SILENT)
    slow, run = training(plan, epoch=late)
    run.run(SILENT)
    assert torch.equal(prompt.tokens.weight, slow.tokens.weight)


def test_steps_of_neighboring_seeds_share_no_draws():
    def dropped(seed, number):
        _, run = training(dataclasses.replace(PLAN, seed=seed))
        run._step([Example(SEQUENCE[:9], 8)], number, 0.0)
        return torch.random.get_rng_state()

    assert torch.equal(dropped(3, 4), dropped(3, 4))
    assert not torch.equal(dropped(3, 4), dropped(4, 3))


def test_learning_rates_rise_and_fall():
    """By hand: half of the highest in the middle of the warm-up, and 0.55 of it halfway down the cosine to a tenth."""
    assert [_rate(share, 2.0) for share in (0.025, 0.05, 0.525, 1.0)] == pytest.approx([1.0, 2.0, 1.1, 0.2])
    rates = [_rate(share, 1.0) for share in np.linspace(0, 1, 101)]
    assert 0 < rates[0] < 0.1
    assert rates[:6] == sorted(rates[:6])
    assert rates[5:] == sorted(rates[5:], reverse=True)


def test_each_step_has_the_rate_of_what_was_done_before_it():
    rates = []
    _, run = training(PLAN)
    run.run(lambda message, share: rates.append(run._optimizer.param_groups[0]["lr"]))
    assert rates == [_rate(number / 40, PLAN.rate) for number in range(40)]


def test_gradients_are_clipped_at_norm_1():
    network, run = training(PLAN)
    with torch.no_grad():
        network.tokens.weight.mul_(300)  # certain, and wrong
    run._step(epoch(None)[:8], 0, 1e-9)
    gradients = torch.cat([parameter.grad.flatten() for parameter in network.parameters()])
    assert gradients.norm().item() == pytest.approx(1, abs=1e-3)


def test_steps_are_adamws_and_matrices_alone_decay():
    """Two steps by hand: moments of 0.9 and 0.95, and a decay of 0.1 apart from the gradient."""
    network, run = training(PLAN)
    rate, moments = 0.01, {name: (0.0, 0.0) for name, _ in network.named_parameters()}
    for number in (1, 2):
        before = {name: weight.detach().clone() for name, weight in network.named_parameters()}
        run._step(epoch(None)[:8], number, rate)
        for name, weight in network.named_parameters():
            first, second = moments[name]
            first, second = 0.9 * first + 0.1 * weight.grad, 0.95 * second + 0.05 * weight.grad**2
            moments[name] = first, second
            change = first / (1 - 0.9**number) / ((second / (1 - 0.95**number)).sqrt() + 1e-8)
            kept = before[name] * (1 - 0.1 * rate if weight.dim() > 1 else 1)
            torch.testing.assert_close(weight.detach(), kept - rate * change, rtol=1e-4, atol=1e-6)


def test_a_step_learns_from_its_own_batch_alone():
    gradients = []
    for batches in ((0, 1), (1,)):
        network, run = training(dataclasses.replace(PLAN, rate=0.0))
        for start in batches:
            run._step(epoch(None)[8 * start : 8 * start + 8], 7, 0.0)
        gradients.append(network.tokens.weight.grad.clone())
    torch.testing.assert_close(*gradients)


def test_dropout_is_on_in_training_and_off_in_scoring():
    network, run = training(PLAN)
    network.eval()
    losses = [run._step(epoch(None)[:8], number, 0.0) for number in (1, 1, 2)]
    assert losses[0] == losses[1] != losses[2]


def test_a_batch_holds_examples_of_one_shape_and_an_epoch_all_of_them():
    sequences = [np.arange(n) for n in (1, 5, 9, 30, 31, 80)]
    examples = [Example(s[w.start : w.end + 1], w.end - w.first) for s in sequences for w in segments(len(s) - 1, 8)]
    batches, seen = _batches(lambda generator: examples, PLAN), 0
    while seen < len(examples):
        batch = next(batches)
        seen += len(batch)
        assert len({len(example.ids) - example.scored for example in batch}) == 1
        inputs, targets = padded(batch)
        assert len(batch) * max(example.scored for example in batch) <= 64
        for example, row, wanted in zip(batch, inputs, targets, strict=True):
            assert row[: len(example.ids) - 1].tolist() == example.ids[:-1].tolist()
            assert wanted[: example.scored].tolist() == example.ids[-example.scored :].tolist()
            assert set(wanted[example.scored :]) <= {-100}
    assert seen == len(examples)


def test_batches_come_in_another_order_in_each_epoch():
    examples = [Example(np.arange(length), length - 1) for length in range(2, 66)]
    batches = _batches(lambda generator: examples, dataclasses.replace(PLAN, batch_tokens=1))  # one example each
    first, second = ([next(batches)[0].scored for _ in examples] for _ in range(2))
    assert sorted(first) == sorted(second) == list(range(1, 65))
    assert first != second
    assert list(range(1, 65)) not in (first, second)


@pytest.mark.parametrize("kind", [Decoder, EncoderDecoder])
def test_both_networks_learn_a_period(kind):
    sequence = np.arange(400) % 11

    def period(generator):
        return [
            Example(sequence[w.start : w.end + 1], w.end - w.first)
            for w in segments(399, 8)
            if kind is EncoderDecoder or w.start == w.first
        ] or [Example(sequence[i : i + 9], 8) for i in range(0, 390, 8)]

    network, run = training(dataclasses.replace(PLAN, steps=150), iter(range(99, 0, -1)), kind, period)
    run.run(SILENT)
    ids = torch.from_numpy(sequence)[None]
    with torch.no_grad():
        logits = network.eval()(ids[:, :16] if kind is EncoderDecoder else ids[:, :8], 8)
        targets = ids[0, 9:17] if kind is EncoderDecoder else ids[0, 1:9]
    assert F.cross_entropy(logits[0], targets).item() < 0.2


@pytest.mark.parametrize("padding", [0, 30])
def test_the_sampled_softmax_estimates_the_whole_one_without_bias(padding):
    """The mean over draws of the sampled partition sum, exp(loss + own logit), is the sum over all ids."""
    torch.manual_seed(0)
    counts = np.array([50, 30, 10, 5, 3, 2, 1, 1, 1, 1])
    states, output = torch.randn(1, 1 + padding, 4), torch.randn(10, 4)
    targets = torch.tensor([[3] + [-100] * padding])
    negatives = Negatives(counts, number=6)
    sums = [math.exp(negatives.loss(states, output, targets).item()) for _ in range(4000)]
    logits = (states[0, :1] @ output.T)[0]
    whole = (logits.logsumexp(0) - logits[3]).exp().item()
    assert np.mean(sums) == pytest.approx(whole, abs=4 * np.std(sums) / math.sqrt(len(sums)))


def test_the_estimate_counts_what_other_targets_bring(monkeypatch):
    """The same, for an event of a batch whose other targets come as the counts say, so that each may be a candidate."""
    rows = []

    def summed(logits, own):
        rows.append((logits[0].logsumexp(0) - logits[0, own[0]]).exp().item())
        return logits.sum()

    monkeypatch.setattr("lmbench.backends.neural.training.F.cross_entropy", summed)
    torch.manual_seed(0)
    generator, counts = np.random.default_rng(0), np.array([50, 30, 10, 5, 3, 2, 1, 1, 1, 1])
    states, output = torch.randn(1, 1, 4).expand(1, 9, 4), torch.randn(10, 4)
    shares = (counts + 1) / (counts + 1).sum()
    negatives = Negatives(counts, number=3)
    for _ in range(4000):
        negatives.loss(states, output, torch.from_numpy(np.append(3, generator.choice(10, 8, p=shares)))[None])
    logits = (states[0, :1] @ output.T)[0]
    whole = (logits.logsumexp(0) - logits[3]).exp().item()
    assert np.mean(rows) == pytest.approx(whole, abs=4 * np.std(rows) / math.sqrt(len(rows)))


def test_negatives_are_drawn_by_the_square_root_of_their_counts():
    """Beside a target of probability 0 its batch's others, drawn as the counts say, and the negatives."""
    generator, counts, other = np.random.default_rng(0), np.array([400, 300, 200, 98, 0]), 7
    torch.manual_seed(0)
    negatives = Negatives(counts, number=2)
    shares = (counts + 1) / (counts + 1).sum()
    present = np.zeros(5)
    for _ in range(3000):
        targets = torch.from_numpy(np.append(generator.choice(5, other, p=shares), 4))[None]
        output = torch.zeros(5, 3, requires_grad=True)
        negatives.loss(torch.ones(1, other + 1, 3), output, targets).backward()
        present += (output.grad != 0).any(dim=1).numpy()
    roots = np.sqrt(counts + 1) / np.sqrt(counts + 1).sum()
    expected = 1 - (1 - shares) ** other * (1 - roots) ** 2
    np.testing.assert_allclose(present[:4] / 3000, expected[:4], atol=0.03)


def test_with_every_id_drawn_the_sampled_softmax_is_the_whole_one():
    torch.manual_seed(0)
    states, output = torch.randn(2, 3, 4, requires_grad=True), torch.randn(10, 4)
    targets = torch.tensor([[1, 2, -100], [9, -100, -100]])
    sampled = Negatives(np.ones(10, dtype=int), number=400).loss(states, output, targets)
    whole = F.cross_entropy((states @ output.T).flatten(0, 1), targets.flatten(), ignore_index=-100)
    torch.testing.assert_close(sampled, whole)


def test_the_first_of_equal_evaluations_is_the_best():
    points = [Point(seconds=i, steps=i, events=i, loss=None, bits_per_byte=b) for i, b in enumerate((3.0, 2.0, 2.0))]
    history = History(identity="", points=tuple(points))
    assert history.best.steps == 1
    assert history.patient(2)
    assert not history.patient(1)
