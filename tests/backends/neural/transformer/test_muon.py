"""Muon: equal to torch's, and updates that are orthogonal matrices as far as the iteration makes them so."""

import pytest
import torch

from lmbench.backends.neural.transformer.muon import Matrix, Muon, orthogonalize

pytestmark = pytest.mark.usefixtures("one_thread")

SHAPES = [(24, 24), (64, 16), (16, 64), (24, 24)]


def parameters(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.nn.Parameter(torch.randn(shape, generator=generator)) for shape in SHAPES]


def draw_gradients(weights, seed):
    generator = torch.Generator().manual_seed(seed)
    for weight in weights:
        weight.grad = torch.randn(weight.shape, generator=generator)


def iterate(value):
    """Return what five iterations of the quintic polynomial make of a singular value."""
    for _ in range(5):
        value = 3.4445 * value - 4.7750 * value**3 + 2.0315 * value**5
    return value


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="this version of torch does not have Muon")
def test_steps_are_those_of_torch_in_bfloat16():
    own, others = parameters(), parameters()
    muon = Muon([Matrix(weight, 1) for weight in own], torch.bfloat16)
    reference = torch.optim.Muon(others, lr=0.02, momentum=0.95, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    for step in range(6):
        before = [weight.detach().clone() for weight in own]
        for weights in (own, others):
            draw_gradients(weights, step)
        muon.step(0.02)
        reference.step()
        for first, weight, other in zip(before, own, others, strict=True):
            size = (other - first).abs().max().item()
            torch.testing.assert_close(weight.detach(), other.detach(), rtol=0, atol=0.03 * size)


@pytest.mark.parametrize("shape", [(40, 40), (30, 90), (90, 30)])
def test_each_singular_value_goes_through_the_polynomial(shape):
    matrices = torch.randn(3, *shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 1e-3
    u, values, v = torch.linalg.svd(matrices, full_matrices=False)
    expected = u * iterate(values / values.norm(dim=1, keepdim=True))[:, None] @ v
    torch.testing.assert_close(orthogonalize(matrices, torch.float64), expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(orthogonalize(matrices.float(), torch.float32), expected.float(), rtol=0, atol=1e-5)


@pytest.mark.parametrize(("precision", "slack"), [(torch.float32, 1e-4), (torch.bfloat16, 0.02)])
def test_an_update_is_almost_orthogonal(precision, slack):
    """The polynomial maps singular values from 0.01 to 1 into a range around 1."""
    matrices = torch.randn(4, 64, 192, generator=torch.Generator().manual_seed(2))
    update = orthogonalize(matrices, precision)
    reached = iterate(torch.linspace(0.01, 1, 10_000, dtype=torch.float64))
    values = torch.linalg.svdvals(update)
    assert reached.min().item() - slack < values.min().item() < values.max().item() < reached.max().item() + slack
    u, _, v = torch.linalg.svd(matrices, full_matrices=False)
    assert torch.cosine_similarity((u @ v).flatten(1), update.flatten(1)).min().item() > 0.98
    assert update.dtype == torch.float32


def test_a_matrix_without_a_direction_stays_zero():
    assert torch.equal(orthogonalize(torch.zeros(1, 3, 5), torch.float32), torch.zeros(1, 3, 5))


def test_stacked_matrices_are_orthogonalized_one_by_one():
    """The three of a stack move as three weights do, scaled by the size of one of them."""
    stack = torch.nn.Parameter(torch.randn(36, 12, generator=torch.Generator().manual_seed(3)))
    parts = [torch.nn.Parameter(part.detach().clone()) for part in stack.chunk(3)]
    draw_gradients([stack], 4)
    for part, gradient in zip(parts, stack.grad.chunk(3), strict=True):
        part.grad = gradient.clone()
    Muon([Matrix(stack, 3)], torch.float32).step(0.02)
    Muon([Matrix(part, 1) for part in parts], torch.float32).step(0.02)
    torch.testing.assert_close(stack.detach(), torch.cat([part.detach() for part in parts]))


def test_an_update_is_as_large_as_adamws():
    """Liu et al. (2025): the root mean square of an update is about 0.2 times the rate for any shape."""
    weights = parameters()
    before = [weight.detach().clone() for weight in weights]
    draw_gradients(weights, 5)
    Muon([Matrix(weight, 1) for weight in weights], torch.float32).step(0.5)
    for first, weight in zip(before, weights, strict=True):
        change = (weight.detach() - first * (1 - 0.5 * 0.1)) / 0.5
        assert change.square().mean().sqrt().item() == pytest.approx(0.2, rel=0.2)


def test_a_restored_state_continues_byte_for_byte():
    weights = parameters()
    muon = Muon([Matrix(weight, 1) for weight in weights], torch.float32)
    assert muon.state == {}
    draw_gradients(weights, 6)
    muon.step(0.02)
    template = {name: value.shape for name, value in muon.state_template.items()}
    assert template == {name: value.shape for name, value in muon.state.items()}
    copies = [torch.nn.Parameter(weight.detach().clone()) for weight in weights]
    other = Muon([Matrix(weight, 1) for weight in copies], torch.float32)
    other.restore({name: value.clone() for name, value in muon.state.items()})
    for optimizer, trained in ((muon, weights), (other, copies)):
        draw_gradients(trained, 7)
        optimizer.step(0.02)
    assert all(torch.equal(one, two) for one, two in zip(weights, copies, strict=True))


def test_weights_without_gradients_are_refused():
    with pytest.raises(ValueError, match="every matrix needs a gradient"):
        Muon([Matrix(weight, 1) for weight in parameters()], torch.float32).step(0.02)
