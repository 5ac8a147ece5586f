"""Finite scalar quantization: every channel rounded to a few levels, no codebook."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from vqzoo.ops.check import check_int
from vqzoo.ops.estimator import straight_through
from vqzoo.quantizers.base import Quantized, Quantizer


class FiniteScalar(Quantizer):
    """FSQ (Mentzer et al., 2023, arXiv:2309.15505): bounds channel i to `levels[i]` values and rounds.

    With h = (L - 1) (1 + 1/1000) / 2 and o = 1/2 for even L, else 0:  q = round(tanh(z + artanh(o / h)) h - o), divided
    by floor(L / 2). The shift makes z = 0 give exactly 0 before rounding; the paper's listing has tan in place of
    artanh, which does not. h is a little more than the paper's, so that the outermost levels can be reached for every
    L, 2 included. There is no loss. One index: the levels as digits, channel 0 counting least.
    """

    fixed = True
    rounds_to = "scalars"

    def __init__(self, levels: Sequence[int]):
        super().__init__()
        self.levels = check_levels(levels)
        self.dim = len(self.levels)
        self.index_sizes = (math.prod(self.levels),)
        self.codebook_of = (0,)
        self.widths = [level // 2 for level in self.levels]
        self.units = [math.prod(self.levels[:channel]) for channel in range(self.dim)]

    def assign(self, latents: Tensor) -> Tensor:
        return self._index(self._bounded(latents).round())

    def lookup(self, indices: Tensor) -> Tensor:
        constants = (self.units, self.levels, self.widths)
        units, levels, widths = (torch.tensor(each, device=indices.device) for each in constants)
        return (indices // units % levels - widths) * self._scale(indices)

    def quantize(self, latents: Tensor) -> Quantized:
        bounded = self._bounded(latents)
        rounded = bounded.detach().round()
        scale = self._scale(latents)
        return Quantized(straight_through(bounded * scale, rounded * scale), self._index(rounded), {})

    def distances(self, latents: Tensor, indices: Tensor) -> Tensor:
        return super().distances(self._bounded(latents) * self._scale(latents), indices)

    def _scale(self, like: Tensor) -> Tensor:
        return 1 / torch.tensor(self.widths, dtype=torch.float32, device=like.device)

    def _bounded(self, latents: Tensor) -> Tensor:
        levels = torch.tensor(self.levels, device=latents.device)
        # Half a level further than the outermost one there would be two more of them, from 1001 levels on.
        reach = torch.minimum((levels - 1) * (1 + 1e-3) / 2, (levels - 1) / 2 + 0.25)
        offset = torch.where(levels % 2 == 0, 0.5, 0.0)
        return torch.tanh(latents + torch.atanh(offset / reach)) * reach - offset

    def _index(self, rounded: Tensor) -> Tensor:
        # Digits are small enough for a float, their sum need not be.
        digits = (rounded + torch.tensor(self.widths, dtype=torch.float32, device=rounded.device)).long()
        return (digits * torch.tensor(self.units, device=rounded.device)).sum(-1, keepdim=True)


def check_levels(levels: object) -> list[int]:
    """`levels` as a list if they are whole numbers of at least 2 whose product fits into 62 bits; else ValueError."""
    if not isinstance(levels, (list, tuple)) or not levels:
        raise ValueError(f"levels={levels!r}: expected a list of whole numbers, one a channel, such as [8, 5, 5, 5]")
    checked = [check_int("levels", level, 2, 2**16) for level in levels]
    if len(checked) > 62 or math.prod(checked) > 2**62:
        product = f"{math.prod(checked[:63])}{' or more' if len(checked) > 63 else ''}"
        raise ValueError(f"levels={levels!r}: their product is {product}; expected at most 2^62")
    return checked
