"""Positional encodings of the latent grid, added to the encoder's output, the decoder's input, or both."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vqzoo.ops.build import build_from
from vqzoo.ops.check import check_choice, check_int
from vqzoo.ops.position import octaves_2d, sinusoidal_2d

PLACES = ("decoder", "encoder", "both")


class Position(nn.Module):
    """Encoding (height, width, dim) of a grid of any size; `place` tells what it is added to.

    "encoder": the latents before they are quantized. "decoder": the quantized latents. "both": the same encoding to
    both.
    """

    dim: int
    place: str
    config: dict[str, Any]

    def __init__(self, dim: int, least_dim: int = 1, place: str = "decoder"):
        super().__init__()
        self.dim = check_int("dim", dim, least_dim, 4096)
        self.place = check_choice("place", place, PLACES)

    def forward(self, height: int, width: int) -> Tensor:
        """Return (height, width, dim), or a scalar 0 if there is no encoding."""
        raise NotImplementedError


class NoPosition(Position):
    """No encoding: it adds 0."""

    def __init__(self, dim: int):
        super().__init__(dim)

    def forward(self, height: int, width: int) -> Tensor:
        """Return a scalar 0."""
        return torch.zeros(())


class SinusoidalPosition(Position):
    """Fixed sines and cosines: half of the channels encode the row, half the column (`ops.position.sinusoidal_2d`).

    A grid of another size than grid x grid spans the same range of coordinates, so that a larger image has no phase
    that the decoder was not trained on.
    """

    def __init__(self, dim: int, grid: int, place: str = "decoder"):
        super().__init__(dim, 4, place)
        if dim % 4:
            raise ValueError(f"dim={dim}: a 2-D sinusoidal encoding needs a multiple of 4 (sine, cosine, row, column)")
        self.grid = check_int("grid", grid, 1, 1024)

    def forward(self, height: int, width: int) -> Tensor:
        """Return (height, width, dim)."""
        rows, columns = (((torch.arange(n) + 0.5) * self.grid / n - 0.5) for n in (height, width))
        return sinusoidal_2d(rows, columns, self.dim)


class NeRFPosition(Position):
    """Fixed sines and cosines of octaves, as in NeRF (`ops.position.octaves_2d`); remaining channels are zero.

    It has as many octaves as a grid x grid latent grid can resolve: at the highest, neighbouring cells are half a
    period apart. Coordinates run from -1 to 1 over grids of any size.
    """

    def __init__(self, dim: int, grid: int, place: str = "decoder"):
        super().__init__(dim, 4, place)
        self.grid = check_int("grid", grid, 2, 1024)
        self.octaves = grid.bit_length() - 1
        if dim < 4 * self.octaves:
            raise ValueError(f"dim={dim}: the {self.octaves} octaves of grid={grid} need at least {4 * self.octaves}")

    def forward(self, height: int, width: int) -> Tensor:
        """Return (height, width, dim)."""
        rows, columns = (((2 * torch.arange(n) + 1) / n - 1) for n in (height, width))
        encoding = octaves_2d(rows, columns, self.octaves)
        return F.pad(encoding, (0, self.dim - encoding.shape[-1]))


class LearnedPosition(Position):
    """Learned vector for each cell of a grid x grid latent grid, interpolated bilinearly for other sizes."""

    def __init__(self, dim: int, grid: int, place: str = "decoder"):
        super().__init__(dim, 1, place)
        self.grid = check_int("grid", grid, 1, 1024)
        # Not normal_, which on the meta device imports torch's compiler, and that takes seconds.
        self.table = nn.Parameter(torch.randn(grid, grid, dim).mul_(0.02))

    def forward(self, height: int, width: int) -> Tensor:
        """Return (height, width, dim)."""
        if (height, width) == (self.grid, self.grid):
            return self.table
        planes = F.interpolate(self.table.permute(2, 0, 1)[None], (height, width), mode="bilinear")
        return planes[0].permute(1, 2, 0)


POSITIONS: dict[str, Callable[..., Position]] = {
    "none": NoPosition,
    "sinusoidal": SinusoidalPosition,
    "nerf": NeRFPosition,
    "learned": LearnedPosition,
}


def build_position(name: str, **settings: Any) -> Position:
    """Return the positional encoding called `name`; raise ValueError for an unknown name or setting."""
    return build_from(POSITIONS, "position", name, settings)
