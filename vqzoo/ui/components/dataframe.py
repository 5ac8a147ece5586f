"""A table to read: its columns have widths and wrap, its numbers thousands separators."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import gradio as gr

from vqzoo.metrics.table import METRICS

_METRICS = {metric.head: metric for metric in METRICS.values()}


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
    """Return the value of a table whose cells are sorted as numbers and shown as text, "–" for None.

    A column that has a metric's heading is shown with the metric's digits.
    """
    texts = [[_text(column, cell) for column, cell in zip(columns, row, strict=True)] for row in rows]
    return {"headers": list(columns), "data": [list(row) for row in rows], "metadata": {"display_value": texts}}


def _text(column: str, cell: Any) -> str:
    if cell is None:
        return "–"
    if not isinstance(cell, (int, float)):
        return str(cell)
    metric = _METRICS.get(column)
    if metric and not metric.format.endswith("%"):  # cells of such columns are in percent already
        return metric.text(cell)
    return f"{int(cell):,}" if float(cell).is_integer() else f"{cell:,}"
