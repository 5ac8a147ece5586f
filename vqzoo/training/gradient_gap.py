"""The error of the gradient that a quantizer passes to the encoder."""

from collections.abc import Callable

import torch
from torch import Tensor


def gradient_gap(task_loss: Callable[[Tensor], Tensor], latents: Tensor, quantized: Tensor) -> Tensor:
    """Return the scalar distance between the encoder's gradient without quantization and the one it gets.

    Huh et al., 2023, arXiv:2305.08842, in the form of the study of adaptive dynamic quantization (arXiv:2407.04939, eq.
    5):

        gap = | dL(G(z_e)) / dE(x) - dL(G(z_q)) / dE(x) |

    with z_e = E(x) = `latents`, z_q = `quantized`, computed from them with any gradient estimator, and L(G(z)) =
    `task_loss(z)`, a scalar that decodes and compares with the images, without the quantizer's losses. The norm is
    Euclidean over the numbers of all latents together. With a loss that is a mean over the batch it falls with the root
    of the batch size, so compare equal batches only. It is 0 where quantization changes nothing.

    `task_loss` runs twice and must be deterministic: no dropout. No `.grad` changes, and the graph between `latents`
    and `quantized` is kept.
    """
    lossless = latents.detach().requires_grad_()
    (ideal,) = torch.autograd.grad(task_loss(lossless), lossless)
    (actual,) = torch.autograd.grad(task_loss(quantized), latents, retain_graph=True)
    gap: Tensor = (ideal - actual).float().norm()
    return gap
