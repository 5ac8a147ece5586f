"""Uniform scalar quantization: every channel has an alphabet of its own, evenly spaced, no codebook."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from vqzoo.ops.check import check_int
from vqzoo.ops.estimator import straight_through
from vqzoo.quantizers.base import Lookup, Quantized, Quantizer
from vqzoo.quantizers.cost import Book, Cost

_REACH = 3.0


class Uniform(Quantizer):
    """Rounds channel i to the nearest of `levels[i]` values low_i + k step_i; what lies outside goes to the outermost.

    Its q = dim indices have an alphabet each, so that `bits`, what fixed-length indices cost, is the sum of log2 L_i: a
    channel of one level costs nothing and is decoded to `low`. `low` and `step` are buffers, set by `fit`; afresh the
    cells share [-3, 3] evenly. There is no loss.
    """

    fixed = True
    column_word = "channel"
    low: Tensor
    step: Tensor

    def __init__(self, levels: Sequence[int]):
        super().__init__()
        self.index_sizes = tuple(check_int("levels", level, 1, 2**16) for level in levels)
        self.dim = len(self.index_sizes)
        self.codebook_of = tuple(range(self.dim))
        # Not by arithmetic of tensors, which without memory, on the meta device, imports torch's compiler: seconds.
        steps = [2 * _REACH / size for size in self.index_sizes]
        self.register_buffer("step", torch.tensor(steps))
        self.register_buffer("low", torch.tensor([step / 2 - _REACH for step in steps]))

    def fit(self, low: Tensor, high: Tensor) -> "Uniform":
        """Share the range low..high (dim,) of each channel out evenly among its cells, and return itself."""
        assert low.shape == high.shape == (self.dim,) and (high >= low).all()
        sizes = torch.tensor(self.index_sizes, dtype=torch.float32, device=low.device)
        self.step = ((high - low) / sizes).to(self.step)
        self.low = low.to(self.low) + self.step / 2  # values are midpoints of cells
        return self

    def assign(self, latents: Tensor) -> Tensor:
        last = torch.tensor(self.index_sizes, device=latents.device) - 1
        # A channel that never varied has cells of no width: whatever comes is in the first.
        cells = torch.where(self.step > 0, (latents - self.low) / self.step, 0.0)
        return torch.minimum(cells.round().clamp(min=0), last).long()

    def lookup(self, indices: Tensor) -> Tensor:
        return self.low + indices * self.step

    def quantize(self, latents: Tensor) -> Quantized:
        indices = self.assign(latents.detach())
        return Quantized(straight_through(latents, self.lookup(indices)), indices, {})

    def coarser(self, bits: float) -> list[Quantizer]:
        """Return quantizers with smaller alphabets that cost at most `bits` a cell, in two ways.

        Fewer channels: the first ones keep their alphabets, as many as fit. Coarser steps: every channel keeps its
        range and has at most its own alphabet, and all share one step, as in reverse water-filling; one whose range is
        under one and a half steps is not stored. Both depend on `bits` alone, so that decoding needs nothing but the
        indices.
        """
        sizes = torch.tensor(self.index_sizes, dtype=torch.float64)
        costs = sizes.log2()
        if costs.sum() <= bits:
            return [self]
        fewer = torch.where(costs.cumsum(0) <= bits, sizes, 1)
        return [self._with(fewer), self._with(self._sharing_a_step(sizes, bits))]

    def _sharing_a_step(self, sizes: Tensor, bits: float) -> Tensor:
        step = self.step.double().cpu()
        span = step * sizes

        def levels(shared: float) -> Tensor:
            return torch.minimum((span / shared).round().clamp(min=1), sizes)

        fine, coarse = float(step[step > 0].min()) / 2, float(span.max())
        for _ in range(60):
            middle = math.sqrt(fine * coarse)
            fine, coarse = (fine, middle) if levels(middle).log2().sum() <= bits else (middle, coarse)
        return levels(coarse)

    def _with(self, levels: Tensor) -> "Uniform":
        """Return other alphabets over the same ranges."""
        low = self.low - self.step / 2
        high = low + self.step * torch.tensor(self.index_sizes, device=low.device)
        return Uniform([int(size) for size in levels]).to(low.device).fit(low, high)

    def distances(self, latents: Tensor, indices: Tensor) -> Tensor:
        return (latents - self.lookup(indices)).abs()

    def codebooks(self) -> list[Lookup]:
        def of_channel(low: Tensor, step: Tensor) -> Lookup:
            return lambda indices: (low + indices * step)[:, None]

        return [of_channel(low, step) for low, step in zip(self.low, self.step, strict=True)]

    def search_cost(self, cells: int) -> Cost:
        return Cost(tuple(Book(size, 1, stored=False) for size in self.index_sizes))
