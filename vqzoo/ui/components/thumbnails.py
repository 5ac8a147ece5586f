"""Small pictures to choose one of; its `select` event carries the `label` of the one that was clicked on."""

import base64
import io
from collections.abc import Mapping
from html import escape
from pathlib import Path

import gradio as gr
from PIL import Image

_SIDE = 144  # pixels of a thumbnail, drawn at half of that
_CSS = """
div { display: flex; flex-wrap: wrap; gap: 8px; }
button { width: 72px; height: 72px; padding: 0; overflow: hidden; border: 1px solid var(--border-color-primary);
  border-radius: 8px; cursor: pointer; }
button:hover { border-color: var(--color-accent); }
img { display: block; width: 100%; height: 100%; margin: 0; object-fit: cover; }
"""
_JS = """
element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button) trigger("select", { label: button.title });
});
"""


def thumbnails(pictures: Mapping[str, Path], elem_id: str) -> gr.HTML:
    """Create the component for files by label."""
    buttons = "".join(map(_button, pictures, pictures.values()))
    template = f'<div role="group" aria-label="examples">{buttons}</div>'
    return gr.HTML("", html_template=template, css_template=_CSS, js_on_load=_JS, elem_id=elem_id)


def _button(label: str, path: Path) -> str:
    with Image.open(path) as picture:
        picture.thumbnail((_SIDE, _SIDE))
        file = io.BytesIO()
        picture.convert("RGB").save(file, "WEBP", quality=80)
    uri = "data:image/webp;base64," + base64.b64encode(file.getvalue()).decode()
    name = escape(label, quote=True)
    return f'<button type="button" title="{name}" aria-label="example: {name}"><img alt="" src="{uri}"></button>'
