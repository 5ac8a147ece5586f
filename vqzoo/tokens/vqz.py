"""A picture's tokens as a .vqz file and back: entropy-coded with probabilities that are whole numbers.

Which symbols a file holds does not depend on floating point, so that every machine reads the same tokens. docs/vqz.md
has the format, byte by byte.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from vqzoo.ops.check import check_choice
from vqzoo.tokenizer import Tokenizer, Tokens
from vqzoo.tokens.coder import Coder, Reader, Writer
from vqzoo.tokens.header import MODELS, Header, check_pixels, seal, unseal
from vqzoo.tokens.integers import frequencies
from vqzoo.tokens.layers import Layer, grid_shapes, layers, num_columns
from vqzoo.tokens.neighbours import Table, code, read

SYMBOLS = 2**22
"""Most indices of a picture, which bounds the memory that a file can ask for."""


@dataclass(frozen=True)
class Shipped:
    """What a tokenizer ships with, beside its network.

    name: that it is loaded by. weights: SHA-256 of model.safetensors. counts: uses of each index of each column on the
    test split, None without. neighbours: path of that file, None without.
    """

    name: str
    weights: str
    counts: Sequence[Sequence[int]] | None = None
    neighbours: Path | None = None


@dataclass(frozen=True)
class Vqz:
    """A written file. data: all of it. model: of the symbols. model_bits: its cross-entropy, without the header."""

    data: bytes
    model: str
    model_bits: float

    @property
    def bits(self) -> int:
        """True bits: the size of the file."""
        return 8 * len(self.data)


def compress(tokenizer: Tokenizer, tokens: Tokens, shipped: Shipped, levels: int = 0, model: str | None = None) -> Vqz:
    """Write the tokens of one image.

    `levels` writes the first levels of a residual quantizer alone. `model` is one of `header.MODELS`, by default the
    last that the tokenizer ships with. Raises ValueError for levels or a model that it has not, for several images, and
    for a picture that is too large.
    """
    if any(len(grid) != 1 for grid in tokens.grids):
        raise ValueError(f"tokens of {len(tokens.grids[0])} images: a file holds one")
    parts = _layers(tokenizer, tokens.size, levels)
    flat = [
        _whole(grid[0].cpu().numpy(), len(part.index_sizes)).ravel()
        for grid, part in zip(tokens.grids, tokenizer.quantizers, strict=True)
    ]
    symbols = _model(parts, shipped, model)
    writer = Writer()
    symbols.code(writer, [flat[part.grid][part.positions] for part in parts])
    header = Header(shipped.name, shipped.weights, tokens.size, levels, symbols.name, symbols.checksum)
    return Vqz(seal(header, writer.data()), symbols.name, writer.bits)


def decompress(data: bytes, tokenizer: Tokenizer, shipped: Shipped) -> Tokens:
    """Return the tokens of a file, on the CPU; a ValueError says in a sentence why it cannot be read."""
    header, payload = unseal(data)
    if header.weights != shipped.weights:
        raise ValueError(
            f"the file was made with {header.name} of the weights {header.weights[:12]}...; {shipped.name} has the "
            f"weights {shipped.weights[:12]}... here, so name the model that made it"
        )
    parts = _layers(tokenizer, header.size, header.levels)
    symbols = _model(parts, shipped, header.model)
    if symbols.checksum != header.tables:
        raise ValueError(
            f"the file was made with other tables of the model {header.model!r} than {shipped.name} has here; get the "
            "version of the tokenizer that made it"
        )
    shapes = grid_shapes(tokenizer, header.size)
    flat = [np.zeros(shape, np.int64).ravel() for shape in shapes]
    grids, reader = [np.zeros(part.positions.shape, np.int64) for part in parts], Reader(payload)
    try:
        symbols.code(reader, grids)
    except (AssertionError, ValueError):  # the library's, for data that no writer wrote
        raise ValueError("the file is damaged: its symbols make no sense") from None
    if not reader.finished():
        raise ValueError("the file is damaged: its symbols do not end where its picture does")
    for part, grid in zip(parts, grids, strict=True):
        flat[part.grid][part.positions] = grid
    whole = [torch.from_numpy(each.reshape(shape))[None] for each, shape in zip(flat, shapes, strict=True)]
    if header.levels:
        whole = [whole[0][..., : num_columns(tokenizer, header.levels)]]
    return Tokens(tuple(whole), header.size)


def _layers(tokenizer: Tokenizer, size: tuple[int, int], levels: int) -> list[Layer]:
    """Return `layers`, after a check of the size; ValueError for a picture of too many symbols."""
    check_pixels(*size)
    number = sum(height * width * columns for height, width, columns in grid_shapes(tokenizer, size))
    if number > SYMBOLS:
        raise ValueError(
            f"a picture of {size[1]} x {size[0]} pixels has {number:,} indices; at most {SYMBOLS:,} are written, so "
            "shrink it first or choose a tokenizer of fewer"
        )
    return layers(tokenizer, size, levels)


def _whole(grid: np.ndarray, columns: int) -> np.ndarray:
    """Return indices (h, w, q) of the first levels with zeros for those of the others."""
    return np.pad(grid, ((0, 0), (0, 0), (0, columns - grid.shape[2])))


class _Even:
    """Every symbol as likely, for tokenizers whose indices were never counted."""

    name, checksum = MODELS[0], 0

    def __init__(self, parts: Sequence[Layer]):
        self.parts = parts

    def code(self, coder: Coder, grids: Sequence[np.ndarray]) -> None:
        """Code the symbols (h, w) of each layer in place."""
        for part, grid in zip(self.parts, grids, strict=True):
            if part.size > 1:
                grid[:] = coder.code_evenly(part.size, grid.ravel()).reshape(grid.shape)


class _Usage:
    """The shares of each layer's symbols on the test split, one added to each count."""

    name = MODELS[1]

    def __init__(self, parts: Sequence[Layer], counts: Sequence[Sequence[int]]):
        self.tables = []
        for part in parts:
            columns = [counts[column] for column in part.columns]
            if any(len(column) != part.size for column in columns):
                raise ValueError(f"usage counts of {len(columns[0])} symbols; the tokenizer has {part.size}")
            uses = columns[0] if len(columns) == 1 else list(map(sum, zip(*columns, strict=True)))
            shift = max(0, max(uses).bit_length() - 37)
            self.tables.append(frequencies(np.array([use >> shift for use in uses]) + 1))
        self.checksum = zlib.crc32(b"".join(table.astype("<u4").tobytes() for table in self.tables))

    def code(self, coder: Coder, grids: Sequence[np.ndarray]) -> None:
        """Code the symbols (h, w) of each layer in place."""
        for table, grid in zip(self.tables, grids, strict=True):
            if len(table) > 1:
                grid[:] = coder.code(table, grid.ravel()).reshape(grid.shape)


