"""Quantization on the unit sphere: only the direction of a latent counts."""

from typing import Literal

import torch.nn.functional as F
from torch import Tensor

from vqzoo.ops.check import check_choice
from vqzoo.ops.estimator import straight_through
from vqzoo.quantizers.base import Quantized, Quantizer

Through = Literal["normalised", "raw"]


class Spherical(Quantizer):
    """Divides latents by their length before the inner quantizer sees them.

    through "normalised": the decoder's gradient passes the division, so that it can only turn a latent (LlamaGen,
    arXiv:2406.06525; BSQ, arXiv:2406.07548). "raw": it reaches the latent as it is (the public code of ViT-VQGAN).
    """

    def __init__(self, quantizer: Quantizer, through: Through = "normalised"):
        super().__init__()
        self.through = check_choice("through", through, ("normalised", "raw"))
        self.quantizer = quantizer
        self.dim = quantizer.dim
        self.index_sizes = quantizer.index_sizes
        self.codebook_of = quantizer.codebook_of

    def assign(self, latents: Tensor) -> Tensor:
        return self.quantizer.assign(F.normalize(latents, dim=-1))

    def lookup(self, indices: Tensor) -> Tensor:
        return self.quantizer.lookup(indices)

    def quantize(self, latents: Tensor) -> Quantized:
        out = self.quantizer.quantize(F.normalize(latents, dim=-1))
        restored = out.latents if self.through == "normalised" else straight_through(latents, out.latents)
        return Quantized(restored, out.indices, out.losses)
