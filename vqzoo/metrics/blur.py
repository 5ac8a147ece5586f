"""Weighted means over windows of images, as products of matrices."""

from collections.abc import Iterator

import torch
from torch import Tensor

_TILE = 128
"""Pixels of a line that one product yields: its cost grows with the image's area alone."""


def gaussian(taps: int, sigma: float) -> Tensor:
    """(taps,) float64 weights, highest in the middle, that add up to 1."""
    weights = torch.exp(-(((torch.arange(taps, dtype=torch.float64) - taps // 2) / sigma) ** 2) / 2)
    return weights / weights.sum()


def blur(images: Tensor, weights: Tensor) -> Tensor:
    """Float images (..., h, w) through a window of weights (n,), n odd, in both directions; borders reflect.

    A product with a band of weights does the work of a convolution and is many times as fast on a CPU. Both sides need
    more than n // 2 pixels.
    """
    weights, planes = weights.to(images), images.flatten(0, -3)
    rows, smooth = torch.empty_like(planes), torch.empty_like(planes)
    for tile, seen, band in _bands(planes.shape[2], weights):
        torch.matmul(planes[:, :, seen], band, out=rows[:, :, tile])
    for tile, seen, band in _bands(planes.shape[1], weights):
        torch.matmul(band.T, rows[:, seen], out=smooth[:, tile])
    return smooth.reshape(images.shape)


def _bands(size: int, weights: Tensor) -> Iterator[tuple[slice, slice, Tensor]]:
    """Of each tile of a line of pixels: where it is, the pixels that it sees, and the weights that these have in it."""
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
