"""A model of symbols by their neighbours: whole numbers throughout, learnt on the train split, adapted as symbols come.

The score of a symbol, a logarithm in steps of 1/256, is its bias and the product of its vector with the sum of the
vectors of what is around the cell: the symbols to the left, above and above to the right, and those at its position in
the one or two layers before. The bias learns as symbols come, as in online logistic regression: it is raised in
proportion to how much more often than expected the symbol came.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from vqzoo.files.storage import atomic_write, check_size
from vqzoo.ops.text import brief
from vqzoo.tokens.coder import Coder
from vqzoo.tokens.integers import PRECISION, frequencies, power

LIMIT = 8 * 2**20
"""Largest file, in bytes, that is read."""
SCALE = 32
"""Vectors are stored in steps of 1/SCALE."""
_FORMAT = "vqzoo neighbours 1"
_SHIFT = 2  # a product of two vectors is in steps of 1/1024
_MOST_DIM = 64
_AROUND = ((0, -1), (-1, 0), (-1, 1))
_COUNT = 1 << 16  # what one symbol counts
_PRIOR, _MEMORY = 2 * _COUNT, 16 * _COUNT  # a step of the bias is surprise divided by what was expected, within these
_FRACTION = 8  # bits behind the point of a bias
_RATE = 369 << _FRACTION  # 256 / ln 2, a surprise of one in steps of 1/256
_STEP = 512 << _FRACTION  # largest step
_CHUNK = 1 << 19  # scores that are computed at once


@dataclass(frozen=True, eq=False)
class Table:
    """What was learnt of one layer with K symbols.

    bias: (K,) int16 in steps of 1/256. vectors: (K, d) int8 in steps of 1/32. around: for each neighbour (K' + 1, d)
    int8, by its symbol, the last row for a cell without that neighbour; K' is the alphabet of the neighbour's layer.
    """

    bias: np.ndarray
    vectors: np.ndarray
    around: tuple[np.ndarray, ...]


def write(path: Path, tables: Sequence[Table], weights: str) -> None:
    """Write the tables of all layers for a model whose weights have this SHA-256, whole at any moment."""
    state: dict[str, np.ndarray] = {}
    for number, table in enumerate(tables):
        state |= {f"{number}.bias": table.bias, f"{number}.vectors": table.vectors}
        state |= {f"{number}.around.{which}": vectors for which, vectors in enumerate(table.around)}
    with atomic_write(path) as partial:
        save_file(state, partial, {"format": _FORMAT, "weights_sha256": weights})


def read(path: Path, weights: str, sizes: Sequence[int]) -> list[Table] | None:
    """Return the tables of a file for layers with alphabets of these sizes; None for one of other weights.

    Raises ValueError for a damaged file.
    """
    where = f"{path.name} of {path.parent.name}"
    check_size(where, path.stat().st_size, LIMIT)
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != _FORMAT or metadata.get("weights_sha256") != weights:
                return None
            state = {key: file.get_tensor(key) for key in file.keys()}
    except SafetensorError as error:
        raise ValueError(f"{where} is damaged: {brief(error, 120)}") from None
    tables = []
    for number in range(len(sizes)):
        around = around_sizes(sizes, number)
        vectors = state.get(f"{number}.vectors", np.empty(0))
        dim = vectors.shape[-1] if 0 < vectors.shape[-1] <= _MOST_DIM else 1
        wanted = {f"{number}.bias": (np.int16, (sizes[number],)), f"{number}.vectors": (np.int8, (sizes[number], dim))}
        names = [f"{number}.around.{which}" for which in range(len(around))]
        wanted |= {name: (np.int8, (size + 1, dim)) for name, size in zip(names, around, strict=True)}
        for name, (dtype, shape) in wanted.items():
            if name not in state or state[name].dtype != dtype or state[name].shape != shape:
                raise ValueError(f"{where} is damaged: expected {name!r} of type {dtype.__name__} and shape {shape}")
        tables.append(Table(state[f"{number}.bias"], vectors, tuple(state[name] for name in names)))
    return tables


def around_sizes(sizes: Sequence[int], number: int) -> list[int]:
    """Return the alphabet of each neighbour of a symbol of layer `number`, in the order of `contexts`."""
    return [sizes[number]] * len(_AROUND) + [sizes[before] for before in _before(number)]


def _before(number: int) -> range:
    """Return the numbers of the layers before in which a symbol has neighbours, nearest first."""
    return range(number - 1, max(number - 3, -1), -1)


def contexts(grids: Sequence[np.ndarray], number: int, sizes: Sequence[int], at: tuple[np.ndarray, ...]) -> np.ndarray:
    """Return the symbols around cells of layer `number`, (n, neighbours); an alphabet's size stands for none.

    `grids` are the symbols (h, w) of each layer, of which those in front of a cell have to be known. `at` are the rows
    and columns (n,) of the cells.
    """
    rows, columns = at
    height, width = grids[number].shape
    around = []
    for down, right in _AROUND:
        inside = (rows + down >= 0) & (columns + right >= 0) & (columns + right < width)
        symbols = grids[number][rows + down, (columns + right) % width]
        around.append(np.where(inside, symbols, sizes[number]))
    for before in _before(number):
        high, wide = grids[before].shape
        around.append(grids[before][rows * high // height, columns * wide // width])
    return np.stack(around, 1)


def code(coder: Coder, tables: Sequence[Table], sizes: Sequence[int], grids: Sequence[np.ndarray]) -> None:
    """Code the symbols (h, w) of all layers, whose alphabets are `sizes`; a reader fills the grids."""
    for number, grid in enumerate(grids):
        if sizes[number] > 1:
            _Layer(coder, tables[number], grids, number, sizes).code(grid)


class _Layer:
    """Codes one layer, in fronts of cells whose neighbours are all known."""

    def __init__(
        self, coder: Coder, table: Table, grids: Sequence[np.ndarray], number: int, sizes: Sequence[int]
    ) -> None:
        self.coder, self.grids, self.number, self.sizes = coder, grids, number, sizes
        self.bias = table.bias.astype(np.int64) << _FRACTION
        self.vectors = table.vectors.T.astype(np.int32)
        self.around = [vectors.astype(np.int32) for vectors in table.around]
        self.expected = np.full(sizes[number], _PRIOR)

    def code(self, grid: np.ndarray) -> None:
        """Code the layer's symbols (h, w) in place."""
        height, width = grid.shape
        most = max(1, _CHUNK // self.sizes[self.number])
        for front in range(width + 2 * (height - 1)):
            rows = np.arange(max(0, (front - width + 2) // 2), min(height - 1, front // 2) + 1)
            for start in range(0, len(rows), most):
                part = rows[start : start + most]
                self._code(grid, (part, front - 2 * part))

    def _code(self, grid: np.ndarray, at: tuple[np.ndarray, ...]) -> None:
        shares = frequencies(power(self._behind(contexts(self.grids, self.number, self.sizes, at))))
        grid[at] = self.coder.code(shares, grid[at])
        expected = shares.sum(0) >> (PRECISION - 16)
        surprise = -expected
        np.add.at(surprise, grid[at], _COUNT)
        self.expected = np.minimum(self.expected + expected, _MEMORY)
        self.bias += np.clip(surprise * _RATE // self.expected, -_STEP, _STEP)

    def _behind(self, around: np.ndarray) -> np.ndarray:
        """Return how far each symbol's score is behind the best, (n, K) in steps of 1/256, given `contexts`."""
        hidden = sum(vectors[symbols] for vectors, symbols in zip(self.around, around.T, strict=True))
        # einsum has a fast loop for whole numbers, which matmul has not.
        scores = (np.einsum("nd,dk->nk", hidden, self.vectors) >> _SHIFT) + (self.bias >> _FRACTION).astype(np.int32)
        behind: np.ndarray = scores.max(-1, keepdims=True) - scores
        return behind
