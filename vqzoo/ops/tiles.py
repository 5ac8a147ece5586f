"""Matrices of (latents x codevectors) with a gradient, made tile by tile and made again for it: memory is a tile's."""

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

_TILE = 2**22  # numbers that exist at once: 16 MiB of float32
Result = TypeVar("Result")


def in_tiles(latents: Tensor, codebook_size: int) -> tuple[Tensor, ...]:
    """Latents (n, d) in parts whose matrix with so many codevectors is one tile."""
    return latents.split(max(64, _TILE // codebook_size))


def made_again(function: Callable[..., Result], *tensors: Tensor) -> Result:
    """function(*tensors), of which the gradient keeps nothing but the tensors."""
    if torch.is_grad_enabled():
        return checkpoint(function, *tensors, use_reentrant=False)
    return function(*tensors)
