"""Segments of a latent, all quantized by one shared quantizer."""

from torch import Tensor

from vqzoo.ops.check import check_int
from vqzoo.quantizers.base import Quantized, Quantizer, Visit
from vqzoo.quantizers.cost import Cost


class Segmented(Quantizer):
    """Cuts each latent into `segments` equal runs of channels and gives every run to the same quantizer.

    The low-dimensional shared codebook of LooC (arXiv:2601.00222, "LDC") and of MoVQ's multichannel quantization.
    The indices have `segments` times the columns of the inner quantizer; its codebook is counted once.
    """

    column_word = "segment"

    def __init__(self, quantizer: Quantizer, segments: int):
        super().__init__()
        self.segments = check_int("segments", segments, 1, 4096)
        self.quantizer = quantizer
        self.dim = quantizer.dim * segments
        self.index_sizes = quantizer.index_sizes * segments
        self.codebook_of = quantizer.codebook_of * segments

    def assign(self, latents: Tensor) -> Tensor:
        return self._join(self.quantizer.assign(self._cut(latents)))

    def lookup(self, indices: Tensor) -> Tensor:
        return self._join(self.quantizer.lookup(self._cut(indices)))

    def quantize(self, latents: Tensor) -> Quantized:
        out = self.quantizer.quantize(self._cut(latents))
        return Quantized(self._join(out.latents), self._join(out.indices), out.losses)

    @property
    def inner(self) -> tuple[Quantizer, ...]:
        return (self.quantizer,)

    def visit(self, latents: Tensor, indices: Tensor, at_leaf: Visit) -> Tensor:
        return self._join(self.quantizer.visit(self._cut(latents), self._cut(indices), at_leaf))

    def search_cost(self, cells: int) -> Cost:
        return self.quantizer.search_cost(cells * self.segments)

    def _cut(self, grid: Tensor) -> Tensor:
        """(b, h, w, m x) -> (b, h, w m, x): segments become neighbours in a row of the grid."""
        result: Tensor = grid.unflatten(-1, (self.segments, -1)).flatten(2, 3)
        return result

    def _join(self, grid: Tensor) -> Tensor:
        """(b, h, w m, x) -> (b, h, w, m x)."""
        result: Tensor = grid.unflatten(2, (-1, self.segments)).flatten(3, 4)
        return result
