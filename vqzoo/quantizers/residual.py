"""Residual quantization: each level quantizes what the levels before left over."""

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from vqzoo.ops.check import check_int
from vqzoo.ops.estimator import straight_through
from vqzoo.quantizers.base import Quantized, Quantizer


class Residual(Quantizer):
    """A sum of quantizers: r_1 = z, r_(l+1) = r_l - q_l(r_l), result q_1 + ... + q_n (SoundStream, arXiv:2107.03312).

    The residual subtracts detached values, and one straight-through step spans all levels: the gradient that reaches
    the latents is the decoder's own, not n times it, and every level's commitment reaches them too.
    Losses are means over levels. The indices have one column a level, coarse to fine.
    """

    def __init__(self, levels: Sequence[Quantizer]):
        super().__init__()
        check_int("levels", len(levels), 1, 256)
        assert all(level.dim == levels[0].dim and level.index_sizes for level in levels)
        self.levels = nn.ModuleList(levels)
        self.dim = levels[0].dim
        self.index_sizes = tuple(size for level in levels for size in level.index_sizes)
        self.columns = [len(level.index_sizes) for level in levels]
        codebook_of: list[int] = []
        for level in levels:
            offset = max(codebook_of, default=-1) + 1
            codebook_of += [offset + number for number in level.codebook_of]
        self.codebook_of = tuple(codebook_of)

    def assign(self, latents: Tensor) -> Tensor:
        columns = []
        for level in self._levels():
            columns.append(level.assign(latents))
            latents = latents - level.lookup(columns[-1])
        return torch.cat(columns, -1)

    def lookup(self, indices: Tensor) -> Tensor:
        parts = indices.split(self.columns, -1)
        total = torch.zeros((), device=indices.device)
        for level, part in zip(self._levels(), parts, strict=True):
            total = total + level.lookup(part)
        return total

    def quantize(self, latents: Tensor) -> Quantized:
        residual, total, outputs = latents, torch.zeros_like(latents), []
        for level in self._levels():
            out = level.quantize(residual)
            outputs.append(out)
            residual = residual - out.latents.detach()
            total = total + out.latents.detach()
        losses = {name: torch.stack([out.losses[name] for out in outputs]).mean() for name in outputs[0].losses}
        indices = torch.cat([out.indices for out in outputs], -1)
        return Quantized(straight_through(latents, total), indices, losses)

    def _levels(self) -> list[Quantizer]:
        return cast(list[Quantizer], list(self.levels))
