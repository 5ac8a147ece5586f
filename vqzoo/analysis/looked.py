"""What a tokenizer makes of a photograph, cell by cell: numbers for whoever shows them, without torch."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True, eq=False)
class Layer:
    """One grid of single indices that lies over the image: a column, or all columns of one scale.

    grid: which of the token grids it is part of. places: (h, w), where its indices are in that grid, which counts
    row-major. columns: their numbers among the columns of all grids; codebook: the one they point into, of `size`.
    """

    label: str
    grid: int
    places: np.ndarray
    columns: tuple[int, ...]
    codebook: int
    size: int


@dataclass(frozen=True, eq=False)
class Look:
    """pixels: uint8 (h, w, 3), what went in, grey where the tokenizer is; padded: height and width that the grids
    cover, from the upper left; grids: of each level int32 (h, w, q); distances: float32 of the same shape, see
    `Quantizer.distances`; counts, codebook_of: those of `analysis.usage`. norms: of each codebook, index -> length of
    every codevector that is used here."""

    pixels: np.ndarray
    padded: tuple[int, int]
    grids: tuple[np.ndarray, ...]
    distances: tuple[np.ndarray, ...]
    layers: tuple[Layer, ...]
    counts: tuple[np.ndarray, ...]
    codebook_of: tuple[int, ...]
    norms: tuple[dict[int, float], ...] = field(default=())

    def indices(self, layer: Layer) -> np.ndarray:
        """(h, w) int32 of a layer."""
        return self.grids[layer.grid].reshape(-1)[layer.places]

    def distance(self, layer: Layer) -> np.ndarray:
        """(h, w) float32 of a layer."""
        return self.distances[layer.grid].reshape(-1)[layer.places]

    def cells(self, codebook: int, index: int) -> Iterator[tuple[Layer, int, int]]:
        """Every place that holds a codevector: layer, row, column, one layer after the other."""
        for layer in self.layers:
            if layer.codebook == codebook:
                for row, column in zip(*np.nonzero(self.indices(layer) == index), strict=True):
                    yield layer, int(row), int(column)

    def box(self, layer: Layer, row: int, column: int) -> tuple[int, int, int, int]:
        """Left, top, right and bottom in pixels of what a cell stands for; it may lie beyond the picture's edge."""
        (height, width), (rows, columns) = self.padded, layer.places.shape
        left, right = (round(width * place / columns) for place in (column, column + 1))
        top, bottom = (round(height * place / rows) for place in (row, row + 1))
        return left, top, right, bottom


def by_codebook(counts: Sequence[np.ndarray], codebook_of: Sequence[int]) -> list[np.ndarray]:
    """Counts of each codebook (K,), the columns that share it added up."""
    numbers = sorted(set(codebook_of))
    return [sum((c for c, of in zip(counts, codebook_of, strict=True) if of == number), 0) for number in numbers]  # type: ignore[misc]


def sharing(counts: Sequence[np.ndarray], codebook_of: Sequence[int]) -> list[list[float]]:
    """Of each codebook that several columns share: the share of its codevectors used by at least n of these columns,
    n = 1 to their number (LooC, arXiv:2601.00222, supplement, figure 8)."""
    curves = []
    for number in sorted(set(codebook_of)):
        columns = [c for c, of in zip(counts, codebook_of, strict=True) if of == number]
        if len(columns) > 1:
            users = np.sum([column > 0 for column in columns], axis=0)
            curves.append([float((users >= least).mean()) for least in range(1, len(columns) + 1)])
    return curves
