"""Gradient estimators: what gradient the encoder gets through a quantization step, which has none of its own."""

from collections.abc import Callable
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

Estimator = Literal["straight-through", "rotation"]


def straight_through(latents: Tensor, quantized: Tensor) -> Tensor:
    """Return `quantized`, bit for bit, with the gradient of `latents` (Bengio et al., 2013, arXiv:1308.3432).

    The usual z + (q - z) rounds, so that a decoder would be trained on other values than the codebook holds. The result
    shares the memory of `quantized`.
    """
    result: Tensor = _StraightThrough.apply(latents, quantized.detach())
    return result


class _StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, latents: Tensor, quantized: Tensor) -> Tensor:
        return quantized

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient, None


def stopped(latents: Tensor, quantized: Tensor) -> Tensor:
    """Return `quantized` without a gradient, for a part whose composite has an estimator of its own."""
    return quantized.detach()


def rotation(latents: Tensor, quantized: Tensor) -> Tensor:
    """Return `quantized`, bit for bit, with the gradient of the rotation and scaling from z to q.

    The rotation trick (Fifty et al., 2024, arXiv:2410.06424, eq. 4): (|q| / |z|) R z, both factors held constant, with
    R = I - 2 w w' + 2 q^ z^' and w = (z^ + q^) / |z^ + q^| along the last axis. Where a latent is a million times
    shorter than its codevector, its direction is numerically undefined and the gradient passes straight through.
    """
    z, q = latents.detach(), quantized.detach()
    z_length, q_length = z.norm(dim=-1, keepdim=True), q.norm(dim=-1, keepdim=True)
    z_unit, q_unit = F.normalize(z, dim=-1), F.normalize(q, dim=-1)
    middle = F.normalize(z_unit + q_unit, dim=-1)
    rotated = (
        latents
        - 2 * (latents * middle).sum(-1, keepdim=True) * middle
        + 2 * (latents * z_unit).sum(-1, keepdim=True) * q_unit
    )
    has_direction = z_length > 1e-6 * q_length
    # Selected before the product: an infinite factor in an unselected branch would give a gradient of 0 x inf = NaN.
    stretch = torch.where(has_direction, q_length / z_length, 1.0)
    return straight_through(torch.where(has_direction, stretch * rotated, latents), quantized)


ESTIMATORS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "straight-through": straight_through,
    "rotation": rotation,
}
