"""Sinusoidal encodings of the cells of a grid."""

import math

import torch
from torch import Tensor


def sinusoidal_2d(rows: Tensor, columns: Tensor, dim: int) -> Tensor:
    """Return the sine-cosine encoding (h, w, dim) of a grid with row (h,) and column (w,) coordinates.

    The first half of the channels depends on the row alone, the second half on the column alone; each half holds sines,
    then cosines, of coordinate x 10000^(-i / n), i = 0 .. n - 1, n = dim / 4 (Vaswani et al., 2017, arXiv:1706.03762,
    section 3.5, once per axis).
    """
    frequencies = 10000.0 ** -(torch.arange(dim // 4, device=rows.device) / (dim // 4))

    def axis(coordinates: Tensor) -> Tensor:
        angles = coordinates[:, None].float() * frequencies
        return torch.cat([angles.sin(), angles.cos()], 1)

    return _grid(axis(rows), axis(columns))


def octaves_2d(rows: Tensor, columns: Tensor, octaves: int) -> Tensor:
    """Return NeRF's encoding (h, w, 4 octaves) of a grid with row (h,) and column (w,) coordinates in [-1, 1].

    For the row, then for the column: sin(2^k pi x) for k = 0 .. octaves - 1, then the cosines (Mildenhall et al., 2020,
    arXiv:2003.08934, eq. 4).
    """

    def axis(coordinates: Tensor) -> Tensor:
        angles = math.pi * coordinates[:, None].float() * 2.0 ** torch.arange(octaves)
        return torch.cat([angles.sin(), angles.cos()], 1)

    return _grid(axis(rows), axis(columns))


def _grid(by_row: Tensor, by_column: Tensor) -> Tensor:
    """Combine (h, n) row encodings and (w, n) column encodings to (h, w, 2n)."""
    shape = (len(by_row), len(by_column), -1)
    return torch.cat([by_row[:, None].expand(shape), by_column[None].expand(shape)], -1)
