"""The contract of a quantizer: how it maps latents to indices and back, and what can be asked of its parts."""

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from vqzoo.ops.check import check_int
from vqzoo.ops.lookup import Metric
from vqzoo.quantizers.cost import Book, Cost

Visit: TypeAlias = Callable[["Quantizer", Tensor, Tensor], Tensor]
"""(leaf, what it was given (b, h, w, d), its indices (b, h, w, q)) -> something of each index (b, h, w, q)."""

Lookup: TypeAlias = Callable[[Tensor], Tensor]
"""Indices (n,) -> codevectors (n, d) of one codebook."""


class NotFiniteError(ValueError):
    """Latents that are NaN or infinite: their network has diverged."""


@dataclass(frozen=True)
class Quantized:
    """What a quantizer makes of a latent grid.

    latents: (b, h, w, d) in the quantizer's type (float32 unless it was converted), what the decoder gets; the gradient
        estimator is already applied.
    indices: (b, h', w', q) int64, all that has to be stored to get the latents back.
    losses: named float32 scalars, unweighted ("commitment", "codebook", ...).
    """

    latents: Tensor
    indices: Tensor
    losses: dict[str, Tensor]


class Quantizer(nn.Module):
    """Maps a grid of latents (b, h, w, dim), channels last, to a grid of indices and back.

    Everything is computed in float32 whatever comes in: under bfloat16 the distances of a fresh codebook round to the
    same value and every latent picks one codevector. For the same reason parameters and buffers stay float32 where the
    quantizer, or a model that it is part of, is converted to another type: `.to(torch.bfloat16)` and `.half()` decide
    the type of the latents that `forward` and `decode` return, and nothing else. Indices do not depend on it.

    Subclasses set the first three attributes below and write `quantize`, `assign` and `lookup`. What is asked about a
    quantizer beside that has defaults that are right for a leaf, which compares latents with one codebook of its own. A
    composite also writes `inner` and `visit`, and where they differ from the sum over its parts `search_cost` and
    `index_cells`.
    """

    dim: int
    """Length of a latent."""
    index_sizes: tuple[int, ...]
    """Alphabet of each of the q columns of the indices."""
    codebook_of: tuple[int, ...]
    """Which codebook each column of the indices points into; columns with the same number share one."""
    multiple: int = 1
    """Height and width of a latent grid must be multiples of this."""
    level_columns: tuple[int, ...] = ()
    """Where latents are a sum of levels, coarse to fine, and the first ones alone are an approximation: the columns of
    each level. Indices of the first levels are then indices, too: `decode` and `bits` take them. Else empty."""
    config: dict[str, Any]
    """Name and settings, set by `build`."""
    dtype: torch.dtype = torch.float32
    """Type of the latents that come out, set by `.to`, `.half` and their like."""

    column_word: str = "index"
    """What a column of the indices is a column of: "segment", "level", "scale", "channel" or, of one alone, "index"."""
    fixed: bool = False
    """Of a leaf: whether codevectors are implied by a fixed grid, none of them learnt."""
    metric: Metric = "l2"
    """Of a leaf: how latents are compared with codevectors."""
    follows_latents: bool = False
    """Of a leaf: whether codevectors have to lie where latents do to be of use, so that their distance is a symptom."""
    rounds_to: str = ""
    """Of a leaf: what it rounds each channel to, "scalars" or "signs", where one that never changes is a symptom."""

    def quantize(self, latents: Tensor) -> Quantized:
        """`forward`, given float32."""
        raise NotImplementedError

    def assign(self, latents: Tensor) -> Tensor:
        """`encode`, given float32."""
        raise NotImplementedError

    def lookup(self, indices: Tensor) -> Tensor:
        """`decode`."""
        raise NotImplementedError

    def forward(self, latents: Tensor) -> Quantized:
        """Quantize latents (b, h, w, dim) of any floating type; in training mode codebooks that count also learn.

        The latents that come out have the quantizer's type, losses are float32.

        Raises ValueError where the shape or type is another, where there are none, and where one is not finite (in
        training on a GPU the last is not looked at).
        """
        self._check_latents(latents)
        with _full_precision(latents):
            out = self.quantize(latents.float())
        return out if self.dtype == torch.float32 else replace(out, latents=out.latents.to(self.dtype))

    def encode(self, latents: Tensor) -> Tensor:
        """Only the indices (b, h', w', q) of latents (b, h, w, dim); nothing learns, nothing else is computed."""
        self._check_latents(latents)
        with _full_precision(latents), torch.no_grad():
            return self.assign(latents.float())

    def decode(self, indices: Tensor) -> Tensor:
        """Return the latents (b, h, w, dim) that indices (b, h', w', q) stand for, exactly as `forward` gives them.

        Indices may be of any integer type, and of the first levels alone where there are `level_columns`. Raises
        ValueError for another shape or type, or an index outside its column's alphabet.
        """
        num_columns = len(self.index_sizes)
        whole = not (indices.is_floating_point() or indices.is_complex() or indices.dtype == torch.bool)
        if indices.ndim != 4 or indices.shape[-1] not in (num_columns, *accumulate(self.level_columns)) or not whole:
            raise ValueError(
                f"indices of shape {tuple(indices.shape)} and type {indices.dtype}: "
                f"expected whole numbers of shape (batch, height, width, {num_columns})"
            )
        indices = indices.long()
        if not torch.compiler.is_compiling():  # a compiled graph cannot stop half-way
            self._check_range(indices)
        with _full_precision(indices):
            return self.lookup(indices).to(self.dtype)

    def bits(self, indices: Tensor) -> Tensor:
        """(b,) float64: bits that the indices of each image cost at log2(alphabet) each, before entropy coding."""
        per_cell = sum(math.log2(size) for size in self.index_sizes[: indices.shape[-1]])
        cells = indices.shape[1] * indices.shape[2]
        return torch.full((len(indices),), per_cell * cells, dtype=torch.float64, device=indices.device)

    def first_levels(self, indices: Tensor, levels: int) -> Tensor:
        """Those of the first levels, coarse to fine, out of indices of all; raises ValueError where there are fewer."""
        check_int("levels", levels, 1, len(self.level_columns))
        return indices[..., : sum(self.level_columns[:levels])]

    @property
    def cell_bits(self) -> tuple[float, ...]:
        """Bits that the indices of one cell cost; of a quantizer that chooses among parts, with each of its parts."""
        return (sum(map(math.log2, self.index_sizes)),)

    def shares(self, counts: Sequence[Tensor]) -> dict[str, float]:
        """Return how often each part was chosen, as a share of 1 by "K x d", from counts of each column's indices (K,).

        The parts are in the order of `cell_bits`; without a choice among parts there are none.
        """
        return {}

    def coarser(self, bits: float) -> list["Quantizer"]:
        """Return quantizers of the same latents that cost at most `bits` a cell, with nothing learnt or fitted anew.

        One for each way to do so; itself where it costs no more, and none where there is no way.
        """
        return [self] if max(self.cell_bits) <= bits else []

    # --- the walk: what parts a quantizer has, what each is given, and what that costs --------------------------------

    @property
    def inner(self) -> tuple["Quantizer", ...]:
        """The quantizers whose indices these are, each once; empty for a leaf."""
        return ()

    @property
    def innermost(self) -> "Quantizer":
        """The leaf that compares vectors in the end; of several the first."""
        return self.inner[0].innermost if self.inner else self

    def visit(self, latents: Tensor, indices: Tensor, at_leaf: Visit) -> Tensor:
        """Return `at_leaf` of every leaf, in the place of its indices: (b, h', w', q).

        latents (b, h, w, dim) float32 are those that were encoded to indices (b, h', w', q), or any others: with
        changed indices each level of a residual gets what the changed ones before it leave over.
        """
        assert not self.inner, f"{type(self).__name__} has parts and no `visit`"
        return at_leaf(self, latents, indices)

    def distances(self, latents: Tensor, indices: Tensor) -> Tensor:
        """Return the Euclidean distance of what was quantized from its codevector, (b, h', w', q) float32.

        It is measured where the choice is made: behind projections and normalisation; for an adaptive quantizer, whose
        codebooks have different dimensions, behind the projections back. Of a residual quantizer each level's is that
        of what the levels before left over. Arguments are those of `visit`.
        """
        if self.inner:
            return self.visit(latents, indices, lambda leaf, given, chosen: leaf.distances(given, chosen))
        result: Tensor = (latents - self.lookup(indices)).norm(dim=-1, keepdim=True)
        return result

    def codebooks(self) -> list[Lookup]:
        """Return the codebooks, by their numbers in `codebook_of`.

        Fixed grids (FSQ, LFQ, BSQ, uniform) have implied ones, made on demand, so that an alphabet may be of any size.
        They are what latents are compared with; those of an adaptive quantizer are what the decoder gets. A plain
        autoencoder has none.
        """
        if self.inner:
            return [book for part in self.inner for book in part.codebooks()]
        return [lambda indices: self.lookup(indices.view(1, 1, -1, 1)).flatten(0, 2)]

    def index_grids(self, height: int, width: int) -> list[Tensor]:
        """Return the grids that lie over an image, (h, w) int64 each: where in indices (height, width, q) a cell's is.

        Positions count (height, width, q) in row-major order. There is one grid a column; a multi-scale quantizer has
        one a scale, each finer than the one before, whose cells are several columns.
        """
        return list(torch.arange(height * width * len(self.index_sizes)).view(height, width, -1).unbind(-1))

    def cost(self, cells: int) -> Cost:
        """Return the cost of a grid of `cells` latents, which has to be one that the quantizer can be given."""
        grid = self.index_cells(cells)
        choices = grid * sum(math.log2(size) for size in self.index_sizes)
        return self.search_cost(cells) + Cost(log2_choices=choices, latents=cells, indices=grid * len(self.index_sizes))

    def index_cells(self, cells: int) -> int:
        """Return how many cells the grid of indices of `cells` latents has."""
        return cells // self.multiple**2

    def search_cost(self, cells: int) -> Cost:
        """Return the books, searches and maps of `cost`."""
        if self.inner:
            return sum((part.search_cost(cells) for part in self.inner), Cost())
        (size,) = self.index_sizes
        return Cost((Book(size, self.dim, not self.fixed),), 0 if self.fixed else cells * size * self.dim)

    # ------------------------------------------------------------------------------------------------------------------

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "Quantizer":
        """Move as `.to`, `.half` and `.cuda` ask, but keep the type of parameters and buffers."""
        self.dtype = fn(torch.empty(0, dtype=self.dtype)).dtype

        def moved(tensor: Tensor) -> Tensor:
            converted = fn(tensor)
            return converted if converted.dtype == tensor.dtype else tensor.to(converted.device)

        result: Quantizer = super()._apply(moved, recurse)
        return result

    def _check_latents(self, latents: Tensor) -> None:
        if latents.ndim != 4 or latents.shape[-1] != self.dim or not latents.is_floating_point():
            raise ValueError(
                f"latents of shape {tuple(latents.shape)} and type {latents.dtype}: "
                f"expected floating point of shape (batch, height, width, {self.dim}), channels last"
            )
        if not latents.numel():
            raise ValueError(f"latents of shape {tuple(latents.shape)}: there are none; expected at least one")
        if latents.shape[1] % self.multiple or latents.shape[2] % self.multiple:
            raise ValueError(
                f"latents of shape {tuple(latents.shape)}: expected height and width in multiples of {self.multiple}"
            )
        # A compiled graph cannot stop half-way, and a GPU in training must not wait for an answer at every step: the
        # trainer looks at the losses, and at every weight before it saves one.
        if torch.compiler.is_compiling() or (self.training and latents.is_cuda):
            return
        # One sum first: it is much cheaper than looking at every number, and no number that is wrong gets past it. A
        # sum may be too large for its type where every number is fine.
        if latents.detach().sum().isfinite():
            return
        if wrong := (~latents.isfinite()).sum().item():
            advice = "a smaller learning rate usually helps"
            if latents.dtype == torch.float16:
                advice = "float16 ends at 65,504: take bfloat16 or float32"
            raise NotFiniteError(
                f"latents: {wrong} of {latents.numel()} numbers are NaN or infinite; expected finite ones ({advice})"
            )

    def _check_range(self, indices: Tensor) -> None:
        sizes = torch.tensor(self.index_sizes[: indices.shape[-1]], device=indices.device)
        outside = (indices < 0) | (indices >= sizes)
        if outside.any():
            *_, column = outside.nonzero()[0].tolist()
            raise ValueError(
                f"indices: {indices[outside][0].item()} in column {column}: "
                f"expected whole numbers from 0 to {self.index_sizes[column] - 1}"
            )


def joint_codebooks(parts: Sequence[Quantizer]) -> tuple[int, ...]:
    """`codebook_of` of parts that stand side by side, each with codebooks of its own."""
    codebook_of: list[int] = []
    for part in parts:
        offset = max(codebook_of, default=-1) + 1
        codebook_of += [offset + number for number in part.codebook_of]
    return tuple(codebook_of)


def mean_losses(losses: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Return the mean of each loss over parts that all have the same losses."""
    return {name: torch.stack([each[name] for each in losses]).mean() for name in losses[0]}


def _full_precision(tensor: Tensor) -> AbstractContextManager[None]:
    return torch.autocast(tensor.device.type, enabled=False)
