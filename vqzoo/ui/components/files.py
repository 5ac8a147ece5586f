"""A gr.HTML of three files beside this one: its elements, their style, and the script that fills them."""

from typing import Any

import gradio as gr

from vqzoo.ui.components.source import read


def from_files(name: str, value: dict[str, Any], elem_id: str, template: str | None = None) -> gr.HTML:
    """Create the component `name`; `template` replaces its HTML file."""
    return gr.HTML(
        value,
        html_template=template or read(name, "html"),
        css_template=read(name, "css"),
        js_on_load=read(name, "js"),
        elem_id=elem_id,
    )
