"""Optimizer steps: AdamW and Muon by hand, clipping, dropout and random draws."""

import math

import pytest
import torch

from lmbench.backends.neural.transformer.batches import Example
from lmbench.backends.neural.transformer.muon import orthogonalize
from lmbench.backends.neural.transformer.networks import Decoder
from lmbench.backends.neural.transformer.optimizer import Optimizer
from tests.backends.neural.transformer.small_trainings import SEQUENCE, SHAPE, draw_epoch

pytestmark = pytest.mark.usefixtures("one_thread")


def optimized(seed=3, kind="muon"):
    """Return a new network and its optimizer."""
    torch.manual_seed(0)
    network = Decoder(SHAPE)
    return network, Optimizer(network, kind, None, torch.float32, seed)


def test_steps_of_neighboring_seeds_share_no_draws():
    def state_after(seed, number):
        optimized(seed)[1].step([Example(SEQUENCE[:9], 8)], number, 0.0)
        return torch.random.get_rng_state()

    assert torch.equal(state_after(3, 4), state_after(3, 4))
    assert not torch.equal(state_after(3, 4), state_after(4, 3))


def test_gradients_are_clipped_at_norm_1():
    network, optimizer = optimized()
    with torch.no_grad():
        network.tokens.weight.mul_(300)  # certain, and wrong
    optimizer.step(draw_epoch(None)[:8], 0, 1e-9)
    gradients = torch.cat([parameter.grad.flatten() for parameter in network.parameters()])
    assert gradients.norm().item() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("kind", ["adamw", "muon"])
def test_steps_are_adamws_but_muons_in_blocks_and_only_matrices_decay(kind):
    """Two steps by hand: moments of 0.9 and 0.95, and a decay of 0.1 that is separate from the gradient."""
    network, optimizer = optimized(kind=kind)
    rate, moments = 0.01, {name: (0.0, 0.0) for name, _ in network.named_parameters()}
    for number in (1, 2):
        before = {name: weight.detach().clone() for name, weight in network.named_parameters()}
        optimizer.step(draw_epoch(None)[:8], number, rate)
        for name, weight in network.named_parameters():
            if kind == "muon" and name.startswith("blocks.") and weight.dim() > 1:
                continue
            first, second = moments[name]
            first, second = 0.9 * first + 0.1 * weight.grad, 0.95 * second + 0.05 * weight.grad**2
            moments[name] = first, second
            change = first / (1 - 0.9**number) / ((second / (1 - 0.95**number)).sqrt() + 1e-8)
            kept = before[name] * (1 - 0.1 * rate if weight.dim() > 1 else 1)
            torch.testing.assert_close(weight.detach(), kept - rate * change, rtol=1e-4, atol=1e-6)


def test_muon_trains_the_matrices_in_blocks_and_q_k_and_v_apart():
    """Two steps by hand, with Nesterov momentum of 0.95 and a decay of 0.1."""
    network, optimizer = optimized()
    inner = {name: weight for name, weight in network.named_parameters() if name.startswith("blocks.")}
    matrices = {name: weight for name, weight in inner.items() if weight.dim() > 1}
    assert len(matrices) == 4 * SHAPE.layers
    rate, momenta = 0.01, dict.fromkeys(matrices, 0.0)
    for number in (1, 2):
        before = {name: weight.detach().clone() for name, weight in matrices.items()}
        optimizer.step(draw_epoch(None)[:8], number, rate)
        for name, weight in matrices.items():
            momenta[name] = 0.95 * momenta[name] + 0.05 * weight.grad
            direction = 0.05 * weight.grad + 0.95 * momenta[name]
            parts = direction.unflatten(0, (3 if "qkv" in name else 1, -1))
            change = 0.2 * math.sqrt(max(parts.shape[1:])) * orthogonalize(parts, torch.float32).flatten(0, 1)
            expected = before[name] * (1 - 0.1 * rate) - rate * change
            torch.testing.assert_close(weight.detach(), expected, rtol=1e-4, atol=1e-6)


def test_a_step_learns_only_from_its_own_batch():
    gradients = []
    for numbers in ((0, 1), (1,)):
        network, optimizer = optimized()
        for number in numbers:
            optimizer.step(draw_epoch(None)[8 * number : 8 * number + 8], 7, 0.0)
        gradients.append(torch.cat([weight.grad.flatten() for weight in network.parameters()]))
    torch.testing.assert_close(*gradients)


def test_dropout_is_on_in_training_and_off_in_scoring():
    network, optimizer = optimized()
    network.eval()
    losses = [optimizer.step(draw_epoch(None)[:8], number, 0.0) for number in (1, 1, 2)]
    assert losses[0] == losses[1] != losses[2]


@pytest.mark.parametrize("kind", ["adamw", "muon"])
def test_the_template_has_the_shapes_of_the_state(kind):
    _, optimizer = optimized(kind=kind)
    assert optimizer.state == {}
    optimizer.step(draw_epoch(None)[:8], 0, 1e-3)
    shapes = {name: value.shape for name, value in optimizer.state.items()}
    assert {name: value.shape for name, value in optimizer.state_template.items()} == shapes
    assert {name.split(".")[0] for name in shapes} == {"adamw", kind}
