"""The figures of a comparison: one row a model, the codecs at the same bits folded behind it."""

from typing import Any

import gradio as gr

from vqzoo.ui.components.files import from_files


def measures(value: dict[str, Any], elem_id: str) -> gr.HTML:
    """Create the component; its value is {"heads": [{"text", "tip"}], "rows": [[...]], "tips", "behind", "order"}.

    The first cell of a row is its name, `tips` are by name, `behind` are the names of the codecs behind each model.
    """
    return from_files("measures", value, elem_id)
