"""Differentiable (latents x codevectors) matrices, computed tile by tile so that memory is one tile's."""

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

_TILE = 2**22  # numbers held at a time: 16 MiB of float32
Result = TypeVar("Result")


def split_tiles(latents: Tensor, codebook_size: int) -> tuple[Tensor, ...]:
    """Split latents (n, d) so that the matrix of each part with `codebook_size` codevectors is one tile."""
    parts: tuple[Tensor, ...] = latents.split(max(64, _TILE // codebook_size))
    return parts


def recomputed(function: Callable[..., Result], *tensors: Tensor) -> Result:
    """Return function(*tensors); the backward pass computes it again instead of storing what it needs."""
    if torch.is_grad_enabled():
        return checkpoint(function, *tensors, use_reentrant=False)
    return function(*tensors)
