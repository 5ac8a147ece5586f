"""Index backpropagation: the choice itself has a gradient, and it reaches every codevector."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vqzoo.ops.check import check_int, check_positive
from vqzoo.ops.entropy import soft_entropies
from vqzoo.ops.lookup import highest, rows
from vqzoo.ops.tiles import recomputed, split_tiles
from vqzoo.quantizers.base import Quantized, Quantizer


class IndexGradient(Quantizer):
    """IBQ (Shi et al., 2024, arXiv:2412.02692, eq. 4): q = onehot E with onehot = hard + p - sg(p), p = softmax(z E').

    The largest dot product z.e_k decides. The gradient of the output goes through p to the latent and to all
    codevectors, and to the chosen codevector itself. The (n, K) matrix is made tile by tile and made again for the
    gradient, so that memory stays with the tile.
    Losses, means over all numbers, e the chosen codevector: "index" |q - z|^2 with gradient to all, "commitment"
    |z - sg(e)|^2, "codebook" |e - sg(z)|^2; with an `entropy_temperature` t above 0 also "sample_entropy" and
    "entropy_deficit" of softmax(z E' / t).
    """

    def __init__(self, dim: int, codebook_size: int, entropy_temperature: float):
        super().__init__()
        self.dim = check_int("dim", dim, 1, 4096)
        check_int("codebook_size", codebook_size, 1, 2**20)
        self.entropy_temperature = check_positive("entropy_temperature", entropy_temperature, or_zero=True)
        self.weight = nn.Parameter(torch.randn(codebook_size, dim))
        self.index_sizes = (codebook_size,)
        self.codebook_of = (0,)

    def assign(self, latents: Tensor) -> Tensor:
        flat = latents.reshape(-1, self.dim)
        return highest(flat, self.weight).view(*latents.shape[:-1], 1)

    def lookup(self, indices: Tensor) -> Tensor:
        return rows(self.weight, indices.squeeze(-1))

    def quantize(self, latents: Tensor) -> Quantized:
        indices = self.assign(latents)
        codevectors = self.lookup(indices)
        flat = latents.reshape(-1, self.dim)
        parts = split_tiles(flat, len(self.weight))
        mixture = torch.cat([recomputed(_mix, part, self.weight) for part in parts]).view(latents.shape)
        # Value: the codevector, bit for bit. Gradient: that of the codevector and that of p E.
        restored = codevectors + (mixture - mixture.detach())
        losses = {
            "index": F.mse_loss(restored, latents),
            "commitment": F.mse_loss(latents, codevectors.detach()),
            "codebook": F.mse_loss(codevectors, latents.detach()),
        }
        if self.entropy_temperature:
            bias = self.weight.new_zeros(len(self.weight))
            entropies = soft_entropies(flat, self.weight, bias, 1 / self.entropy_temperature)
            losses["sample_entropy"], losses["entropy_deficit"] = entropies
        return Quantized(restored, indices, losses)


def _mix(latents: Tensor, codebook: Tensor) -> Tensor:
    """Mix the codevectors E by the softmax p, with the gradient of the one-hot choice by p and none by E."""
    return torch.softmax(latents @ codebook.T, 1) @ codebook.detach()
