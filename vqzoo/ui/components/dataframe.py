"""A table to read: its columns have widths and wrap."""

from collections.abc import Mapping
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
