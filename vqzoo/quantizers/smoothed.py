"""Quantization on an interpolated grid, averaged back: LooC's "extrapolation by interpolation"."""

import torch.nn.functional as F
from torch import Tensor

from vqzoo.ops.check import check_choice, check_int
from vqzoo.ops.estimator import ESTIMATORS, Estimator
from vqzoo.quantizers.base import Quantized, Quantizer
from vqzoo.quantizers.wrapper import Wrapper


class Smoothed(Wrapper):
    """Enlarges the latent grid `factor` times bilinearly, quantizes it and averages factor x factor cells.

    LooC (arXiv:2601.00222, figure 2). What a decoder needs is the indices of the *enlarged* grid, so a latent costs
    factor^2 times the bits that the paper counts. One gradient estimator spans interpolation and averaging: with
    "straight-through" the gradient that reaches the latents is the decoder's own.
    """

    def __init__(self, quantizer: Quantizer, factor: int, estimator: Estimator = "straight-through"):
        super().__init__(quantizer)
        self.factor = check_int("factor", factor, 1, 4)
        self.estimate = ESTIMATORS[check_choice("estimator", estimator, ESTIMATORS)]
        self.enlargement = self.factor**2

    def lookup(self, indices: Tensor) -> Tensor:
        if indices.shape[1] % self.factor or indices.shape[2] % self.factor:
            raise ValueError(
                f"indices of shape {tuple(indices.shape)}: expected height and width in multiples of {self.factor}"
            )
        return self._average(self.quantizer.lookup(indices))

    def quantize(self, latents: Tensor) -> Quantized:
        out = self.quantizer.quantize(self.inner_latents(latents))
        averaged = self._average(out.latents.detach())
        return Quantized(self.estimate(latents, averaged), out.indices, out.losses)

    def inner_latents(self, latents: Tensor) -> Tensor:
        if self.factor == 1:
            return latents
        planes = F.interpolate(latents.permute(0, 3, 1, 2), scale_factor=self.factor, mode="bilinear")
        return planes.permute(0, 2, 3, 1)

    def _average(self, grid: Tensor) -> Tensor:
        if self.factor == 1:
            return grid
        return F.avg_pool2d(grid.permute(0, 3, 1, 2), self.factor).permute(0, 2, 3, 1)


class SubpixelSmoothed(Smoothed):
    """`Smoothed` as the public code of LooC has it: a segment is sub-pixels of one channel, not channels of one cell.

    The factor x factor cells that a channel was enlarged to become neighbouring channels of the small grid
    (pixel-unshuffle), so `quantizer` has dim factor^2 dim, and segments of it that are shorter than factor^2 dim cut
    across few channels. The indices stay on the small grid, with factor^2 times the columns: the same bits.
    """

    def __init__(self, quantizer: Quantizer, factor: int, estimator: Estimator = "straight-through"):
        super().__init__(quantizer, factor, estimator)
        assert quantizer.dim % factor**2 == 0
        self.dim = quantizer.dim // factor**2
        self.enlargement = 1

    def lookup(self, indices: Tensor) -> Tensor:
        return self._average(self.quantizer.lookup(indices))

    def inner_latents(self, latents: Tensor) -> Tensor:
        planes = F.interpolate(latents.permute(0, 3, 1, 2), scale_factor=self.factor, mode="bilinear")
        return F.pixel_unshuffle(planes, self.factor).permute(0, 2, 3, 1)

    def _average(self, grid: Tensor) -> Tensor:
        result: Tensor = grid.unflatten(-1, (self.dim, -1)).mean(-1)
        return result
