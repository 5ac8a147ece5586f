"""A quantizer that is no part of vqzoo, written as one in vqzoo/quantizers/ would be: a composite."""

import torch
from torch import Tensor, nn

from vqzoo.quantizers.base import Quantized, Quantizer, Visit, joint_codebooks, mean_losses
from vqzoo.quantizers.codebook import Codebook
from vqzoo.quantizers.nearest import NearestCodevector


class Interleaved(Quantizer):
    """Gives the even channels to one quantizer and the odd ones to another, each of half the dimension."""

    column_word = "strand"

    def __init__(self, even: Quantizer, odd: Quantizer):
        super().__init__()
        self.strands = nn.ModuleList([even, odd])
        self.dim = even.dim + odd.dim
        self.index_sizes = even.index_sizes + odd.index_sizes
        self.codebook_of = joint_codebooks([even, odd])

    def assign(self, latents: Tensor) -> Tensor:
        return torch.cat([part.assign(latents[..., turn::2]) for turn, part in enumerate(self.inner)], -1)

    def lookup(self, indices: Tensor) -> Tensor:
        columns = indices.split(1, -1)
        return _woven([part.lookup(column) for part, column in zip(self.inner, columns, strict=True)])

    def quantize(self, latents: Tensor) -> Quantized:
        outputs = [part.quantize(latents[..., turn::2]) for turn, part in enumerate(self.inner)]
        indices = torch.cat([out.indices for out in outputs], -1)
        return Quantized(
            _woven([out.latents for out in outputs]), indices, mean_losses([out.losses for out in outputs])
        )

    @property
    def inner(self) -> tuple[Quantizer, ...]:
        return tuple(self.strands)  # type: ignore[arg-type]

    def visit(self, latents: Tensor, indices: Tensor, at_leaf: Visit) -> Tensor:
        runs = [(latents[..., turn::2], column) for turn, column in enumerate(indices.split(1, -1))]
        return torch.cat([part.visit(*run, at_leaf) for part, run in zip(self.inner, runs, strict=True)], -1)


def _woven(runs: list[Tensor]) -> Tensor:
    return torch.stack(runs, -1).flatten(-2)


def interleaved(dim: int, codebook_size: int = 32) -> Quantizer:
    """Interleaved quantization: even channels by one codebook, odd ones by another (nobody, 2024).

    Equation: q = (e_1, f_1, e_2, f_2, ...), e and f the codevectors nearest to the even and to the odd channels
    Learns: by gradient, each codebook from its own channels.
    Collapses: as VQ-VAE does.
    """
    return Interleaved(*(NearestCodevector(Codebook(size, dim // 2)) for size in (codebook_size, codebook_size // 2)))
