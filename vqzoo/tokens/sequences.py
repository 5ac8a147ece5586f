"""Tokens of an image as one sequence of one vocabulary, and back: what generators and exports use."""

import math
from collections.abc import Callable
from typing import Literal, get_args

import torch
from torch import Tensor

from vqzoo.ops.check import check_choice, check_int
from vqzoo.quantizers.base import joint_codebooks
from vqzoo.tokenizer import Tokenizer, Tokens

Order = Literal["raster", "by-level", "interleaved", "delayed"]
_FILL = -1
"""Position that holds no index."""


class Sequences:
    """The sequences of images of one size, flattened from a tokenizer's grids in an order.

    A sequence is `begin`, the token of the image's class where there are `classes`, and all indices of the image. An
    index of the c-th codebook is raised by the sizes of the codebooks before it, so that a token says which codebook it
    points into; columns that share a codebook share its tokens. `begin`, `pad` and then the classes follow behind all
    codebooks.

    Orders:

    - "raster": as the grids lie in memory. Level after level; in a level row by row; in a cell column by column.
    - "by-level": coarse to fine. Level after level, and in a level column after column (of a multi-scale quantizer
      scale after scale), each row by row.
    - "interleaved": by position in the image. For each cell of the coarsest grid, row by row, all that lies in that
      cell, coarse to fine. With grids of one size, the same as "raster".
    - "delayed": step t holds index t of column 0, index t - 1 of column 1, and so on, `pad` where there is none, as in
      MusicGen (arXiv:2306.05284). ValueError where grids differ in size.

    Attributes: `tokenizer`; `vocabulary_size`; `length` of a sequence, with `begin` and class, and number of `indices`
    in it; `begin`, `pad`; `lows` and `highs`, the tokens from low to high (inclusive) that may stand at each position,
    (length,) int64; `grid_shapes`, height and width of each grid that lies over an image, in the order "by-level".
    """

    def __init__(
        self, tokenizer: Tokenizer, size: tuple[int, int] | None = None, order: Order = "raster", classes: int = 0
    ):
        """Set up sequences of images of `size`, height and width in pixels; by default the tokenizer's resolution.

        Only the configuration of the tokenizer is used, so it may be on the meta device.
        """
        self.tokenizer = tokenizer
        self.size = size or (tokenizer.resolution, tokenizer.resolution)
        self.order: Order = check_choice("order", order, get_args(Order))  # type: ignore[assignment]
        self.classes = check_int("classes", classes, 0, 2**31)
        quantizers = tokenizer.quantizers
        self._shapes = [
            (height, width, len(part.index_sizes))
            for (height, width), part in zip(tokenizer.grid_sizes(self.size), quantizers, strict=True)
        ]
        grids, columns, start, column = [], [], 0, 0
        for (height, width, number), part in zip(self._shapes, quantizers, strict=True):
            grids += [grid + start for grid in part.index_grids(height, width)]
            columns.append(torch.arange(column, column + number).repeat(height * width))
            start, column = start + height * width * number, column + number
        self._positions = _ORDERS[self.order](grids)
        self.grid_shapes = [(grid.shape[0], grid.shape[1]) for grid in grids]

        sizes = torch.tensor([size for part in quantizers for size in part.index_sizes])
        codebook_of = torch.tensor(joint_codebooks(quantizers))
        books = torch.zeros(int(codebook_of.max()) + 1, dtype=torch.long)
        books.scatter_reduce_(0, codebook_of, sizes, "amax")
        self.begin = int(books.sum())
        self.pad = self.begin + 1
        self.vocabulary_size = self.begin + 2 + self.classes

        column_of = torch.cat(columns)
        self._lows = (books.cumsum(0) - books)[codebook_of][column_of]
        highs = self._lows + sizes[column_of] - 1
        class_ends = [self.pad, self.vocabulary_size - 1]
        prefix = torch.tensor([[self.begin, self.begin], class_ends][: 1 + bool(self.classes)])
        self._prefix = len(prefix)
        self.lows, self.highs = (
            torch.cat([prefix[:, which], self._in_order(ends)]) for which, ends in enumerate((self._lows, highs))
        )
        self.length = len(self.lows)
        self.indices = len(column_of)

    def __deepcopy__(self, memo: object) -> "Sequences":
        """Return itself: nothing changes it, and a copy of a model needs no second tokenizer."""
        return self

    @property
    def uniform_bits(self) -> float:
        """Bits of an image whose indices are all equally likely, as `Tokenizer.bits` counts them."""
        alphabets = (self.highs - self.lows + 1)[self._prefix :]
        return float(alphabets.double().log2().sum())

    @property
    def columns(self) -> int:
        """Number of indices of a cell; ValueError where an image has several grids or grids differ in size."""
        if len(self._shapes) > 1 or len(set(self.grid_shapes)) > 1:
            raise ValueError("cells: grids of this tokenizer differ in size; expected one grid")
        return self._shapes[0][2]

    def prompt(self, images: int | Tensor) -> Tensor:
        """Return what sequences begin with, (b, 1) int64: `begin`; with `classes`, (b, 2), `begin` and a class.

        `images` is the number of sequences or, with `classes`, a class for each: whole numbers (b,), where -1 is no
        class, `pad`. Raises ValueError for any other.
        """
        if not self.classes:
            number = images if isinstance(images, int) else len(images)
            return torch.full((number, 1), self.begin)
        labels = torch.as_tensor(images)
        if labels.ndim != 1 or labels.is_floating_point() or (labels < -1).any() or (labels >= self.classes).any():
            raise ValueError(
                f"classes: {labels.tolist() if labels.numel() < 9 else tuple(labels.shape)}; expected a whole number "
                f"from 0 to {self.classes - 1} for each image, or -1 for none"
            )
        return torch.stack([torch.full_like(labels, self.begin), self.pad + 1 + labels], 1).long()

    def flatten(self, tokens: Tokens, labels: Tensor | None = None) -> Tensor:
        """Return the sequences (b, length) int64 of tokens, on their device; `labels` as in `prompt`."""
        shapes = [tuple(grid.shape[1:]) for grid in tokens.grids]
        if tokens.size != self.size or shapes != self._shapes:
            raise ValueError(
                f"tokens of size {tokens.size} with grids {shapes}: expected {self.size} with {self._shapes}"
            )
        if self.classes and labels is None:
            raise ValueError(f"labels: none; expected one of {self.classes} classes for each image, or -1")
        flat = torch.cat([grid.flatten(1) for grid in tokens.grids], 1)
        prompt = self.prompt(len(flat) if labels is None else labels.cpu()).to(flat.device)
        if len(prompt) != len(flat):
            raise ValueError(f"labels: {len(prompt)}; expected {len(flat)}, one for each image")
        return torch.cat([prompt, self._in_order(flat + self._lows.to(flat.device))], 1)

    def unflatten(self, sequences: Tensor) -> Tokens:
        """Return the tokens of sequences (b, length), on their device; ValueError where a token is not allowed."""
        if sequences.ndim != 2 or sequences.shape[1] != self.length or sequences.is_floating_point():
            raise ValueError(
                f"sequences of shape {tuple(sequences.shape)} and type {sequences.dtype}: expected whole numbers of "
                f"shape (images, {self.length}), with the begin token"
            )
        sequences = sequences.long()
        lows, highs = (ends.to(sequences.device) for ends in (self.lows, self.highs))
        outside = (sequences < lows) | (sequences > highs)
        if outside.any():
            image, position = outside.nonzero()[0].tolist()
            raise ValueError(
                f"sequence {image} has token {sequences[image, position].item()} at position {position}: expected "
                f"{lows[position].item()} to {highs[position].item()}"
            )
        flat = self._in_memory_order(sequences) - self._lows.to(sequences.device)
        return Tokens(self._split(flat), self.size)

    def grids(self, values: Tensor) -> tuple[Tensor, ...]:
        """Return a value for each position (b, length) as grids (b, h, w, q), as the indices have them."""
        return self._split(self._in_memory_order(values))

    def labels(self, sequences: Tensor) -> Tensor | None:
        """Return the class (b,) of each sequence, -1 for none; None without `classes`."""
        return sequences[:, 1] - self.pad - 1 if self.classes else None

    def allowed(self, image: int, sequence: Tensor) -> list[int]:
        """Return the tokens that may follow `sequence` (n,): the `prefix_allowed_tokens_fn` of transformers."""
        position = len(sequence)
        return list(range(int(self.lows[position]), int(self.highs[position]) + 1))

    def _in_memory_order(self, values: Tensor) -> Tensor:
        """Return what lies in this order, prompt included, as the grids lie in memory; the inverse of `_in_order`."""
        positions = self._positions.to(values.device)
        filled = positions != _FILL
        flat = values.new_empty(len(values), len(self._lows))
        flat[:, positions[filled]] = values[:, self._prefix :][:, filled]
        return flat

    def _split(self, flat: Tensor) -> tuple[Tensor, ...]:
        parts = flat.split([math.prod(shape) for shape in self._shapes], 1)
        return tuple(part.unflatten(1, shape) for part, shape in zip(parts, self._shapes, strict=True))

    def _in_order(self, flat: Tensor) -> Tensor:
        """Return what lies flat (..., n) in this order, `pad` where a position holds no index."""
        positions = self._positions.to(flat.device)
        return torch.where(positions == _FILL, self.pad, flat[..., positions.clamp(min=0)])


