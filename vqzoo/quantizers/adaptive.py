"""Adaptive dynamic quantization: several codebooks of different shapes, one chosen for each latent."""

import math
from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vqzoo.ops.check import check_int
from vqzoo.ops.noise import gumbel_softmax
from vqzoo.quantizers.annealed import Annealed
from vqzoo.quantizers.base import Quantized, Quantizer, mean_losses
from vqzoo.quantizers.cost import Cost
from vqzoo.quantizers.projected import Projected


class Adaptive(Quantizer):
    """Every latent goes through all `parts`, and attention picks the one whose output it gets (arXiv:2407.04939).

    Selector: the latent asks, `heads` heads, one learnt key a part, scores averaged over the heads. In training the
    choice is a Gumbel-softmax one-hot with the gradient of its softmax, at a temperature that falls to 1; in evaluation
    the highest score decides and nothing is drawn. Every part learns from every latent, chosen or not; losses are means
    over the parts.

    There is one index: that of the codevector in all codebooks end to end, so it tells the part, too (`selection`).
    It costs log2(parts) bits for the selection and log2(K of the part) for the codevector.
    """

    def __init__(self, parts: Sequence[Projected], heads: int, temperature: Annealed):
        super().__init__()
        assert all(len(part.index_sizes) == 1 and part.dim == parts[0].dim for part in parts)
        self.parts = nn.ModuleList(parts)
        self.dim = parts[0].dim
        self.heads = check_int("heads", heads, 1, self.dim)
        if self.dim % heads:
            fits = [n for n in range(1, self.dim + 1) if self.dim % n == 0]
            raise ValueError(f"heads={heads}: dim={self.dim} cannot be cut into that many; possible: {fits}")
        self.temperature = temperature
        self.query = nn.Linear(self.dim, self.dim)
        self.keys = nn.Parameter(torch.randn(len(parts), self.dim))
        self.sizes = [part.index_sizes[0] for part in parts]
        self.starts = [sum(self.sizes[:number]) for number in range(len(parts))]
        self.index_sizes = (sum(self.sizes),)
        self.codebook_of = (0,)

    def selection(self, indices: Tensor) -> Tensor:
        """Which part each of `indices` (b, h, w, 1) belongs to: (b, h, w) int64."""
        return (indices >= torch.tensor(self.starts, device=indices.device)).sum(-1) - 1

    def shares(self, counts: Sequence[Tensor]) -> dict[str, float]:
        totals = torch.stack([part.sum() for part in counts[0].split(self.sizes)]).double()
        names = [f"{part.index_sizes[0]} x {part.quantizer.dim}" for part in self._parts()]
        return dict(zip(names, (totals / totals.sum()).tolist(), strict=True))

    @property
    def cell_bits(self) -> tuple[float, ...]:
        return tuple(math.log2(len(self.sizes)) + math.log2(size) for size in self.sizes)

    def bits(self, indices: Tensor) -> Tensor:
        costs = torch.tensor(self.cell_bits, dtype=torch.float64, device=indices.device)
        return costs[self.selection(indices)].sum((1, 2))

    def assign(self, latents: Tensor) -> Tensor:
        within = torch.cat([part.assign(latents) for part in self._parts()], -1)
        return self._chosen(within, self._scores(latents).argmax(-1))

    def lookup(self, indices: Tensor) -> Tensor:
        # Every part looks up every cell, those that are not its own at index 0: the same products as in `quantize`.
        restored = torch.zeros((), device=indices.device)
        selection = self.selection(indices)[..., None]
        for number, part in enumerate(self._parts()):
            mine = selection == number
            within = torch.where(mine, indices - self.starts[number], 0)
            restored = torch.where(mine, part.lookup(within), restored)
        return restored

    def quantize(self, latents: Tensor) -> Quantized:
        outputs = [part.quantize(latents) for part in self._parts()]
        scores = self._scores(latents)
        if self.training:
            picked = gumbel_softmax(scores, self.temperature(), hard=True)
        else:
            soft = torch.softmax(scores, -1)
            picked = F.one_hot(scores.argmax(-1), len(outputs)) + (soft - soft.detach())
        selection = picked.detach().argmax(-1)
        mixture = value = torch.zeros_like(latents)
        for number, out in enumerate(outputs):
            mixture = mixture + picked[..., number, None] * out.latents
            value = torch.where((selection == number)[..., None], out.latents.detach(), value)
        # Value: the chosen output, bit for bit. Gradient: that of the mixture.
        restored = value + (mixture - mixture.detach())
        indices = self._chosen(torch.cat([out.indices for out in outputs], -1), selection)
        return Quantized(restored, indices, mean_losses([out.losses for out in outputs]))

    def search_cost(self, cells: int) -> Cost:
        # Every part searches, and every part maps back; the selector has a query map, and a key a part.
        selector = cells * self.dim * (self.dim + len(self.parts))
        return sum((part.search_cost(cells) for part in self._parts()), Cost()) + Cost(maps=selector)

    def _scores(self, latents: Tensor) -> Tensor:
        """(b, h, w, parts): scaled dot-product attention scores, mean over heads."""
        queries = self.query(latents).unflatten(-1, (self.heads, -1))
        keys = self.keys.unflatten(-1, (self.heads, -1))
        result: Tensor = torch.einsum("bhwnd,mnd->bhwm", queries, keys) / (queries.shape[-1] ** 0.5 * self.heads)
        return result

    def _chosen(self, within: Tensor, selection: Tensor) -> Tensor:
        return (within + torch.tensor(self.starts, device=within.device)).gather(-1, selection[..., None])

    def _parts(self) -> list[Projected]:
        return cast(list[Projected], list(self.parts))
