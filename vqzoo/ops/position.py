"""The 2-D sinusoidal encoding."""

import torch
from torch import Tensor


def sinusoidal_2d(rows: Tensor, columns: Tensor, dim: int) -> Tensor:
    """Sine-cosine encoding of a grid: (h,) row and (w,) column coordinates -> (h, w, dim), each number in [-1, 1].

    The first half of the channels depends on the row alone and the second half on the column alone; each half is sines
    then cosines of coordinate x 10000^(-i / n), i = 0 .. n - 1, n = dim / 4 (the encoding of Vaswani et al., 2017,
    arXiv:1706.03762, once an axis).
    """
    frequencies = 10000.0 ** -(torch.arange(dim // 4) / (dim // 4))

    def axis(coordinates: Tensor) -> Tensor:
        angles = coordinates[:, None].float() * frequencies
        return torch.cat([angles.sin(), angles.cos()], 1)

    by_row = axis(rows)[:, None].expand(-1, len(columns), -1)
    by_column = axis(columns)[None].expand(len(rows), -1, -1)
    return torch.cat([by_row, by_column], -1)
