"""Quantization on the unit sphere: only the direction of a latent counts."""

from typing import Literal

import torch.nn.functional as F
from torch import Tensor

from vqzoo.ops.check import check_choice
from vqzoo.ops.estimator import straight_through
from vqzoo.quantizers.base import Quantized, Quantizer
from vqzoo.quantizers.wrapper import Wrapper

Through = Literal["normalised", "raw"]


class Spherical(Wrapper):
    """Divides latents by their length before the inner quantizer sees them.

    through "normalised": the decoder's gradient passes the division, so that it can only turn a latent (LlamaGen,
    arXiv:2406.06525; BSQ, arXiv:2406.07548). "raw": it reaches the latent as it is (the public code of ViT-VQGAN).
    """

    def __init__(self, quantizer: Quantizer, through: Through = "normalised"):
        super().__init__(quantizer)
        self.through = check_choice("through", through, ("normalised", "raw"))

    def inner_latents(self, latents: Tensor) -> Tensor:
        return F.normalize(latents, dim=-1)

    def quantize(self, latents: Tensor) -> Quantized:
        out = self.quantizer.quantize(self.inner_latents(latents))
        restored = out.latents if self.through == "normalised" else straight_through(latents, out.latents)
        return Quantized(restored, out.indices, out.losses)
