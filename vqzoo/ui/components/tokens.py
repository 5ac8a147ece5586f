"""The grid of tokens over a photograph: point at a cell to read it, pick it to see where its codevector is used."""

import gradio as gr

from vqzoo.ui.components.files import from_files


def tokens(elem_id: str) -> gr.HTML:
    """Create the component; its value is that of `tokens_value`, or {} when empty.

    Its `select` event carries row, column and index of the selected cell.
    """
    return from_files("tokens", {}, elem_id)
