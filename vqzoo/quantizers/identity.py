"""No quantization: the plain autoencoder behind the same contract."""

import torch
from torch import Tensor

from vqzoo.ops.check import check_int
from vqzoo.quantizers.base import Lookup, Quantized, Quantizer
from vqzoo.quantizers.cost import Cost


class Identity(Quantizer):
    """Passes latents through. What has to be stored is every float32 as it is, so an index is its 32-bit pattern.

    That makes the rate of a plain autoencoder an honest 32 bits a number.
    """

    def __init__(self, dim: int):
        super().__init__()
        self.dim = check_int("dim", dim, 1, 4096)
        self.index_sizes = (2**32,) * dim
        self.codebook_of = tuple(range(dim))

    def assign(self, latents: Tensor) -> Tensor:
        return latents.contiguous().view(torch.int32).long() & 0xFFFFFFFF

    def lookup(self, indices: Tensor) -> Tensor:
        return indices.to(torch.int32).view(torch.float32)

    def quantize(self, latents: Tensor) -> Quantized:
        return Quantized(latents, self.assign(latents.detach()), {})

    def distances(self, latents: Tensor, indices: Tensor) -> Tensor:
        return (latents - self.lookup(indices)).abs()

    def codebooks(self) -> list[Lookup]:
        return []

    def search_cost(self, cells: int) -> Cost:
        return Cost()
