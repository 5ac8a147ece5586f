"""Positional encodings of the latent grid, added to what the decoder gets."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vqzoo.ops.build import build_from
from vqzoo.ops.check import check_int
from vqzoo.ops.position import sinusoidal_2d


class Position(nn.Module):
    """A (height, width, dim) encoding for a grid of any size; grids other than the trained one are interpolated."""

    dim: int
    config: dict[str, Any]

    def forward(self, height: int, width: int) -> Tensor:
        """(height, width, dim), or a scalar 0 where there is no encoding."""
        raise NotImplementedError


class NoPosition(Position):
    """No encoding: adds nothing."""

    def __init__(self, dim: int):
        super().__init__()
        self.dim = check_int("dim", dim, 1, 4096)

    def forward(self, height: int, width: int) -> Tensor:
        return torch.zeros(())


class SinusoidalPosition(Position):
    """Fixed sines and cosines: half of the channels tell the row, half the column (`ops.position.sinusoidal_2d`).

    A grid of another size than grid x grid is laid over the same range of coordinates, so that a larger picture shows
    the decoder no phase that it has not been trained on.
    """

    def __init__(self, dim: int, grid: int):
        super().__init__()
        self.dim = check_int("dim", dim, 4, 4096)
        if dim % 4:
            raise ValueError(f"dim={dim}: a 2-D sinusoidal encoding needs a multiple of 4 (sine, cosine, row, column)")
        self.grid = check_int("grid", grid, 1, 1024)

    def forward(self, height: int, width: int) -> Tensor:
        rows, columns = (((torch.arange(n) + 0.5) * self.grid / n - 0.5) for n in (height, width))
        return sinusoidal_2d(rows, columns, self.dim)


class LearnedPosition(Position):
    """A learnt vector for each cell of a grid x grid latent grid, interpolated bilinearly for other sizes."""

    def __init__(self, dim: int, grid: int):
        super().__init__()
        self.dim = check_int("dim", dim, 1, 4096)
        self.grid = check_int("grid", grid, 1, 1024)
        self.table = nn.Parameter(torch.zeros(grid, grid, dim).normal_(std=0.02))

    def forward(self, height: int, width: int) -> Tensor:
        if (height, width) == (self.grid, self.grid):
            return self.table
        planes = F.interpolate(self.table.permute(2, 0, 1)[None], (height, width), mode="bilinear")
        return planes[0].permute(1, 2, 0)


POSITIONS: dict[str, Callable[..., Position]] = {
    "none": NoPosition,
    "sinusoidal": SinusoidalPosition,
    "learned": LearnedPosition,
}


def build_position(name: str, **settings: Any) -> Position:
    """The positional encoding called `name`; raises ValueError for an unknown name or setting."""
    return build_from(POSITIONS, "position", name, settings)
