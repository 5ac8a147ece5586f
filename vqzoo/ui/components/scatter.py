"""The map of a codebook: points that can be pointed at and picked."""

import gradio as gr

from vqzoo.ui.components.files import from_files


def scatter(elem_id: str) -> gr.HTML:
    """The component; its value is what `map_value` makes, or {} for nothing to show.

    Its `select` event carries the index of a codevector that is picked.
    """
    return from_files("scatter", {}, elem_id)
