"""AdamW by rows: torch's AdamW if every row is taken, and torch's SparseAdam if few are."""

import pytest
import torch

from lmbench.backends.neural.transformer.row_adamw import RowAdamW

pytestmark = pytest.mark.usefixtures("one_thread")


def test_with_all_rows_taken_it_is_adamw():
    torch.manual_seed(0)
    table, library = torch.randn(5, 3), torch.nn.Parameter(torch.zeros(5, 3))
    library.data.copy_(table)
    ours, theirs = RowAdamW(table, 0.1), torch.optim.AdamW([library], lr=0.02, betas=(0.9, 0.95), weight_decay=0.1)
    for _ in range(4):
        library.grad = torch.randn(5, 3)
        order = torch.randperm(5)
        ours.take(order).grad = library.grad[order]
        ours.step(0.02)
        theirs.step()
        torch.testing.assert_close(table, library.detach())


def test_with_few_rows_taken_it_is_sparse_adam():
    torch.manual_seed(0)
    table, library = torch.randn(6, 3), torch.nn.Parameter(torch.zeros(6, 3))
    library.data.copy_(table)
    ours, theirs = RowAdamW(table, 0.0), torch.optim.SparseAdam([library], lr=0.02, betas=(0.9, 0.95))
    for ids in ([0, 2], [2, 5], [0], [1, 2, 4]):
        gradient = torch.randn(len(ids), 3)
        library.grad = torch.sparse_coo_tensor(torch.tensor([ids]), gradient, (6, 3), check_invariants=True)
        ours.take(torch.tensor(ids)).grad = gradient
        ours.step(0.02)
        theirs.step()
        torch.testing.assert_close(table, library.detach())


def test_it_resumes_from_its_state():
    torch.manual_seed(0)
    table = torch.randn(4, 2)
    first = RowAdamW(table, 0.1)
    assert first.state == {}
    first.take(torch.tensor([1, 3])).grad = torch.ones(2, 2)
    first.step(0.01)
    copy = table.clone()
    second = RowAdamW(copy, 0.1)
    second.restore({name: value.clone() for name, value in first.state.items()})
    for optimizer in (first, second):
        optimizer.take(torch.tensor([0, 1])).grad = torch.full((2, 2), -0.5)
        optimizer.step(0.01)
    assert torch.equal(table, copy)
    assert {name: value.shape for name, value in first.state.items()} == {
        name: value.shape for name, value in first.state_template.items()
    }


def test_without_rows_a_step_does_nothing():
    table = torch.ones(4, 2)
    optimizer = RowAdamW(table, 0.1)
    optimizer.step(0.01)
    assert torch.equal(table, torch.ones(4, 2))
    optimizer.take(torch.tensor([1]))
    with pytest.raises(ValueError, match="the rows need a gradient"):
        optimizer.step(0.01)
