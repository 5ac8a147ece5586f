"""What tests of all quantizers begin with: a small grid, steps of training, a quantizer that has taken some."""

import torch
from torch import Tensor

from vqzoo.quantizers import Quantized, Quantizer, build


def grid(case: dict, batch: int = 2) -> Tensor:
    """A small one of unequal sides, neither of them a multiple of the other unless the quantizer asks for that."""
    multiple = build(**case).multiple
    height, width = (5, 7) if multiple == 1 else (multiple, 2 * multiple)
    return torch.randn(batch, height, width, case["dim"])


def objective(out: Quantized, weight: float = 1.0) -> Tensor:
    """A stand-in for what is trained: all losses, and a decoder that asks for something."""
    wish = torch.randn(out.latents.shape, generator=torch.Generator().manual_seed(3))
    return torch.stack([*out.losses.values(), weight * (out.latents * wish).mean()]).sum()


def train(quantizer: Quantizer, latents: Tensor) -> Quantized:
    """One step of training: what counts is counted, what has a gradient follows it."""
    quantizer.train()
    out = quantizer(latents)
    parameters = list(quantizer.parameters())
    if parameters:
        gradients = torch.autograd.grad(objective(out), parameters, allow_unused=True)
        with torch.no_grad():
            for parameter, gradient in zip(parameters, gradients, strict=True):
                if gradient is not None:
                    parameter.sub_(gradient)
    return out


def trained(case: dict, steps: int = 2) -> Quantizer:
    """In evaluation mode. Codevectors are moved apart, so that no index hangs on how a sum was rounded."""
    quantizer = build(**case)
    for _ in range(steps):
        train(quantizer, grid(case))
    for tensor in quantizer.state_dict().values():
        if tensor.ndim > 1:
            tensor.add_(0.1 * torch.randn(tensor.shape))
    return quantizer.eval()
