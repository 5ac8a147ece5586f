"""Multi-scale residual quantization: a pyramid of grids, coarse to fine, that add up."""

from collections.abc import Sequence
from itertools import accumulate

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vqzoo.ops.check import check_int
from vqzoo.ops.estimator import straight_through
from vqzoo.ops.lookup import rows
from vqzoo.quantizers.base import Quantized, Quantizer, Visit, mean_losses
from vqzoo.quantizers.cost import Cost
from vqzoo.quantizers.nearest import NearestCodevector


class MultiScale(Quantizer):
    """The tokenizer of VAR (Tian et al., 2024, arXiv:2404.02905, algorithms 1 and 2).

    With `scales` s_1 < ... < s_n = S, level i averages what is left over to an s_i x s_i grid, quantizes that with the
    one codebook, enlarges it bicubically and adds phi of it to the result; phi(x) = (x + conv3x3(x)) / 2 is one layer
    for all levels. Losses are means over levels, of the sum so far against the latent. The codebook learns once a step.

    A grid of S x S latents has one such pyramid. A larger one, its sides multiples of S, has grids larger by the same
    factor, so the indices are one (b, h / S, w / S) grid whose columns are the s_1^2 + ... + s_n^2 cells of a patch.
    """

    column_word = "scale"

    def __init__(self, level: NearestCodevector, scales: Sequence[int]):
        super().__init__()
        if not isinstance(scales, (list, tuple)) or not scales:
            raise ValueError(f"scales={scales!r}: expected a list of whole numbers, such as [1, 2, 4, 8]")
        self.scales = [check_int("scales", scale, 1, 256) for scale in scales]
        if self.scales != sorted(set(self.scales)):
            raise ValueError(f"scales={scales!r}: expected each to be larger than the one before")
        self.level_columns = tuple(scale**2 for scale in self.scales)
        if sum(self.level_columns) > 2**17:
            raise ValueError(
                f"scales={scales!r}: {sum(self.level_columns)} cells; expected at most {2**17} of all scales"
            )
        self.level = level
        self.multiple = self.scales[-1]
        self.dim = level.dim
        self.phi = nn.Conv2d(self.dim, self.dim, 3, padding=1)
        self.index_sizes = level.index_sizes * sum(self.level_columns)
        self.codebook_of = (0,) * sum(self.level_columns)

    def levels(self, indices: Tensor) -> list[Tensor]:
        """Split indices (b, h / S, w / S, q) into the grids (b, h s / S, w s / S, 1) of the levels, coarse to fine."""
        ends = [end for end in accumulate(self.level_columns) if end <= indices.shape[-1]]
        parts = indices.split(self.level_columns[: len(ends)], -1)
        return [_unpacked(part, scale) for part, scale in zip(parts, self.scales, strict=False)]

    def assign(self, latents: Tensor) -> Tensor:
        table, grids = self.level.codebook.codevectors(), []
        residual = latents.permute(0, 3, 1, 2)
        for scale in self.scales:
            grids.append(self.level.choose(self._shrunk(residual, scale), table))
            residual = residual - self._enlarged(rows(table, grids[-1].squeeze(-1)), scale)
        return self._packed(grids)

    def lookup(self, indices: Tensor) -> Tensor:
        table, total = self.level.codebook.codevectors(), torch.zeros((), device=indices.device)
        for scale, grid in zip(self.scales, self.levels(indices), strict=False):
            total = total + self._enlarged(rows(table, grid.squeeze(-1)), scale)
        return total.permute(0, 2, 3, 1)

    def quantize(self, latents: Tensor) -> Quantized:
        codebook = self.level.codebook
        planes = latents.permute(0, 3, 1, 2)
        if self.training:
            codebook.prepare(latents.detach().reshape(-1, self.dim))
        table = codebook.codevectors()
        residual, total = planes.detach(), torch.zeros_like(planes)
        seen, grids, losses = [], [], []
        for scale in self.scales:
            shrunk = self._shrunk(residual, scale)
            grids.append(self.level.choose(shrunk, table))
            seen.append(shrunk.flatten(1, 2))
            enlarged = self._enlarged(rows(table, grids[-1].squeeze(-1)), scale)
            residual = residual - enlarged.detach()
            total = total + enlarged
            losses.append(
                {"commitment": F.mse_loss(planes, total.detach()), "codebook": F.mse_loss(total, planes.detach())}
            )
        if self.training:
            # Image by image, so that every process's images stay together and draws among them do not change.
            chosen = torch.cat([grid.flatten(1) for grid in grids], 1)
            codebook.update(torch.cat(seen, 1).flatten(0, 1), chosen.view(-1), self.level.metric)
        restored = straight_through(latents, total.permute(0, 2, 3, 1))
        return Quantized(restored, self._packed(grids), mean_losses(losses))

    @property
    def inner(self) -> tuple[Quantizer, ...]:
        return (self.level,)

    def visit(self, latents: Tensor, indices: Tensor, at_leaf: Visit) -> Tensor:
        table, residual, visited = self.level.codebook.codevectors(), latents.permute(0, 3, 1, 2), []
        for scale, grid in zip(self.scales, self.levels(indices), strict=True):
            visited.append(at_leaf(self.level, self._shrunk(residual, scale), grid))
            residual = residual - self._enlarged(rows(table, grid.squeeze(-1)), scale)
        return self._packed(visited)

    def index_grids(self, height: int, width: int) -> list[Tensor]:
        numbers = torch.arange(height * width * len(self.index_sizes)).view(1, height, width, -1)
        return [grid[0, ..., 0] for grid in self.levels(numbers)]

    def search_cost(self, cells: int) -> Cost:
        searched = self.level.search_cost(self.index_cells(cells) * sum(self.level_columns))
        # The encoder subtracts what each level adds, so phi runs once a level on either side.
        return searched + Cost(maps=2 * len(self.scales) * cells * 9 * self.dim**2)

    def _shrunk(self, planes: Tensor, scale: int) -> Tensor:
        """(b, d, h, w) -> (b, h s / S, w s / S, d), areas averaged."""
        if scale != self.multiple:
            height, width = (side // self.multiple * scale for side in planes.shape[2:])
            planes = F.interpolate(planes, (height, width), mode="area")
        return planes.permute(0, 2, 3, 1)

    def _enlarged(self, grid: Tensor, scale: int) -> Tensor:
        """(b, h s / S, w s / S, d) -> (b, d, h, w), through phi."""
        planes = grid.permute(0, 3, 1, 2)
        if scale != self.multiple:
            height, width = (side // scale * self.multiple for side in planes.shape[2:])
            planes = F.interpolate(planes, (height, width), mode="bicubic")
        result: Tensor = 0.5 * planes + 0.5 * self.phi(planes)
        return result

    def _packed(self, grids: list[Tensor]) -> Tensor:
        return torch.cat([_packed(grid, scale) for grid, scale in zip(grids, self.scales, strict=True)], -1)


def _packed(grid: Tensor, scale: int) -> Tensor:
    """(b, h s, w s, 1) -> (b, h, w, s^2)."""
    blocks = grid.squeeze(-1).unflatten(1, (-1, scale)).unflatten(3, (-1, scale))
    result: Tensor = blocks.permute(0, 1, 3, 2, 4).flatten(3, 4)
    return result


def _unpacked(columns: Tensor, scale: int) -> Tensor:
    """(b, h, w, s^2) -> (b, h s, w s, 1)."""
    blocks = columns.unflatten(3, (scale, scale)).permute(0, 1, 3, 2, 4)
    result: Tensor = blocks.flatten(1, 2).flatten(2, 3)[..., None]
    return result
