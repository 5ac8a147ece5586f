"""A table to read: its columns have widths and wrap, its numbers thousands separators."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import gradio as gr


def dataframe(
    columns: Mapping[str, tuple[Literal["str", "number"], str]], elem_id: str, **settings: Any
) -> gr.Dataframe:
    """Make the component of columns, heading -> (type, share of the width); `settings` are gr.Dataframe's own."""
    return gr.Dataframe(
        headers=list(columns),
        datatype=[kind for kind, _ in columns.values()],
        column_widths=[width for _, width in columns.values()],
        interactive=False,
        elem_id=elem_id,
        show_search="none",
        wrap=True,
        **settings,
    )


def table_value(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> dict[str, Any]:
    """Return the value of a table whose cells are sorted as numbers and shown as text, "–" for None."""
    texts = [[_text(cell) for cell in row] for row in rows]
    return {"headers": list(columns), "data": [list(row) for row in rows], "metadata": {"display_value": texts}}


def _text(cell: Any) -> str:
    if cell is None:
        return "–"
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    return f"{cell:,}" if isinstance(cell, (int, float)) else str(cell)
