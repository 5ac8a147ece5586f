"""Weighted means over windows of images, as products of matrices."""

from collections.abc import Iterator

import torch
from torch import Tensor

_TILE = 128
"""Pixels of a row that one product computes; tiles keep the cost proportional to the image's area."""


def gaussian(taps: int, sigma: float) -> Tensor:
    """Return (taps,) float64 weights of a Gaussian window, highest in the middle, with sum 1."""
    weights = torch.exp(-(((torch.arange(taps, dtype=torch.float64) - taps // 2) / sigma) ** 2) / 2)
    return weights / weights.sum()


def blur(images: Tensor, weights: Tensor) -> Tensor:
    """Filter float images (..., h, w) with a window (n,), n odd, along both axes; borders are padded by reflection.

    The convolution is computed as a product with a band matrix, which is many times faster on a CPU. Both sides need
    more than n // 2 pixels.
    """
    weights, planes = weights.to(images), images.flatten(0, -3)
    rows, smooth = torch.empty_like(planes), torch.empty_like(planes)
    for tile, inputs, band in _bands(planes.shape[2], weights):
        torch.matmul(planes[:, :, inputs], band, out=rows[:, :, tile])
    for tile, inputs, band in _bands(planes.shape[1], weights):
        torch.matmul(band.T, rows[:, inputs], out=smooth[:, tile])
    return smooth.reshape(images.shape)


def _bands(size: int, weights: Tensor) -> Iterator[tuple[slice, slice, Tensor]]:
    """Yield (output pixels, input pixels, weights (inputs, outputs)) for each tile of a row of pixels."""
    half = len(weights) // 2
    taps = torch.arange(-half, half + 1, device=weights.device)
    for start in range(0, size, _TILE):
        stop = min(start + _TILE, size)
        first, last = max(0, start - half), min(size, stop + half)
        column = torch.arange(start, stop, device=weights.device)[:, None]
        pixel = (column + taps).abs()
        pixel = torch.where(pixel < size, pixel, 2 * (size - 1) - pixel)
        band = weights.new_zeros(last - first, stop - start)
        band.index_put_((pixel - first, column - start), weights.expand(pixel.shape), accumulate=True)
        yield slice(start, stop), slice(first, last), band
