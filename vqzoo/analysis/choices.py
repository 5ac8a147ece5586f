"""What a quantizer chose and among what: the vectors it compared, the codevectors it took, and where they lie."""

from collections.abc import Callable
from functools import partial
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor

from vqzoo.ops.lookup import rows
from vqzoo.quantizers import Quantizer
from vqzoo.quantizers.hvq import HVQ
from vqzoo.quantizers.identity import Identity
from vqzoo.quantizers.multiscale import MultiScale
from vqzoo.quantizers.product import Product
from vqzoo.quantizers.projected import Projected
from vqzoo.quantizers.residual import Residual, SharedResidual
from vqzoo.quantizers.scalar import FiniteScalar
from vqzoo.quantizers.segmented import Segmented
from vqzoo.quantizers.signs import Signs
from vqzoo.quantizers.smoothed import Smoothed
from vqzoo.quantizers.spherical import Spherical
from vqzoo.quantizers.uniform import Uniform

Visit = Callable[[Quantizer, Tensor, Tensor], Tensor]
"""(leaf, what it was given (b, h, w, d), its indices (b, h, w, q)) -> something of each index (b, h, w, q)."""

Book = Callable[[Tensor], Tensor]
"""Indices (n,) -> codevectors (n, d) of one codebook."""


def visit(quantizer: Quantizer, latents: Tensor, indices: Tensor, at_leaf: Visit) -> Tensor:
    """`at_leaf` of every quantizer that compares vectors itself, in the place of its indices: (b, h', w', q).

    latents (b, h, w, dim) float32 are those that were encoded to indices (b, h', w', q), or any others: with changed
    indices each level of a residual gets what the changed ones before it leave over.
    """
    match quantizer:
        case Projected():
            return visit(quantizer.quantizer, quantizer.down(latents), indices, at_leaf)
        case Spherical():
            return visit(quantizer.quantizer, F.normalize(latents, dim=-1), indices, at_leaf)
        case Smoothed():
            return visit(quantizer.quantizer, quantizer._enlarge(latents), indices, at_leaf)
        case Segmented():
            runs = (quantizer._cut(latents), quantizer._cut(indices))
            return quantizer._join(visit(quantizer.quantizer, *runs, at_leaf))
        case Product():
            latent_runs, index_runs = latents.split(quantizer.dims, -1), indices.split(quantizer.columns, -1)
            parts = zip(_parts(quantizer.parts), latent_runs, index_runs, strict=True)
            return torch.cat([visit(part, z, k, at_leaf) for part, z, k in parts], -1)
        case Residual() | SharedResidual():
            return _visit_residual(quantizer, latents, indices, at_leaf)
        case MultiScale():
            return _visit_pyramid(quantizer, latents, indices, at_leaf)
        case HVQ():
            planes = quantizer.scale.normalised(latents).permute(0, 3, 1, 2)
            return visit(quantizer.upper, quantizer.encoder(planes).permute(0, 2, 3, 1), indices, at_leaf)
        case _:
            return at_leaf(quantizer, latents, indices)


def _visit_residual(quantizer: Residual | SharedResidual, latents: Tensor, indices: Tensor, at_leaf: Visit) -> Tensor:
    levels: list[Quantizer]
    if isinstance(quantizer, SharedResidual):
        levels = [quantizer.level] * quantizer.depth
    else:
        levels = _parts(quantizer.levels)
    found = []
    for level, part in zip(levels, indices.split(quantizer.level_columns, -1), strict=True):
        found.append(visit(level, latents, part, at_leaf))
        latents = latents - level.lookup(part)
    return torch.cat(found, -1)


def _visit_pyramid(quantizer: MultiScale, latents: Tensor, indices: Tensor, at_leaf: Visit) -> Tensor:
    table, residual, found = quantizer.level.codebook.codevectors(), latents.permute(0, 3, 1, 2), []
    for scale, grid in zip(quantizer.scales, quantizer.levels(indices), strict=True):
        found.append(at_leaf(quantizer.level, quantizer._shrunk(residual, scale), grid))
        residual = residual - quantizer._enlarged(rows(table, grid.squeeze(-1)), scale)
    return quantizer._packed(found)


