"""A gr.HTML of three files beside this one: its elements, their style, and the script that fills them."""

from pathlib import Path
from typing import Any

import gradio as gr


def read(name: str, kind: str) -> str:
    """Return the text of a component's file; `kind` is "html", "css" or "js"."""
    return Path(__file__).with_name(f"{name}.{kind}").read_text(encoding="utf-8")


def from_files(name: str, value: dict[str, Any], elem_id: str, template: str | None = None) -> gr.HTML:
    """Create the component `name`; `template` replaces its HTML file."""
    return gr.HTML(
        value,
        html_template=template or read(name, "html"),
        css_template=read(name, "css"),
        js_on_load=read(name, "js"),
        elem_id=elem_id,
    )
