"""The models to compare: removable chips, and a drawer with a search box and all models in groups."""

from typing import Any

import gradio as gr

from vqzoo.ui.components.files import from_files


def picker(value: dict[str, Any], elem_id: str) -> gr.HTML:
    """Create the component; its value is {"chosen": names, "groups": [{"label", "id", "models": [{"name", "tip"}]}]}.

    Its `input` event comes a moment after the last of several clicks. Every click also sends the document the event
    `vqzoo-chosen` with the names.
    """
    return from_files("picker", value, elem_id)
