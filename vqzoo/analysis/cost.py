"""What a quantizer costs beside bits: codebooks to store and multiplications to find codevectors.

The formulas are those of LooC's supplement (arXiv:2601.00222, sections 1.1 and 1.2): a codebook of K codevectors of d
numbers takes 32 K d bits, and finding the nearest of them for n latents takes n K d multiplications; additions are
left out. With m segments that share a codebook of K' x d / m, n m K' d / m = n K' d.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, singledispatch
from typing import Any, cast

import torch
from torch import nn

from vqzoo.autoencoders import build_autoencoder
from vqzoo.ops.budget import Budget
from vqzoo.quantizers import Quantizer, build
from vqzoo.quantizers.adaptive import Adaptive
from vqzoo.quantizers.gumbel import Gumbel
from vqzoo.quantizers.hvq import HVQ
from vqzoo.quantizers.identity import Identity
from vqzoo.quantizers.index_gradient import IndexGradient
from vqzoo.quantizers.multiscale import MultiScale
from vqzoo.quantizers.nearest import NearestCodevector
from vqzoo.quantizers.product import Product
from vqzoo.quantizers.projected import Projected
from vqzoo.quantizers.residual import Residual, SharedResidual
from vqzoo.quantizers.scalar import FiniteScalar
from vqzoo.quantizers.segmented import Segmented
from vqzoo.quantizers.signs import Signs
from vqzoo.quantizers.smoothed import Smoothed, SubpixelSmoothed
from vqzoo.quantizers.spherical import Spherical
from vqzoo.quantizers.stochastic import Stochastic
from vqzoo.quantizers.uniform import Uniform

_MOST = 4096
"""Tensors of a network whose cost is worked out: a configuration alone can ask for any number of them."""


@dataclass(frozen=True)
class Book:
    """`size` codevectors of `code_dim` numbers; not `stored` where a formula gives them, as it does for signs."""

    size: int
    code_dim: int
    stored: bool = True


@dataclass(frozen=True)
class Cost:
    """Of one image.

    books: every codebook once, however many indices point into it; an alphabet of scalars is one of code_dim 1, and a
    plain autoencoder has none. searches: multiplications that find codevectors, n K d for each codebook; rounding takes
    none. maps: multiplications of the quantizer's learnt linear maps and convolutions, encoding and decoding together.
    log2_choices: log2 of the number of different index grids. latents: cells of the latent grids of all levels.
    indices: that are stored.
    """

    books: tuple[Book, ...] = ()
    searches: int = 0
    maps: int = 0
    log2_choices: float = 0.0
    latents: int = 0
    indices: int = 0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            self.books + other.books,
            self.searches + other.searches,
            self.maps + other.maps,
            self.log2_choices + other.log2_choices,
            self.latents + other.latents,
            self.indices + other.indices,
        )

    @property
    def storage(self) -> int:
        """Bytes of the codebooks that have to be stored, at 32 bits a number."""
        return 4 * sum(book.size * book.code_dim for book in self.books if book.stored)

    @property
    def codevectors(self) -> int:
        """Of all codebooks together."""
        return sum(book.size for book in self.books)

    @property
    def codebook_size(self) -> int:
        """K, of the largest codebook; 0 without one."""
        return max((book.size for book in self.books), default=0)


def cost(config: dict[str, Any], height: int, width: int) -> Cost:
    """What the tokenizer of a config.json costs for an image of height x width pixels; no weights are needed.

    Raises ValueError for a config that no tokenizer can be built from.
    """
    levels = config["quantizer"] if isinstance(config["quantizer"], list) else [config["quantizer"]]
    strides = _strides(json.dumps(config["autoencoder"], sort_keys=True))
    with Budget(_MOST), torch.device("meta"):
        quantizers = [build(**level) for level in levels]
    multiple = math.lcm(*(stride * part.multiple for stride, part in zip(strides, quantizers, strict=True)))
    total = Cost()
    for stride, quantizer in zip(strides, quantizers, strict=True):
        cells = math.prod(-(-side // multiple) * multiple // stride for side in (height, width))
        total += quantizer_cost(quantizer, cells)
    return total


@lru_cache(64)
def _strides(autoencoder: str) -> tuple[int, ...]:
    """Of a config as JSON: many models share one, and building it takes longest."""
    with Budget(_MOST), torch.device("meta"):
        return build_autoencoder(**json.loads(autoencoder)).strides


def quantizer_cost(quantizer: Quantizer, cells: int) -> Cost:
    """Of a grid of `cells` latents; `cells` has to be what the quantizer can be given."""
    grid = _index_cells(quantizer, cells)
    choices = grid * sum(math.log2(size) for size in quantizer.index_sizes)
    return _cost(quantizer, cells) + Cost(
        log2_choices=choices, latents=cells, indices=grid * len(quantizer.index_sizes)
    )


def _index_cells(quantizer: Quantizer, cells: int) -> int:
    """How many cells the grid of indices has."""
    if isinstance(quantizer, SubpixelSmoothed):
        return _index_cells(quantizer.quantizer, cells)
    if isinstance(quantizer, Smoothed):
        return _index_cells(quantizer.quantizer, cells * quantizer.factor**2)
    if isinstance(quantizer, HVQ):
        return _index_cells(quantizer.upper, cells // _stride(quantizer) ** 2)
    return cells // quantizer.multiple**2


@singledispatch
def _cost(quantizer: Quantizer, cells: int) -> Cost:
    """The first three of its fields."""
    raise NotImplementedError(f"the cost of {type(quantizer).__name__} is not known")


@_cost.register
def _(quantizer: Identity, cells: int) -> Cost:
    return Cost()


@_cost.register(NearestCodevector)
@_cost.register(Stochastic)
@_cost.register(IndexGradient)
@_cost.register(Gumbel)  # a row of the linear layer in the place of each codevector
def _(quantizer: Quantizer, cells: int) -> Cost:
    (size,) = quantizer.index_sizes
    return Cost((Book(size, quantizer.dim),), cells * size * quantizer.dim)


@_cost.register(FiniteScalar)
@_cost.register(Signs)
def _(quantizer: Quantizer, cells: int) -> Cost:
    return Cost((Book(quantizer.index_sizes[0], quantizer.dim, stored=False),))


@_cost.register
def _(quantizer: Uniform, cells: int) -> Cost:
    return Cost(tuple(Book(size, 1, stored=False) for size in quantizer.index_sizes))


@_cost.register
def _(quantizer: Spherical, cells: int) -> Cost:
    return _cost(quantizer.quantizer, cells)


@_cost.register
def _(quantizer: Projected, cells: int) -> Cost:
    return _cost(quantizer.quantizer, cells) + Cost(maps=2 * cells * quantizer.dim * quantizer.quantizer.dim)


@_cost.register
def _(quantizer: Segmented, cells: int) -> Cost:
    return _cost(quantizer.quantizer, cells * quantizer.segments)


@_cost.register
def _(quantizer: Smoothed, cells: int) -> Cost:
    return _cost(quantizer.quantizer, cells * quantizer.factor**2)


@_cost.register
def _(quantizer: SubpixelSmoothed, cells: int) -> Cost:
    return _cost(quantizer.quantizer, cells)


@_cost.register
def _(quantizer: Product, cells: int) -> Cost:
    return _sum(list(quantizer.parts), cells)


@_cost.register
def _(quantizer: Residual, cells: int) -> Cost:
    return _sum(list(quantizer.levels), cells)


@_cost.register
def _(quantizer: SharedResidual, cells: int) -> Cost:
    once = _cost(quantizer.level, cells)
    return Cost(once.books, once.searches * quantizer.depth)


@_cost.register
def _(quantizer: MultiScale, cells: int) -> Cost:
    searched = _cost(quantizer.level, cells // quantizer.multiple**2 * sum(scale**2 for scale in quantizer.scales))
    # The encoder subtracts what each level adds, so phi runs once a level on either side.
    phi = 2 * len(quantizer.scales) * cells * 9 * quantizer.dim**2
    return searched + Cost(maps=phi)


@_cost.register
def _(quantizer: Adaptive, cells: int) -> Cost:
    # Every part searches, and every part maps back; the selector has a query map, and a key a part.
    selector = cells * quantizer.dim * (quantizer.dim + len(quantizer.parts))
    return _sum(list(quantizer.parts), cells) + Cost(maps=selector)


@_cost.register
def _(quantizer: HVQ, cells: int) -> Cost:
    above = cells // _stride(quantizer) ** 2
    lower, upper = _cost(quantizer.lower, cells), _cost(quantizer.upper, above)
    # Convolutions one after the other: both of the encoder see the small grid, the first of the decoder, too.
    grids = [above, above, above, cells, cells]
    networks = (quantizer.encoder, quantizer.decoder)
    layers = [each for network in networks for each in network if isinstance(each, nn.Conv2d)]
    maps = sum(count * layer.weight.numel() for count, layer in zip(grids, layers, strict=True))
    # Encoding does not search below; decoding does, for the codevectors nearest to its guess.
    return lower + upper + Cost(maps=maps)


def _stride(quantizer: HVQ) -> int:
    return quantizer.multiple // quantizer.upper.multiple


def _sum(parts: Sequence[Any], cells: int) -> Cost:
    return sum((_cost(cast(Quantizer, part), cells) for part in parts), Cost())