def distances(quantizer: Quantizer, latents: Tensor, indices: Tensor) -> Tensor:
    """(b, h', w', q) float32: Euclidean distance of what was quantized from its codevector, where the choice is made.

    That is behind projections and normalisation; for an adaptive quantizer, whose codebooks have different dimensions,
    behind the projections back. Of a residual quantizer each level's is that of what the levels before left over.
    """
    return visit(quantizer, latents, indices, _distance)


def _distance(leaf: Quantizer, latents: Tensor, indices: Tensor) -> Tensor:
    if isinstance(leaf, FiniteScalar):
        latents = leaf._bounded(latents) * leaf._scale(latents)
    gap = latents - leaf.lookup(indices)
    return gap.abs() if isinstance(leaf, (Uniform, Identity)) else gap.norm(dim=-1, keepdim=True)


def codebooks(quantizer: Quantizer) -> list[Book]:
    """The codebooks, by their numbers in `codebook_of`.

    Fixed grids (FSQ, LFQ, BSQ, uniform) have implied ones, made on demand, so that an alphabet may be of any size. They
    are what latents are compared with; those of an adaptive quantizer are what the decoder gets. A plain autoencoder
    has none.
    """
    match quantizer:
        case Projected() | Spherical() | Smoothed() | Segmented():
            return codebooks(quantizer.quantizer)
        case Product():
            return [book for part in _parts(quantizer.parts) for book in codebooks(part)]
        case Residual():
            return [book for level in _parts(quantizer.levels) for book in codebooks(level)]
        case SharedResidual() | MultiScale():
            return codebooks(quantizer.level)
        case HVQ():
            return codebooks(quantizer.upper)
        case Uniform():
            return [partial(_values, quantizer, channel) for channel in range(quantizer.dim)]
        case Identity():
            return []
        case _:
            return [lambda indices: quantizer.lookup(indices.view(1, 1, -1, 1)).flatten(0, 2)]


def _values(quantizer: Uniform, channel: int, indices: Tensor) -> Tensor:
    return (quantizer.low[channel] + indices * quantizer.step[channel])[:, None]


def is_fixed(quantizer: Quantizer) -> bool:
    """Whether codevectors are implied by a fixed grid, none of them learnt."""
    return isinstance(innermost(quantizer), (FiniteScalar, Signs, Uniform))


def innermost(quantizer: Quantizer) -> Quantizer:
    """What compares vectors in the end; of several parts the first."""
    match quantizer:
        case Projected() | Spherical() | Smoothed() | Segmented():
            return innermost(quantizer.quantizer)
        case Product():
            return innermost(_parts(quantizer.parts)[0])
        case Residual():
            return innermost(_parts(quantizer.levels)[0])
        case SharedResidual() | MultiScale():
            return innermost(quantizer.level)
        case HVQ():
            return innermost(quantizer.upper)
        case _:
            return quantizer


def column_word(quantizer: Quantizer) -> str:
    """What a column of the indices is a column of: "segment", "level", "scale", "channel" or, of one alone, "index"."""
    match quantizer:
        case Segmented() | Product():
            return "segment"
        case Residual() | SharedResidual():
            return "level"
        case MultiScale():
            return "scale"
        case Uniform():
            return "channel"
        case Projected() | Spherical() | Smoothed():
            return column_word(quantizer.quantizer)
        case HVQ():
            return column_word(quantizer.upper)
        case _:
            return "index"


def places(quantizer: Quantizer, height: int, width: int) -> list[Tensor]:
    """The grids that lie over an image, for a grid of indices (height, width, q): of each, (h, w) int64 places in it.

    One grid a column; a multi-scale quantizer has one a scale, each finer than the one before, whose cells are several
    columns. A place counts (height, width, q) in row-major order.
    """
    numbers = torch.arange(height * width * len(quantizer.index_sizes)).view(1, height, width, -1)
    if isinstance(quantizer, MultiScale):
        return [grid[0, ..., 0] for grid in quantizer.levels(numbers)]
    return list(numbers[0].unbind(-1))


def _parts(modules: object) -> list[Quantizer]:
    return list(cast(list[Quantizer], modules))
