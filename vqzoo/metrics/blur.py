"""Weighted means over windows of images, as products of matrices."""

import torch
import torch.nn.functional as F
from torch import Tensor

_TILE = 64
"""Pixels of a row that one product yields: its cost grows with the image's area alone."""


def gaussian(taps: int, sigma: float) -> Tensor:
    """(taps,) float64 weights, highest in the middle, that add up to 1."""
    weights = torch.exp(-(((torch.arange(taps, dtype=torch.float64) - taps // 2) / sigma) ** 2) / 2)
    return weights / weights.sum()


def blur(images: Tensor, weights: Tensor) -> Tensor:
    """Float images (..., h, w) through a window of weights (n,), n odd, in both directions; borders reflect.

    A product with a band of weights does the work of a convolution and is several times as fast on a CPU. Both sides
    need more than n // 2 pixels.
    """
    weights = weights.to(images)
    rows = _along_rows(images.flatten(0, -3), weights)
    return _along_rows(rows.mT, weights).mT.reshape(images.shape)


def _along_rows(images: Tensor, weights: Tensor) -> Tensor:
    """(n, h, w), smoothed along the last dimension."""
    width, taps = images.shape[-1], len(weights)
    tile = min(_TILE, width)
    columns = torch.arange(tile, device=images.device)
    band = images.new_zeros(tile + taps - 1, tile)
    for tap in range(taps):
        band[columns + tap, columns] = weights[tap]
    padded = F.pad(F.pad(images, (taps // 2, taps // 2), mode="reflect"), (0, -width % tile))
    return (padded.unfold(-1, tile + taps - 1, tile) @ band).flatten(-2)[..., :width]
