"""A quantizer that is no part of vqzoo, written as one in vqzoo/quantizers/ would be: a leaf."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vqzoo.ops.estimator import straight_through
from vqzoo.quantizers.base import Quantized, Quantizer


class CityBlock(Quantizer):
    """Takes the codevector that is nearest by the sum of absolute differences."""

    def __init__(self, dim: int, codebook_size: int):
        super().__init__()
        self.dim = dim
        self.weight = nn.Parameter(torch.randn(codebook_size, dim))
        self.index_sizes = (codebook_size,)
        self.codebook_of = (0,)

    def assign(self, latents: Tensor) -> Tensor:
        return torch.cdist(latents, self.weight.expand(len(latents), 1, -1, -1), p=1).argmin(-1, keepdim=True)

    def lookup(self, indices: Tensor) -> Tensor:
        return self.weight[indices.squeeze(-1)]

    def quantize(self, latents: Tensor) -> Quantized:
        indices = self.assign(latents)
        codevectors = self.lookup(indices)
        losses = {"codebook": F.l1_loss(codevectors, latents.detach())}
        return Quantized(straight_through(latents, codevectors), indices, losses)


def cityblock(dim: int, codebook_size: int = 16) -> Quantizer:
    """City-block quantization: nearest by the sum of absolute differences (Minkowski, 1910).

    Equation: q = e_k, k = argmin |z - e_k|_1
    Learns: by the gradient of |e - sg(z)|_1.
    Collapses: as VQ-VAE does.
    """
    return CityBlock(dim, codebook_size)
