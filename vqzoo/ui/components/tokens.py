"""The grid of tokens over a photograph: point at a cell to read it, pick it to see where its codevector is used."""

import gradio as gr

from vqzoo.ui.components.files import from_files


def tokens(elem_id: str) -> gr.HTML:
    """The component; its value is what `tokens_value` makes, or {} for nothing to show.

    Its `select` event carries row, column and index of a cell that is picked.
    """
    return from_files("tokens", {}, elem_id)
