"""The map of a codebook: points that can be pointed at and picked."""

import gradio as gr

from vqzoo.ui.components.files import from_files


def scatter(elem_id: str) -> gr.HTML:
    """Create the component; its value is that of `map_value`, or {} when empty.

    Its `select` event carries the index of the selected codevector.
    """
    return from_files("scatter", {}, elem_id)
