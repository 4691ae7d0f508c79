"""Optimizer steps: AdamW by hand, clipping, dropout and random draws."""

import pytest
import torch

from lmbench.backends.neural.transformer.batches import Example
from lmbench.backends.neural.transformer.networks import Decoder
from lmbench.backends.neural.transformer.optimizer import Optimizer
from tests.backends.neural.transformer.small_trainings import SEQUENCE, SHAPE, draw_epoch

pytestmark = pytest.mark.usefixtures("one_thread")


def optimized(seed=3):
    """Return a new network and its optimizer."""
    torch.manual_seed(0)
    network = Decoder(SHAPE)
    return network, Optimizer(network, None, torch.float32, seed)


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


def test_steps_are_adamws_and_only_matrices_decay():
    """Two steps by hand: moments of 0.9 and 0.95, and a decay of 0.1 that is separate from the gradient."""
    network, optimizer = optimized()
    rate, moments = 0.01, {name: (0.0, 0.0) for name, _ in network.named_parameters()}
    for number in (1, 2):
        before = {name: weight.detach().clone() for name, weight in network.named_parameters()}
        optimizer.step(draw_epoch(None)[:8], number, rate)
        for name, weight in network.named_parameters():
            first, second = moments[name]
            first, second = 0.9 * first + 0.1 * weight.grad, 0.95 * second + 0.05 * weight.grad**2
            moments[name] = first, second
            change = first / (1 - 0.9**number) / ((second / (1 - 0.95**number)).sqrt() + 1e-8)
            kept = before[name] * (1 - 0.1 * rate if weight.dim() > 1 else 1)
            torch.testing.assert_close(weight.detach(), kept - rate * change, rtol=1e-4, atol=1e-6)


def test_a_step_learns_only_from_its_own_batch():
    gradients = []
    for numbers in ((0, 1), (1,)):
        network, optimizer = optimized()
        for number in numbers:
            optimizer.step(draw_epoch(None)[8 * number : 8 * number + 8], 7, 0.0)
        gradients.append(network.tokens.weight.grad.clone())
    torch.testing.assert_close(*gradients)


def test_dropout_is_on_in_training_and_off_in_scoring():
    network, optimizer = optimized()
    network.eval()
    losses = [optimizer.step(draw_epoch(None)[:8], number, 0.0) for number in (1, 1, 2)]
    assert losses[0] == losses[1] != losses[2]


def test_the_template_has_the_shapes_of_the_state():
    _, optimizer = optimized()
    assert optimizer.state == {}
    optimizer.step(draw_epoch(None)[:8], 0, 1e-3)
    shapes = {name: value.shape for name, value in optimizer.state.items()}
    assert {name: value.shape for name, value in optimizer.state_template.items()} == shapes
