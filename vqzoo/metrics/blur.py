"""Weighted means over windows of images, as products of matrices."""

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

_TILE = 48
"""Pixels of a row that one product computes: few, as most weights of a wide band are 0."""


class _Tile(NamedTuple):
    """Pixels of a row that one product computes."""

    outputs: slice
    inputs: slice
    band: Tensor
    """Weights (inputs, outputs)."""


def gaussian(taps: int, sigma: float) -> Tensor:
    """Return (taps,) float64 weights of a Gaussian window, highest in the middle, with sum 1."""
    weights = torch.exp(-(((torch.arange(taps, dtype=torch.float64) - taps // 2) / sigma) ** 2) / 2)
    return weights / weights.sum()


def blur(images: Tensor, weights: Tensor) -> Tensor:
    """Filter float images (..., h, w) with a window (n,), n odd, along both axes; borders are padded by reflection.

    The convolution is computed as a product with a band matrix, which is many times faster on a CPU. Both sides need
    more than n // 2 pixels.
    """
    window, planes = tuple(weights.tolist()), images.flatten(0, -3)
    rows, smooth = torch.empty_like(planes), torch.empty_like(planes)
    for tile in _tiles(planes.shape[2], window, planes.dtype, planes.device):
        torch.matmul(planes[:, :, tile.inputs], tile.band, out=rows[:, :, tile.outputs])
    for tile in _tiles(planes.shape[1], window, planes.dtype, planes.device):
        torch.matmul(tile.band.T, rows[:, tile.inputs], out=smooth[:, tile.outputs])
    return smooth.reshape(images.shape)


@lru_cache(32)
def _tiles(size: int, window: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> list[_Tile]:
    """Return the tiles of a row of pixels; cached, as many images of a size are filtered."""
    half = len(window) // 2
    taps, weights = torch.arange(-half, half + 1), torch.tensor(window, dtype=torch.float64)
    tiles = []
    for start in range(0, size, _TILE):
        stop = min(start + _TILE, size)
        first, last = max(0, start - half), min(size, stop + half)
        column = torch.arange(start, stop)[:, None]
        pixel = (column + taps).abs()
        pixel = torch.where(pixel < size, pixel, 2 * (size - 1) - pixel)
        band = weights.new_zeros(last - first, stop - start)
        band.index_put_((pixel - first, column - start), weights.expand(pixel.shape), accumulate=True)
        tiles.append(_Tile(slice(start, stop), slice(first, last), band.to(device, dtype)))
    return tiles
