"""Product quantization: segments of a latent, each quantized by a quantizer of its own."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from vqzoo.ops.check import check_int
from vqzoo.quantizers.base import Quantized, Quantizer, Visit, joint_codebooks, mean_losses


class Product(Quantizer):
    """Cuts each latent into runs of channels, one for each of `parts` (Jegou et al., 2011, "Product quantization").

    Losses are means over the parts. The indices are the parts' columns side by side.
    """

    column_word = "segment"

    def __init__(self, parts: Sequence[Quantizer]):
        super().__init__()
        check_int("segments", len(parts), 1, 4096)
        self.parts = nn.ModuleList(parts)
        self.dims = [part.dim for part in parts]
        self.columns = [len(part.index_sizes) for part in parts]
        self.dim = sum(self.dims)
        self.index_sizes = tuple(size for part in parts for size in part.index_sizes)
        self.codebook_of = joint_codebooks(parts)

    def assign(self, latents: Tensor) -> Tensor:
        return torch.cat([part.assign(run) for part, run in self._pairs(latents, self.dims)], -1)

    def lookup(self, indices: Tensor) -> Tensor:
        return torch.cat([part.lookup(run) for part, run in self._pairs(indices, self.columns)], -1)

    def quantize(self, latents: Tensor) -> Quantized:
        outputs = [part.quantize(run) for part, run in self._pairs(latents, self.dims)]
        return Quantized(
            torch.cat([out.latents for out in outputs], -1),
            torch.cat([out.indices for out in outputs], -1),
            mean_losses([out.losses for out in outputs]),
        )

    @property
    def inner(self) -> tuple[Quantizer, ...]:
        return tuple(self.parts)  # type: ignore[arg-type]

    def visit(self, latents: Tensor, indices: Tensor, at_leaf: Visit) -> Tensor:
        pairs = zip(self._pairs(latents, self.dims), indices.split(self.columns, -1), strict=True)
        return torch.cat([part.visit(run, columns, at_leaf) for (part, run), columns in pairs], -1)

    def _pairs(self, grid: Tensor, sizes: list[int]) -> list[tuple[Quantizer, Tensor]]:
        return list(zip(self.inner, grid.split(sizes, -1), strict=True))
