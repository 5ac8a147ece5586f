"""Pictures side by side, or two of them in one place, with one zoom for all and their errors on one scale."""

from typing import Any

import gradio as gr

from vqzoo.ui.components.files import from_files
from vqzoo.ui.components.source import read


def viewer(
    value: dict[str, Any], elem_id: str, errors: bool = True, measured: bool = True, empty: str = "Nothing to show yet."
) -> gr.HTML:
    """Create the component; its value is that of `viewer_value`.

    `errors` shows error maps from the start, `measured` allows them at all, `empty` is the text without a picture.
    """
    template = read("viewer", "html").replace("Nothing to show yet.", empty)
    if not (errors and measured):
        template = template.replace(' value="heat" selected', ' value="heat"').replace('"off"', '"off" selected')
    if not measured:
        template = template.replace('class="vq-viewer"', 'class="vq-viewer vq-bare"')
    return from_files("viewer", value, elem_id, template)
