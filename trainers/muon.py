"""timm's Muon, with Newton-Schulz steps in the weights' own precision on a CPU."""

from collections.abc import Callable
from typing import Any

import timm.optim
import torch
from timm.optim.muon import get_lr_scale, reshape_for_muon, zeropower_via_newtonschulz

COEFFICIENTS = [
    (4.0848, -6.8946, 2.9270),
    (3.9505, -6.3029, 2.6377),
    (3.7418, -5.5913, 2.3037),
    (2.8769, -3.1427, 1.2046),
    (2.8366, -3.0525, 1.2012),
]
"""(a, b, c) of each Newton-Schulz step: timm's default, "quintic"."""


class Muon(timm.optim.Muon):
    """`timm.optim.Muon` that orthogonalizes in float32 (float64 for float64 weights) on a CPU.

    timm orthogonalizes in bfloat16, with no argument for the type; on processors without bfloat16 units that is 15
    times as slow as float32. On a GPU the update is timm's own. Each group has a key `use_muon`: True for matrices and
    kernels, which are flattened to (out, in k k), False for AdamW.
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
        """Update every weight that has a gradient; the gradients of kernels on a CPU are dropped with it."""
        for group in self.param_groups:
            if group["use_muon"]:
                self._step_on_cpu(group)
        return super().step(closure)  # all that still has a gradient

    def _step_on_cpu(self, group: dict[str, Any]) -> None:
        for weight in group["params"]:
            if weight.grad is None or weight.is_cuda:
                continue
            state = self.state[weight]
            if "momentum_buffer" not in state:
                state["momentum_buffer"] = torch.zeros_like(weight)
            momentum = state["momentum_buffer"].lerp_(weight.grad, 1 - group["momentum"])
            matrix, _ = reshape_for_muon(weight.grad.lerp(momentum, group["momentum"]))
            update = zeropower_via_newtonschulz(
                matrix,
                group["ns_steps"],
                group["ns_coefficients"],
                eps=group["eps"],
                safety_factor=group["safety_factor"],
                dtype=matrix.dtype,
            )
            weight.add_(update.reshape(weight.shape), alpha=-group["lr"] * get_lr_scale(update.shape, "original"))
            weight.grad = None
