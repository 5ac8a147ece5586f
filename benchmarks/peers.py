"""Peers that no package provides."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class SortedCVQ(nn.Module):
    """CVQ-VAE written plainly: all similarities, sorted along latents and along codevectors."""

    usage: Tensor

    def __init__(self, codebook_size: int, dim: int):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(codebook_size, dim).uniform_(-1 / codebook_size, 1 / codebook_size))
        self.register_buffer("usage", torch.zeros(codebook_size))

    def forward(self, latents: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the quantized latents, their indices and the loss, and move the anchors."""
        flat, size = latents.flatten(0, -2), len(self.weight)
        similarity = F.normalize(flat.detach(), dim=1) @ F.normalize(self.weight.detach(), dim=1).T
        indices = similarity.sort(dim=1).indices[:, -1]
        chosen = F.one_hot(indices, size).to(flat.dtype)
        codevectors = (chosen @ self.weight).view(latents.shape)
        loss = 0.25 * F.mse_loss(codevectors.detach(), latents) + F.mse_loss(codevectors, latents.detach())
        with torch.no_grad():
            self.usage.mul_(0.99).add_(chosen.mean(0), alpha=0.01)
            anchors = flat[similarity.sort(dim=0).indices[-1]]
            alpha = torch.exp(-self.usage * size * 10 / 0.01 - 1e-3)[:, None]
            self.weight.mul_(1 - alpha).add_(anchors * alpha)
        return latents + (codevectors - latents).detach(), indices, loss
