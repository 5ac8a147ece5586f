"""The Muon optimizer of timm, with Newton-Schulz steps in the weights' own precision on a CPU."""

from collections.abc import Callable
from typing import Any

import timm.optim
import torch
from timm.optim.muon import get_lr_scale, zeropower_via_newtonschulz
from torch import Tensor

COEFFICIENTS = [
    (4.0848, -6.8946, 2.9270),
    (3.9505, -6.3029, 2.6377),
    (3.7418, -5.5913, 2.3037),
    (2.8769, -3.1427, 1.2046),
    (2.8366, -3.0525, 1.2012),
]
"""(a, b, c) of each Newton-Schulz step: timm's default, "quintic"."""


class Muon(timm.optim.Muon):
    """`timm.optim.Muon` that orthogonalizes in the weights' own type on a CPU, float32 or float64.

    timm orthogonalizes in bfloat16, and has no argument for the type; on processors without bfloat16 units that is 15
    times slower than float32. On a GPU the update is timm's. Each parameter group has a key `use_muon`: True for
    matrices and kernels, which are flattened to (out, in k k), False for AdamW.
    """

    def __init__(self, params: Any, lr: float, betas: tuple[float, float] = (0.9, 0.999), momentum: float = 0.95):
        super().__init__(
            params,
            lr=lr,
            betas=betas,
            momentum=momentum,
            nesterov=True,
            ns_coefficients=COEFFICIENTS,
            adjust_lr_fn="original",
        )

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Update every weight that has a gradient; sets the gradients of kernels on a CPU to None."""
        for group in self.param_groups:
            if group["use_muon"]:
                self._step_on_cpu(group)
        loss: float | None = super().step(closure)  # of all weights that still have a gradient
        return loss

    def _step_on_cpu(self, group: dict[str, Any]) -> None:
        weights = [weight for weight in group["params"] if weight.grad is not None and not weight.is_cuda]
        if not weights:
            return
        for weight in weights:
            if "momentum_buffer" not in self.state[weight]:
                self.state[weight]["momentum_buffer"] = torch.zeros_like(weight)
        gradients = [weight.grad for weight in weights]
        momenta = [self.state[weight]["momentum_buffer"] for weight in weights]
        torch._foreach_lerp_(momenta, gradients, 1 - group["momentum"])
        torch._foreach_lerp_(gradients, momenta, group["momentum"])
        for weight, gradient in zip(weights, gradients, strict=True):
            # The update does not depend on the order of the columns, and this order needs no copy of a kernel in
            # channels_last.
            matrix = gradient.movedim(1, -1).flatten(1)
            update = orthogonalize(matrix, group["eps"], group["safety_factor"])
            scale = get_lr_scale(matrix.shape, "original")
            weight.movedim(1, -1).add_(update.view(weight.movedim(1, -1).shape), alpha=-group["lr"] * scale)
            weight.grad = None


def orthogonalize(matrix: Tensor, eps: float, safety_factor: float) -> Tensor:
    """Return a matrix (m, n) with all singular values moved near 1 by five Newton-Schulz steps.

    Where one side is at least twice the other, all steps are taken on the small matrix X X^T, and X is multiplied once,
    which takes two thirds of the time: each step multiplies X by P = a + b X X^T + c (X X^T)^2, and P has the
    eigenvectors of X X^T. As X X^T squares the singular values, it is computed in float64 to be as exact as steps on X
    in float32. Otherwise timm's own function is used.
    """
    tall = matrix.shape[0] > matrix.shape[1]
    wide = matrix.mT if tall else matrix
    if wide.shape[1] < 2 * wide.shape[0]:
        steps = len(COEFFICIENTS)
        return zeropower_via_newtonschulz(matrix, steps, COEFFICIENTS, eps, safety_factor, matrix.dtype)
    exact = wide.double()
    gram = exact @ exact.mT
    norm = gram.trace().sqrt().mul(safety_factor).clamp(min=eps)
    gram /= norm.square()
    factor = product = _factor(gram, COEFFICIENTS[0])
    for coefficients in COEFFICIENTS[1:]:
        gram = factor @ gram @ factor
        factor = _factor(gram, coefficients)
        product = factor @ product
    wide = (product / norm).to(matrix.dtype) @ wide
    return wide.mT if tall else wide


def _factor(gram: Tensor, coefficients: tuple[float, float, float]) -> Tensor:
    a, b, c = coefficients
    factor = torch.addmm(gram, gram, gram, beta=b, alpha=c)
    factor.diagonal().add_(a)
    return factor