def _by_level(grids: list[Tensor]) -> Tensor:
    return torch.cat([grid.flatten() for grid in grids])


def _interleaved(grids: list[Tensor]) -> Tensor:
    height, width = (min(grid.shape[axis] for grid in grids) for axis in (0, 1))
    cells = []
    for grid in grids:
        rows = torch.arange(grid.shape[0]) * height // grid.shape[0]
        columns = torch.arange(grid.shape[1]) * width // grid.shape[1]
        cells.append((rows[:, None] * width + columns).flatten())
    return _by_level(grids)[torch.cat(cells).argsort(stable=True)]


def _delayed(grids: list[Tensor]) -> Tensor:
    if len({grid.shape for grid in grids}) > 1:
        shown = ", ".join(dict.fromkeys(f"{grid.shape[0]} x {grid.shape[1]}" for grid in grids))
        raise ValueError(f"order='delayed': the grids differ in size ({shown}); expected another order, as 'by-level'")
    cells = grids[0].numel()
    steps = torch.full((cells + len(grids) - 1, len(grids)), _FILL)
    for number, grid in enumerate(grids):
        steps[number : number + cells, number] = grid.flatten()
    return steps.flatten()


_ORDERS: dict[Order, Callable[[list[Tensor]], Tensor]] = {
    "raster": lambda grids: torch.arange(sum(grid.numel() for grid in grids)),
    "by-level": _by_level,
    "interleaved": _interleaved,
    "delayed": _delayed,
}
"""Where in the flat grids each position of a sequence is, given the grids of each column, coarse to fine."""
