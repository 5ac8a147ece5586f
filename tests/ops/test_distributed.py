"""What processes exchange, with one process; tests/quantizers/test_distributed.py runs two."""

import pytest
import torch

from vqzoo.ops.distributed import all_reduce, sample_rows


def test_alone_a_sum_is_what_went_in():
    tensor = torch.randn(3)
    assert torch.equal(all_reduce(tensor), tensor) and torch.equal(all_reduce(tensor, "max"), tensor)


def test_rows_are_drawn_without_replacement_while_there_are_enough():
    rows = torch.arange(20.0).view(10, 2)
    drawn = sample_rows(rows, 7)
    assert len(drawn.unique(dim=0)) == 7
    assert all((rows == row).all(1).any() for row in drawn)
    assert sorted(sample_rows(rows, 10).tolist()) == rows.tolist()
    assert sample_rows(rows, 10).tolist() != rows.tolist(), "drawn, not just taken from the front"


def test_too_few_rows_repeat_with_a_jitter_and_none_are_equal_or_zero():
    rows = torch.randn(10, 3)
    drawn = sample_rows(rows, 64)
    assert drawn.shape == (64, 3) and len(drawn.unique(dim=0)) == 64 and drawn.any(1).all()
    distances, nearest = torch.cdist(drawn, rows).min(1)
    assert distances.max() < 0.2, "a jitter of 1 % of the spread stays close to its row"
    assert (torch.bincount(nearest, minlength=10) >= 6).all(), "every row is used, 6 or 7 times"


@pytest.mark.parametrize("value", [0.0, 1.0, 1e4])
def test_one_row_is_enough(value):
    drawn = sample_rows(torch.full((1, 4), value), 8)
    assert len(drawn.unique(dim=0)) == 8 and (drawn - value).abs().max() <= max(1e-3, 1e-4 * value)


@pytest.mark.trap("T11")
def test_rows_that_were_equal_are_not_any_more():
    """The first of each stays as it is."""
    rows = torch.tensor([[1.0, 2.0], [1.0, 2.0], [3.0, 4.0], [1.0, 2.0]])
    drawn = sample_rows(rows, 4)
    assert len(drawn.unique(dim=0)) == 4
    assert [(drawn == row).all(1).sum().item() for row in rows.unique(dim=0)] == [1, 1]
    torch.testing.assert_close(drawn.sort(0).values, rows.sort(0).values, rtol=0, atol=0.05)


def test_draws_repeat_and_leave_the_global_random_state_alone():
    rows, state = torch.randn(5, 2), torch.get_rng_state()
    assert torch.equal(sample_rows(rows, 8), sample_rows(rows, 8))
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.equal(sample_rows(rows, 5, seed=1), sample_rows(rows, 5, seed=0))
