"""An encoded photograph, cell by cell, as NumPy arrays for display; torch is not needed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True, eq=False)
class Layer:
    """A grid with one index per cell of the image: a column of indices, or all columns of one scale.

    grid: number of its token grid. positions: (h, w), row-major positions of its indices in that grid. columns: numbers
    of its columns among those of all grids. codebook: number of its codebook, which has `size` codevectors.
    """

    label: str
    grid: int
    positions: np.ndarray
    columns: tuple[int, ...]
    codebook: int
    size: int


@dataclass(frozen=True, eq=False)
class EncodedImage:
    """A photograph encoded by a tokenizer.

    pixels: uint8 (h, w, 3), the original, grey if the tokenizer is. padded: height and width that the grids cover, from
    the upper left. grids: int32 (h, w, q) for each level. distances: float32 of the same shapes, see
    `Quantizer.distances`. counts, codebook_of: as in `analysis.usage`. norms: index -> length of each codevector in
    use, for each codebook.
    """

    pixels: np.ndarray
    padded: tuple[int, int]
    grids: tuple[np.ndarray, ...]
    distances: tuple[np.ndarray, ...]
    layers: tuple[Layer, ...]
    counts: tuple[np.ndarray, ...]
    codebook_of: tuple[int, ...]
    norms: tuple[dict[int, float], ...] = field(default=())

    def indices(self, layer: Layer) -> np.ndarray:
        """Return the indices (h, w) int32 of a layer."""
        return np.take(self.grids[layer.grid], layer.positions)

    def distance(self, layer: Layer) -> np.ndarray:
        """Return the distances (h, w) float32 of a layer."""
        return np.take(self.distances[layer.grid], layer.positions)

    def cells(self, codebook: int, index: int) -> Iterator[tuple[Layer, int, int]]:
        """Yield (layer, row, column) of each cell that uses a codevector, layer by layer."""
        for layer in self.layers:
            if layer.codebook == codebook:
                for row, column in zip(*np.nonzero(self.indices(layer) == index), strict=True):
                    yield layer, int(row), int(column)

    def box(self, layer: Layer, row: int, column: int) -> tuple[int, int, int, int]:
        """Return left, top, right and bottom of a cell in pixels; padding can put it beyond the edge of the image."""
        (height, width), (rows, columns) = self.padded, layer.positions.shape
        left, right = (round(width * edge / columns) for edge in (column, column + 1))
        top, bottom = (round(height * edge / rows) for edge in (row, row + 1))
        return left, top, right, bottom


def sharing(counts: Sequence[np.ndarray], codebook_of: Sequence[int]) -> list[list[float]]:
    """Return curves of the share of codevectors that at least n columns use, n = 1, 2, ..., number of columns.

    There is one curve for each codebook that several columns share (LooC, arXiv:2601.00222, supplement, figure 8).
    """
    curves = []
    for number in sorted(set(codebook_of)):
        columns = [c for c, of in zip(counts, codebook_of, strict=True) if of == number]
        if len(columns) > 1:
            users = np.sum([column > 0 for column in columns], axis=0)
            curves.append([float((users >= least).mean()) for least in range(1, len(columns) + 1)])
    return curves
