"""The grids of a tokenizer's indices that lie over an image, one after another, coarse to fine."""

from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from vqzoo.quantizers import Quantizer
from vqzoo.tokenizer import Tokenizer


@dataclass(frozen=True, eq=False)
class Layer:
    """A grid with one index per cell of the image: a column of indices, or all columns of one scale.

    grid: number of its token grid. positions: (h, w), row-major positions of its indices in that grid (h', w', q).
    columns: numbers of its columns among those of all grids. size: its alphabet.
    """

    grid: int
    positions: np.ndarray
    columns: tuple[int, ...]
    size: int


def grid_shapes(tokenizer: Tokenizer, size: tuple[int, int]) -> list[tuple[int, int, int]]:
    """Return the shape (h, w, q) of each level's indices for an image of a height and width in pixels."""
    sides = zip(tokenizer.grid_sizes(size), tokenizer.quantizers, strict=True)
    return [(height, width, len(part.index_sizes)) for (height, width), part in sides]


def layers(tokenizer: Tokenizer, size: tuple[int, int], levels: int = 0) -> list[Layer]:
    """Return the layers of an image of a height and width in pixels; with `levels` those of the first ones alone.

    Raises ValueError for levels that the tokenizer does not have.
    """
    result, start = [], 0
    for number, (part, shape) in enumerate(zip(tokenizer.quantizers, grid_shapes(tokenizer, size), strict=True)):
        for grid in part.index_grids(*shape[:2]):
            positions = grid.numpy()
            columns = np.unique(positions % shape[2]).tolist()
            alphabet = part.index_sizes[columns[0]]
            result.append(Layer(number, positions, tuple(start + column for column in columns), alphabet))
        start += shape[2]
    if levels:
        last = num_columns(tokenizer, levels)
        result = [layer for layer in result if layer.columns[0] < last]
    return result


def num_columns(tokenizer: Tokenizer, levels: int) -> int:
    """Return how many columns the first `levels` of a residual quantizer have; ValueError for another tokenizer."""
    ends = list(accumulate(level_columns(tokenizer)))
    if not ends:
        raise ValueError("levels: this tokenizer's quantizer is no sum of levels; all of it has to be written")
    if not 1 <= levels <= len(ends):
        raise ValueError(f"levels={levels}: this tokenizer has {len(ends)}; choose from 1 to {len(ends)}")
    return ends[levels - 1]


def level_columns(tokenizer: Tokenizer) -> tuple[int, ...]:
    """Return the number of columns of each level that approximates on its own; empty where none does."""
    parts: tuple[Quantizer, ...] = tokenizer.quantizers
    return parts[0].level_columns if len(parts) == 1 else ()
