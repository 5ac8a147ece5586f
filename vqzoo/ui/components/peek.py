"""A picture beside the point of a figure that is pointed at."""

import gradio as gr

from vqzoo.ui.components.files import from_files, read


def peek(elem_id: str, figure: str) -> gr.HTML:
    """Create the component for the Plotly figure in the element of the selector `figure`.

    Its `select` event carries the name of a point, the text of its trace, on which the pointer rests; its value is
    {"name", "uri", "caption"}, which is shown while that point is pointed at, or {} for none.
    """
    return from_files("peek", {}, elem_id, read("peek", "html").replace("FIGURE", figure))
