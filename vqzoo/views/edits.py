"""Tokens changed by hand and decoded again."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vqzoo.views.comparison import Comparison
from vqzoo.views.looker import Looker
from vqzoo.views.patches import check_index
from vqzoo.views.pictures import Difference, Picture, viewer_value


@dataclass(frozen=True)
class Edit:
    """The label of a layer, a cell of it, counted from 0, and the index that the cell gets."""

    layer: str
    row: int
    column: int
    index: int


def edited(looker: Looker, name: str, shown: Comparison, edits: Sequence[Edit]) -> dict[str, Any]:
    """The viewer's value: what was decoded before, after, and the difference of the two.

    Raises ValueError for a cell or an index that there is not.
    """
    look = looker.look(name, shown)
    grids = [grid.copy() for grid in look.grids]
    said = []
    for edit in edits:
        label, row, column, index = edit.layer, edit.row, edit.column, edit.index
        layer = next((layer for layer in look.layers if layer.label == label), None)
        if layer is None:
            raise ValueError(f"{label!r} is no column here; expected one of {', '.join(x.label for x in look.layers)}")
        check_index(layer, index)
        rows, columns = layer.positions.shape
        if not (0 <= row < rows and 0 <= column < columns):
            raise ValueError(f"row {row + 1}, column {column + 1}: the grid has {rows} rows and {columns} columns")
        flat = grids[layer.grid].reshape(-1)
        position = layer.positions[row, column]
        where = f"{label}, " if len(look.layers) > 1 else ""
        said.append(f"{where}row {row + 1}, column {column + 1}: {flat[position]:,} became {index:,}")
        flat[position] = index
    size = look.pixels.shape[:2]
    before = Picture("as encoded", looker.decode(name, look.grids, size), "decoded from the tokens of this image")
    after = Picture(
        "changed", looker.decode(name, grids, size), f"{len(edits)} {'change' if len(edits) == 1 else 'changes'}"
    )
    note = f"{'; '.join(said[-4:])}{f'; and {len(said) - 4} before' if len(said) > 4 else ''}." if said else ""
    return viewer_value([before, after, Difference("difference of the two", before, after)], note)
