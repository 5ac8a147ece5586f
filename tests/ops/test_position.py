"""The sinusoidal encoding, by hand at a few cells (trap: an encoding that varies along one axis only)."""

import math

import pytest
import torch

from vqzoo.ops.position import sinusoidal_2d


def encoding(height: int, width: int, dim: int) -> torch.Tensor:
    return sinusoidal_2d(torch.arange(height), torch.arange(width), dim)


@pytest.mark.parametrize(("row", "column"), [(0, 0), (2, 0), (0, 3), (2, 3), (4, 1)])
def test_a_cell_by_hand(row, column):
    """dim 8: two frequencies an axis, 1 and 10000^(-1/2) = 0.01."""
    by_hand = [f(x * w) for x in (row, column) for f in (math.sin, math.cos) for w in (1.0, 0.01)]
    torch.testing.assert_close(encoding(5, 4, 8)[row, column], torch.tensor(by_hand))


def test_half_the_channels_tell_the_row_and_half_the_column():
    grid = encoding(5, 7, 16)
    by_row, by_column = grid[..., :8], grid[..., 8:]
    assert torch.equal(by_row, by_row[:, :1].expand(5, 7, 8))
    assert torch.equal(by_column, by_column[:1].expand(5, 7, 8))
    assert all(not torch.equal(by_row[0, 0], by_row[row, 0]) for row in range(1, 5))
    assert all(not torch.equal(by_column[0, 0], by_column[0, column]) for column in range(1, 7))


def test_no_two_cells_are_alike():
    cells = encoding(16, 16, 32).flatten(0, 1)
    assert len(cells.unique(dim=0)) == 256
    assert cells.abs().max() <= 1
