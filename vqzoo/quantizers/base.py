"""The contract of a quantizer."""

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor, nn

from vqzoo.ops.check import check_int


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

    Subclasses set the three attributes below and write `quantize`, `assign` and `lookup`.
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
        """The latents (b, h, w, dim) that indices (b, h', w', q) stand for, exactly as `forward` gives them.

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

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "Quantizer":
        """What `.to`, `.half`, `.cuda` and their like are made of: move, but keep the type of what is stored."""
        self.dtype = fn(torch.empty(0, dtype=self.dtype)).dtype

        def moved(tensor: Tensor) -> Tensor:
            converted = fn(tensor)
            return converted if converted.dtype == tensor.dtype else tensor.to(converted.device)

        return super()._apply(moved, recurse)

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
    """The mean of each loss over parts that all have the same ones."""
    return {name: torch.stack([each[name] for each in losses]).mean() for name in losses[0]}


def _full_precision(tensor: Tensor) -> AbstractContextManager[None]:
    return torch.autocast(tensor.device.type, enabled=False)
