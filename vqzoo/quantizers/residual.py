"""Residual quantization: each level quantizes what the levels before left over."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from vqzoo.ops.check import check_choice, check_int
from vqzoo.ops.estimator import ESTIMATORS, Estimator
from vqzoo.ops.lookup import rows
from vqzoo.quantizers.base import Quantized, Quantizer, Visit, joint_codebooks, mean_losses
from vqzoo.quantizers.cost import Cost
from vqzoo.quantizers.nearest import NearestCodevector


class _Chain(Quantizer):
    """Levels that quantize in turn what those before left over, and whose codevectors add up."""

    column_word = "level"

    def in_turn(self) -> Sequence[Quantizer]:
        """Return the quantizer of each level."""
        return self.inner

    def assign(self, latents: Tensor) -> Tensor:
        columns = []
        for level in self.in_turn():
            columns.append(level.assign(latents))
            latents = latents - level.lookup(columns[-1])
        return torch.cat(columns, -1)

    def lookup(self, indices: Tensor) -> Tensor:
        """`decode`, of as many levels as there are indices of."""
        total, start = torch.zeros((), device=indices.device), 0
        for level, number in zip(self.in_turn(), self.level_columns, strict=True):
            if start < indices.shape[-1]:
                total = total + level.lookup(indices[..., start : start + number])
            start += number
        return total

    def visit(self, latents: Tensor, indices: Tensor, at_leaf: Visit) -> Tensor:
        columns = []
        for level, part in zip(self.in_turn(), indices.split(self.level_columns, -1), strict=True):
            columns.append(level.visit(latents, part, at_leaf))
            latents = latents - level.lookup(part)
        return torch.cat(columns, -1)


class Residual(_Chain):
    """A sum of quantizers: r_1 = z, r_(l+1) = r_l - q_l(r_l), result q_1 + ... + q_n (SoundStream, arXiv:2107.03312).

    The residual subtracts detached values, and one gradient estimator spans all levels: with "straight-through" the
    gradient that reaches the latents is the decoder's own, not n times it, and every level's commitment reaches them
    too. Losses are means over levels. The indices have one column a level, coarse to fine.
    """

    def __init__(self, levels: Sequence[Quantizer], estimator: Estimator = "straight-through"):
        super().__init__()
        check_int("levels", len(levels), 1, 256)
        assert all(level.dim == levels[0].dim and level.index_sizes for level in levels)
        self.levels = nn.ModuleList(levels)
        self.estimate = ESTIMATORS[check_choice("estimator", estimator, ESTIMATORS)]
        self.dim = levels[0].dim
        self.index_sizes = tuple(size for level in levels for size in level.index_sizes)
        self.level_columns = tuple(len(level.index_sizes) for level in levels)
        self.codebook_of = joint_codebooks(levels)

    @property
    def inner(self) -> tuple[Quantizer, ...]:
        return tuple(self.levels)  # type: ignore[arg-type]

    def quantize(self, latents: Tensor) -> Quantized:
        residual, total, outputs = latents, torch.zeros_like(latents), []
        for level in self.inner:
            out = level.quantize(residual)
            outputs.append(out)
            residual = residual - out.latents.detach()
            total = total + out.latents.detach()
        indices = torch.cat([out.indices for out in outputs], -1)
        return Quantized(self.estimate(latents, total), indices, mean_losses([out.losses for out in outputs]))


class SharedResidual(_Chain):
    """A residual sum whose levels all draw from one codebook: RQ-VAE (Lee et al., 2022, arXiv:2203.01941, eq. 4-8).

    The codebook learns once a step, from the residuals of all depths together; the commitment is the mean over depths
    of |z - sg(q_1 + ... + q_l)|^2. The indices have one column a depth.
    """

    def __init__(self, level: NearestCodevector, depth: int, estimator: Estimator = "straight-through"):
        super().__init__()
        self.depth = check_int("levels", depth, 1, 256)
        self.level = level
        self.estimate = ESTIMATORS[check_choice("estimator", estimator, ESTIMATORS)]
        self.dim = level.dim
        self.index_sizes = level.index_sizes * depth
        self.codebook_of = level.codebook_of * depth
        self.level_columns = (1,) * depth

    @property
    def inner(self) -> tuple[Quantizer, ...]:
        return (self.level,)

    def in_turn(self) -> Sequence[Quantizer]:
        return [self.level] * self.depth

    def search_cost(self, cells: int) -> Cost:
        once = self.level.search_cost(cells)
        return Cost(once.books, once.searches * self.depth)

    def quantize(self, latents: Tensor) -> Quantized:
        codebook = self.level.codebook
        if self.training:
            codebook.prepare(latents.detach().reshape(-1, self.dim))
        table = codebook.codevectors()
        residual, total = latents, torch.zeros_like(latents)
        residuals, columns, losses = [], [], []
        for _ in range(self.depth):
            columns.append(self.level.choose(residual, table))
            codevectors = rows(table, columns[-1].squeeze(-1))
            losses.append(self.level.losses(residual, codevectors, table))
            residuals.append(residual.detach().reshape(-1, self.dim))
            residual = residual - codevectors.detach()
            total = total + codevectors.detach()
        if self.training:
            # Latent by latent, so that every process's latents stay together and draws among them do not change.
            seen = torch.stack(residuals, 1).flatten(0, 1)
            codebook.update(seen, torch.cat(columns, -1).view(-1), self.level.metric)
        return Quantized(self.estimate(latents, total), torch.cat(columns, -1), mean_losses(losses))
