"""Smoothing of images with a Gaussian window, as products of matrices."""

import torch
import torch.nn.functional as F
from torch import Tensor

_TILE = 64
"""Pixels of a row that one product yields: its cost grows with the image's area alone."""


def gaussian_blur(images: Tensor, taps: int, sigma: float) -> Tensor:
    """Float images (..., h, w) through a window of `taps` x `taps` weights, odd, that add up to 1; borders reflect.

    A product with a band of weights does the work of a convolution and is several times as fast on a CPU. Both sides
    need more than taps // 2 pixels.
    """
    places = torch.arange(taps, device=images.device, dtype=images.dtype) - taps // 2
    weights = torch.exp(-((places / sigma) ** 2) / 2)
    weights /= weights.sum()
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