class _Neighbours:
    """Symbols by those around them, see `neighbours`."""

    name = MODELS[2]

    def __init__(self, parts: Sequence[Layer], tables: Sequence[Table]):
        self.sizes, self.tables = [part.size for part in parts], tables
        arrays = [array for table in tables for array in (table.bias, table.vectors, *table.around)]
        self.checksum = zlib.crc32(b"".join(array.astype(array.dtype.newbyteorder("<")).tobytes() for array in arrays))

    def code(self, coder: Coder, grids: Sequence[np.ndarray]) -> None:
        """Code the symbols (h, w) of each layer in place."""
        code(coder, self.tables, self.sizes, grids)


def _model(parts: Sequence[Layer], shipped: Shipped, name: str | None) -> _Even | _Usage | _Neighbours:
    """Return the model of that name; without a name the best that the tokenizer ships with."""
    if name is not None:
        check_choice("model", name, MODELS)
    if name in (None, "neighbours") and shipped.neighbours is not None:
        tables = read(shipped.neighbours, shipped.weights, [part.size for part in parts])
        if tables is not None:
            return _Neighbours(parts, tables)
    if name in (None, "usage") and shipped.counts is not None:
        return _Usage(parts, shipped.counts)
    if name in (None, "even"):
        return _Even(parts)
    raise ValueError(f"{shipped.name} has no tables of the model {name!r}, or they are of other weights")
