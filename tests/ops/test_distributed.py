"""What processes exchange, with one process; tests/quantizers/test_distributed.py runs two."""

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


def test_one_row_is_enough():
    assert len(sample_rows(torch.ones(1, 4), 8).unique(dim=0)) == 8


def test_draws_repeat_and_leave_the_global_random_state_alone():
    rows, state = torch.randn(5, 2), torch.get_rng_state()
    assert torch.equal(sample_rows(rows, 8), sample_rows(rows, 8))
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.equal(sample_rows(rows, 5, seed=1), sample_rows(rows, 5, seed=0))
