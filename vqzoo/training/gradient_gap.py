"""How wrong the gradient is that a quantizer hands to the encoder."""

from collections.abc import Callable

import torch
from torch import Tensor


def gradient_gap(task_loss: Callable[[Tensor], Tensor], latents: Tensor, quantized: Tensor) -> Tensor:
    """Scalar distance between the encoder's gradient with a lossless quantizer and the one that it gets.

    Huh et al., 2023, arXiv:2305.08842, as the study of adaptive dynamic quantization has it (arXiv:2407.04939, eq. 5):

        gap = | dL(G(z_e)) / dE(x) - dL(G(z_q)) / dE(x) |

    with z_e = E(x) = `latents`, z_q = `quantized`, made of them by whatever gradient estimator, and L(G(z)) =
    `task_loss(z)`, a scalar: decode, and compare with the images. No loss of the quantizer belongs in it. The length is
    the Euclidean one over the numbers of all latents together; with a loss that is a mean over the batch it falls with
    the root of the batch's size, so compare like with like. 0 where nothing is quantized away.

    `task_loss` runs twice and must say the same twice: no dropout. Nobody's `.grad` changes and the graph between
    `latents` and `quantized` is kept.
    """
    lossless = latents.detach().requires_grad_()
    (ideal,) = torch.autograd.grad(task_loss(lossless), lossless)
    (given,) = torch.autograd.grad(task_loss(quantized), latents, retain_graph=True)
    return (ideal - given).float().norm()
