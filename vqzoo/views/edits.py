"""Tokens edited by hand and decoded again."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vqzoo.views.comparison import Comparison
from vqzoo.views.inspector import Inspector
from vqzoo.views.patches import check_index
from vqzoo.views.pictures import Difference, Picture, viewer_value


@dataclass(frozen=True)
class Edit:
    """A new index for one cell: the label of its layer, and row and column counted from 0."""

    layer: str
    row: int
    column: int
    index: int


def edited(inspector: Inspector, name: str, shown: Comparison, edits: Sequence[Edit]) -> dict[str, Any]:
    """Return the viewer's value: the image decoded before and after the edits, and the difference of the two.

    Raises ValueError as `edited_pictures` does.
    """
    before, after, note = edited_pictures(inspector, name, shown, edits)
    return viewer_value([before, after, Difference("difference of the two", before, after)], note)


def edited_pictures(
    inspector: Inspector, name: str, shown: Comparison, edits: Sequence[Edit]
) -> tuple[Picture, Picture, str]:
    """Return the image decoded before and after the edits, and a note on these.

    Raises ValueError for an unknown layer, a cell outside the grid, or an index outside the alphabet.
    """
    encoded = inspector.inspect(name, shown)
    grids = [grid.copy() for grid in encoded.grids]
    changes = []
    for edit in edits:
        label, row, column, index = edit.layer, edit.row, edit.column, edit.index
        layer = next((layer for layer in encoded.layers if layer.label == label), None)
        if layer is None:
            raise ValueError(
                f"{label!r} is no column here; expected one of {', '.join(x.label for x in encoded.layers)}"
            )
        check_index(layer, index)
        rows, columns = layer.positions.shape
        if not (0 <= row < rows and 0 <= column < columns):
            raise ValueError(f"row {row + 1}, column {column + 1}: the grid has {rows} rows and {columns} columns")
        flat = grids[layer.grid].reshape(-1)
        cell = layer.positions[row, column]
        where = f"{label}, " if len(encoded.layers) > 1 else ""
        changes.append(f"{where}row {row + 1}, column {column + 1}: {flat[cell]:,} became {index:,}")
        flat[cell] = index
    size = encoded.pixels.shape[:2]
    before = Picture("as encoded", inspector.decode(name, encoded.grids, size), "decoded from the tokens of this image")
    after = Picture(
        "changed", inspector.decode(name, grids, size), f"{len(edits)} {'change' if len(edits) == 1 else 'changes'}"
    )
    earlier = f"; and {len(changes) - 4} before" if len(changes) > 4 else ""
    return before, after, f"{'; '.join(changes[-4:])}{earlier}." if changes else ""
